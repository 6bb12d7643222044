"""Random tasks and model replies, right and wrong, from a seed: what the readers of both must take."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.support.level_task import HARNESS, JUDGE, PROGRAM, write_task

WORDS = ("level", "größe", "α", "with blank", "x" * 80, "", "-", "../up", "a/b", "null", "1e3", "😀", "'quoted'")
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 10**30, 1.5, -0.0, float("inf"), float("nan"), "", " ", "text", "10MiB", "-3GiB", "1e999"),
    *([], {}, [[]], {"a": {}}, [None], ["program.py"], ["a:b:c"], "2024-13-45", "!!python/object:os.system x", "\x00"),
)


def valid_spec(rng: random.Random) -> dict[str, Any]:
    """The content of a task.yaml that can be used."""
    stages = sorted(rng.sample(["smoke", "proxy", "full"], rng.randint(1, 3)), key=["smoke", "proxy", "full"].index)
    spec: dict[str, Any] = {
        "name": "-".join(rng.choices(["level", "curve", "wave", "x2"], k=rng.randint(1, 3))),
        "summary": rng.choice(["Find the value.", "Größe: α ≥ 2 # not a comment", "a: b"]),
        "metric": {"name": "loss", "direction": rng.choice(["minimize", "maximize"])},
        "program": {"files": ["program.py"], "entry": ["program.py:value"], "interface": "value() returns a number."},
        "stages": [
            {"name": name, "seconds": rng.choice([1, 2.5, 1000]), "replicates": rng.randint(1, 9)} for name in stages
        ],
    }
    if rng.random() < 0.5:
        spec["metric"]["range"] = rng.choice([[0, None], [None, 1.0], [-1e9, 1e9]])
    if rng.random() < 0.5:
        spec["resources"] = {"cpus": 1, "memory": rng.choice(["512MiB", "1GiB"]), "processes": 64}
    if rng.random() < 0.5:
        spec["budget"] = {"experiments": rng.randint(1, 1000)}
    return spec


def random_task(rng: random.Random, folder: Path) -> tuple[Path, bool]:
    """A task's folder, and whether it must load."""
    spec = valid_spec(rng)
    files = {"baseline/program.py": PROGRAM, "harness.py": HARNESS, "judge.py": JUDGE}
    is_valid = rng.random() < 0.4
    text = yaml.safe_dump(spec, allow_unicode=True, sort_keys=rng.random() < 0.5)
    damaged: str | None = text
    if not is_valid:
        damaged, files = rng.choice(_DAMAGES)(rng, spec, text, files)
    root = folder / "task"
    root.mkdir(parents=True)
    write_task(root, {**files, **({"task.yaml": damaged} if damaged is not None else {})})
    return root, is_valid


Damage = Callable[[random.Random, dict[str, Any], str, dict[str, str]], tuple[str | None, dict[str, str]]]


