"""A task of a script that people run by hand: its command, the number that it prints or leaves, and its files."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import JsonValue

from evolver.contracts import Direction
from evolver.errors import TaskError, UsageError
from evolver.ignored_files import is_content
from evolver.tasks.file_patterns import fits
from evolver.tasks.importers.foreign_files import docstring_of
from evolver.tasks.importers.importer import ForeignTask
from evolver.tasks.importers.required_packages import hint, packages
from evolver.tasks.importers.task_writer import ORIGIN, write
from evolver.tasks.new_task import refuse_taken
from evolver.tasks.source_files import text_of
from evolver.tasks.spec import KEBAB, LONGEST_NAME

SECONDS = 600.0
_EVENTS = re.compile(r"^(?P<file>[^:()]*/):(?P<key>[^()]+)$")
"""TensorBoard events: the folder that they are below, and the tag."""
_FILE = re.compile(r"^(?P<file>[^:]+\.(?:json|jsonl|csv)):(?P<key>.+)$")
README = """# {name}

    evolver task check ./{name}
    evolver run ./{name}

Runs `{command}` and reads {metric} from {where}.

**The score can be forged.** Whoever writes the program writes the number that it prints. Read the champion before you
believe it. To have a score that cannot be forged, split the work in three:

1. `train`: the program trains and saves what it learned (`phases: [train, predict]` in `task.yaml`).
2. `predict`: in a sandbox of its own the program gets hidden inputs (`inputs/predict/`) and saves its answers.
3. `judge.py` compares the answers with what only it sees (`private/`), and returns the metric.

`evolver task new another-task` writes a small task of that kind, and docs/tasks.md says more.
"""


def script_task(
    folder: Path,
    name: str,
    script: str,
    command: str,
    metric: str,
    *,
    files: Sequence[str] = (),
    data: Sequence[str] = (),
    minimize: bool = False,
    take: str = "last",
    seconds: float = SECONDS,
    build: str = "",
    deny: Sequence[str] = (),
) -> list[Path]:
    """Write a task that runs a script; the files that were written.

    Args:
        folder: Where the task goes; it must be absent or empty.
        name: Of the task.
        script: Path of the script, relative to the working directory, as `command` names it. Empty: the program is the
            working directory, of whose last commit, if it has one, the files that `files` fits may change.
        command: What runs it there; `{seed}` becomes the trial's seed.
        metric: A regular expression with the number in a group, or FILE.json:KEY, FILE.jsonl:KEY, FILE.csv:COLUMN, or
            FOLDER/:TAG for a scalar of the TensorBoard events below a folder.
        files: Further files of the program that may change, as patterns.
        data: Files and folders that it reads.
        minimize: Whether less is better.
        take: `last`, `best` or `mean:K` of several values.
        seconds: Wall-clock limit of a trial.
        build: What is run before the trials of each new program.
        deny: Patterns of files that may not change although `files` fits them.

    Raises:
        UsageError: A file is missing, a pattern fits nothing, or a word cannot be read.
    """
    if re.fullmatch(KEBAB, name) is None or len(name) > LONGEST_NAME:
        raise UsageError(f"{name!r} is not a task name; write lower-case words joined by hyphens, such as my-task")
    refuse_taken(folder)
    texts = _program(script, files) if script else _tree(folder, files, deny)
    if not re.fullmatch(r"last|best|mean:[1-9]\d*", take):
        raise UsageError(f"--take {take}: write last, best or mean:K")
    direction: Direction = "minimize" if minimize else "maximize"
    with tempfile.TemporaryDirectory(prefix="evolver-script-") as place:
        staging = Path(place) / "files"
        staging.mkdir()
        for given in data:
            _copy(Path(given), staging)
        foreign = _foreign(staging, name, script, texts, command, metric, direction, take, seconds)
        foreign = foreign.model_copy(update={"build": build})
        if not script:
            tree: dict[str, JsonValue] = {**foreign.options, "tree": True}
            foreign = foreign.model_copy(update={"patterns": tuple(files), "deny": tuple(deny), "options": tree})
        made = write(foreign, Path(place) / "made")
        shutil.copytree(made, folder, dirs_exist_ok=True)
        origin = folder / ORIGIN
        if script:
            about = {**json.loads(origin.read_text(encoding="utf-8")), "source": str(Path.cwd())}
            origin.write_text(json.dumps(about), encoding="utf-8")
        else:
            origin.unlink()  # it is said when the campaign begins, of the program as it is then
    where = foreign.options["file"] or "what it prints"
    words = {"name": name, "command": command, "metric": foreign.metric, "where": where}
    (folder / "README.md").write_text(README.format(**words), encoding="utf-8")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _program(script: str, patterns: Sequence[str]) -> dict[str, str]:
    """The files that may change: the script first. Raises UsageError."""
    names = [script]
    for pattern in patterns:
        found = sorted(path.as_posix() for path in Path().glob(pattern) if path.is_file())
        if not found:
            raise UsageError(f"--files {pattern}: no file fits")
        names += found
    for name in names:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise UsageError(f"{name} lies outside the working directory; go to the folder that has all files")
        if not Path(name).is_file():
            raise UsageError(f"--from {name}: there is no such file here")
    return {Path(name).as_posix(): text_of(Path(name)) for name in dict.fromkeys(names)}


def _tree(folder: Path, patterns: Sequence[str], deny: Sequence[str]) -> dict[str, str]:
    """The text files of the working directory that fit. Raises UsageError where none does."""
    if not patterns:
        raise UsageError("name the script with --from, or the files that may change with --files 'src/**'")
    for pattern in (*patterns, *deny):
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts or pattern.startswith((".", "/")):
            raise UsageError(f"{pattern} is no pattern of files within the working directory; write one like src/**")
    apart, found = folder.absolute(), dict[str, str]()
    for path in sorted(Path().rglob("*")):
        name = path.as_posix()
        inside = path.is_file() and is_content(path) and not path.absolute().is_relative_to(apart)
        if inside and fits(name, patterns) and not fits(name, deny):
            with suppress(TaskError):
                found[name] = text_of(path)
    if not found:
        raise UsageError(f"--files {' '.join(patterns)}: no text file fits")
    return found


def _copy(path: Path, staging: Path) -> None:
    if path.is_absolute() or ".." in path.parts or not path.exists():
        raise UsageError(f"--data {path}: name a file or a folder within the working directory")
    target = staging / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy(path, target)


def _foreign(
    staging: Path,
    name: str,
    script: str,
    texts: dict[str, str],
    command: str,
    metric: str,
    direction: Direction,
    take: str,
    seconds: float,
) -> ForeignTask:
    read, found = _metric(metric), Path(script)
    needs = packages(Path(), *(Path(text) for text in texts if text.endswith(".py")))
    reader = ("tensorboard",) if read["file"].endswith("/") else ()
    main, *others = texts
    kept = {other: texts[other] for other in others} if script else {}
    return ForeignTask(
        system="a script of yours",
        runner="script",
        folder=staging,
        name=name,
        summary=docstring_of(found) or f"Improve what `{command}` reaches: {direction} {read['metric']}.",
        program=main,
        text=texts[main],
        more_files=kept,
        entry=(),
        metric=read["metric"],
        direction=direction,
        seconds={"full": seconds},
        replicates=5 if "{seed}" in command else 1,
        requires=tuple(dict.fromkeys((*needs.required, *reader))),
        imports=(),
        options={**read, "command": command, "take": take, "best": direction, "original": ""},
        warnings=hint(needs),
    )


def _metric(said: str) -> dict[str, str]:
    """Name, file, key and regular expression. Raises UsageError."""
    if found := _EVENTS.match(said):
        place, tag = found["file"], found["key"]
        if place.startswith("/") or ".." in Path(place).parts:
            raise UsageError(f"--metric {said}: name a folder within the working directory, or ./ for all of it")
        return {"metric": re.sub(r"\W+", "_", tag).strip("_"), "file": place, "key": tag, "source": said}
    if found := _FILE.match(said):
        key = found["key"]
        return {"metric": _name(key), "file": found["file"], "key": key, "source": said}
    try:
        pattern = re.compile(said)
    except re.error as error:
        raise UsageError(f"--metric {said!r} is no regular expression: {error}") from None
    if pattern.groups != 1:
        raise UsageError(f"--metric {said!r}: put the number into one group, as in val_acc=([\\d.]+)")
    return {"metric": _name(said), "file": "", "key": "", "source": said}


def _name(text: str) -> str:
    """A metric's name from the first word of what says where it is."""
    words = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r"\\.", " ", text))
    return str(words[-1] if "." in text and ":" not in text and "(" not in text else words[0]) if words else "metric"