def _other_value(rng: random.Random, spec: dict[str, Any], _: str, files: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Some value anywhere is another, or one is added or taken away."""
    holders: list[Any] = [spec]
    for holder in holders:
        inner = holder.values() if isinstance(holder, dict) else holder
        holders += [value for value in inner if isinstance(value, dict | list) and value]
    holder = rng.choice(holders)
    key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    what = rng.random()
    if what < 0.6:
        holder[key] = rng.choice(ODD)
    elif what < 0.8 or not isinstance(holder, dict):
        del holder[key]
    else:
        holder[rng.choice(WORDS) or "more"] = rng.choice(ODD)
    return yaml.safe_dump(spec, allow_unicode=True), files


def _torn_text(rng: random.Random, _: dict[str, Any], text: str, files: dict[str, str]) -> tuple[str, dict[str, str]]:
    place = rng.randrange(len(text))
    more = rng.choice(
        ["", "\t", "{", "]", ": : :", "&a *a", "\x07", "- - -", "\n---\n", "!!binary x", "9" * 5000, "[" * 2000]
    )
    return text[:place] + more + text[place + rng.randint(0, 5) :], files


def _odd_text(
    rng: random.Random, _: dict[str, Any], __: str, files: dict[str, str]
) -> tuple[str | None, dict[str, str]]:
    texts = [
        "",
        "[]",
        "text",
        "5",
        "when: 2024-13-45",
        "a: " + "9" * 5000,
        "[" * 5000,
        "? [a]\n: b",
        "a: *b",
        "\ufeff",
        "%",
        "- a\n b",
    ]
    return rng.choice([*texts, None]), files


def _odd_code(rng: random.Random, _: dict[str, Any], text: str, files: dict[str, str]) -> tuple[str, dict[str, str]]:
    name = rng.choice(list(files))
    codes = [
        "",
        "def value(:",
        "x = 1\n",
        "\x00",
        "(" * 500,
        "1" + "+1" * 5000,
        "\ufeffdef value():\n    return 1\n",
        "class value: pass",
    ]
    return text, {**files, name: rng.choice(codes)}


def _missing_file(
    rng: random.Random, _: dict[str, Any], text: str, files: dict[str, str]
) -> tuple[str, dict[str, str]]:
    gone = rng.choice(list(files))
    return text, {name: content for name, content in files.items() if name != gone}


_DAMAGES: tuple[Damage, ...] = (
    _other_value,
    _other_value,
    _other_value,
    _torn_text,
    _odd_text,
    _odd_code,
    _missing_file,
)


def random_reply(rng: random.Random) -> str:
    """Something that a model may answer."""
    return rng.choice(_REPLIES)(rng)


def _text(rng: random.Random, longest: int = 60) -> str:
    letters = string.printable + "äα≥😀\u2028\x00\x0c\ud83d`~<>{}[]\"'\\"
    return "".join(rng.choices(letters, k=rng.randint(0, longest)))


def _value(rng: random.Random, depth: int = 0) -> Any:
    plain: list[Any] = [None, True, 0, -1, 10**40, 1.5, 1e308, "text", _text(rng), "\ud800"]
    if depth > 4 or rng.random() < 0.5:
        return rng.choice(plain)
    if rng.random() < 0.5:
        return [_value(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return {_text(rng, 8): _value(rng, depth + 1) for _ in range(rng.randint(0, 4))}


def _record(rng: random.Random) -> str:
    record = {"hypothesis": rng.choice(["smaller steps", _value(rng)]), "plan": rng.choice(["halve", _value(rng)])}
    if rng.random() < 0.4:
        record[_text(rng, 6)] = _value(rng)
    text = json.dumps(record, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.3:
        place = rng.randrange(len(text))
        text = (
            text[:place] + rng.choice(["", ",", "}", '"', "9" * 5000, "[" * 3000]) + text[place + rng.randint(0, 4) :]
        )
    return _wrapped(rng, text)


def _wrapped(rng: random.Random, text: str) -> str:
    return (
        rng.choice(
            [
                "{0}",
                "```json\n{0}\n```",
                "<think>\n{1}\n</think>\n{0}",
                "{1}</think>\n{0}",
                "<think>{0}",
                "Sure! {0} {1}",
                "<answer>{0}</answer>",
                "{0}{0}",
                "~~~\n{0}",
                "{0}<|im_end|>",
            ]
        )
        .replace("{0}", text)
        .replace("{1}", _text(rng))
    )


def _program(rng: random.Random) -> str:
    body = rng.choice(
        ["def value():\n    return 2.0\n", "def value(:\n", _text(rng, 300), "x = " + "(" * 400, "1" + "+1" * 4000, ""]
    )
    fence = rng.choice(["```", "````", "~~~"])
    heading = rng.choice(
        ["program.py\n", "# program.py\n", "", "other.py\n", "../../etc/passwd\n", "**`program.py`**\n"]
    )
    return _wrapped(rng, f"{heading}{fence}{rng.choice(['python', '', 'python program.py'])}\n{body}{fence}\n")


def _edit(rng: random.Random) -> str:
    old = rng.choice(["    return level + shift", "    level = 1.0\n", "    nothing", "", _text(rng)])
    parts = ["<<<<<<< SEARCH", old, "=======", rng.choice(["    return 2.0", _text(rng), ""]), ">>>>>>> REPLACE"]
    if rng.random() < 0.3:
        parts.pop(rng.randrange(len(parts)))
    return _wrapped(rng, "program.py\n" + "\n".join(parts * rng.randint(1, 3)) + "\n")


def _noise(rng: random.Random) -> str:
    return _text(rng, 2000) * rng.choice([1, 1, 50])


_REPLIES: tuple[Callable[[random.Random], str], ...] = (_record, _record, _program, _program, _edit, _edit, _noise)
