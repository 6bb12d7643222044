"""What can be learnt from the files of a foreign folder without running them."""

from __future__ import annotations

import ast
import difflib
import importlib.metadata
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from evolver.errors import TaskError
from evolver.formatting import mistakes
from evolver.tasks.block_markers import START
from evolver.tasks.source_files import text_of, tree_of
from evolver.tasks.spec import KEBAB, LONGEST_NAME

LONGEST_SUMMARY, LONGEST_MESSAGE = 2000, 40_000
"""Characters of what is said about a task; a message that was written for models reaches them whole."""
MOST_READ = 200
"""Python files and scripts of a folder in which names of the program are looked for."""
MOST_LISTED = 12
_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
T = TypeVar("T", bound=BaseModel)


class Config(NamedTuple):
    """The settings of a foreign folder, and where they stand."""

    path: Path | None
    content: dict[str, Any]


def program_file(folder: Path, *stems: str, bare: bool = False) -> Path | None:
    """The initial program, whatever its language: Python's first, where there are several; `bare`: or its ending."""
    patterns = [f"{stem}{ending}" for stem in stems for ending in ((".*", "") if bare else (".*",))]
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]
    return min(found, key=lambda path: path.suffix != ".py", default=None)


def config_of(folder: Path, *patterns: str) -> Config:
    """The settings in the first YAML file that fits; none where there is no file. Raises TaskError."""
    for pattern in patterns or ("config.yaml", "config.yml", "config*.yaml", "config*.yml"):
        for path in sorted(folder.glob(pattern)):
            return Config(path, settings_of(path))
    return Config(None, {})


class _SettingsLoader(yaml.SafeLoader):
    """Reads what Evolver knows, and nothing in the place of values with tags of another system's."""


_SettingsLoader.add_constructor(None, lambda loader, node: None)


def settings_of(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file's first document; empty if there is no file. Raises TaskError."""
    if not path.is_file():
        return {}
    try:
        content = next(iter(yaml.load_all(text_of(path), _SettingsLoader)), None)
    except yaml.YAMLError as error:
        raise TaskError(f"{path} is not YAML: {error}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise TaskError(f"{path}: expected settings by name, found {type(content).__name__}")
    return content


def read_as(form: type[T], config: Config) -> T:
    """The settings that are used here; one that is null or cannot be read is as if it were not said.

    Raises TaskError for a time limit that cannot be read: any other would be a guess.
    """
    return _fitted(form, config)[0]


def unreadable(form: type[BaseModel], config: Config) -> tuple[str, ...]:
    """One line about settings that are used here and cannot be read."""
    _, wrong = _fitted(form, config)
    if config.path is None or not wrong:
        return ()
    return (f"{config.path.name}: what cannot be read is left as it is without it: {'; '.join(wrong)}",)


def _fitted(form: type[T], config: Config) -> tuple[T, list[str]]:
    content, wrong = _said(config.content), list[str]()
    while True:
        try:
            return form.model_validate(content), wrong
        except ValidationError as error:
            place, said = error.errors()[0]["loc"], mistakes(error)[0]
            if "timeout" in str(place[-1]).lower():
                raise TaskError(f"{config.path}: {said}") from None
            wrong.append(said)
            _drop(content, place)


def _said(content: dict[str, Any]) -> dict[str, Any]:
    """A mapping without what is null, at any depth."""
    return {k: _said(v) if isinstance(v, dict) else v for k, v in content.items() if v is not None}


def _drop(content: dict[str, Any], place: tuple[int | str, ...]) -> None:
    """Take a setting out, whole where only a part of it is wrong."""
    name, *below = place
    inner = content[str(name)]
    if below and isinstance(inner, dict) and below[0] in inner:
        _drop(inner, tuple(below))
    else:
        del content[str(name)]


def ignored(config: Config, used: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """One line about settings that change nothing here; `used` has the names that are read, by section."""
    names = []
    for name, value in config.content.items():
        if name not in used:
            names.append(str(name))
        elif isinstance(value, dict):
            names += [f"{name}.{part}" for part in value if part not in set(used[name])]
    if config.path is None or not names:
        return ()
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return (
        f"{config.path.name}: these settings change nothing, because Evolver searches in its own way: "
        f"{', '.join(names[:MOST_LISTED])}{more}",
    )


def places(folder: Path, program: Path, evaluator: Path) -> dict[str, str]:
    """Where both lie in a folder, as a runner is told; the original program's place is empty if it lies elsewhere."""
    return {
        "evaluator": evaluator.relative_to(folder).as_posix(),
        "cwd": evaluator.parent.relative_to(folder).as_posix(),
        "original": program.relative_to(folder).as_posix() if program.is_relative_to(folder) else "",
    }


def task_name(folder: Path) -> str:
    """A task name from a folder's."""
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    name = "-".join(words)[:LONGEST_NAME].strip("-")
    return name if re.fullmatch(KEBAB, name) else f"imported-{name}"[:LONGEST_NAME].strip("-")


def summary_of(message: str, *texts: str) -> str:
    """A message for models, whole; where there is none, the first text that says something, shortened."""
    if message.strip():
        return message.strip()[:LONGEST_MESSAGE]
    for text in texts:
        words = text.strip()
        if words:
            return words if len(words) <= LONGEST_SUMMARY else words[:LONGEST_SUMMARY].rsplit(None, 1)[0] + " ..."
    return "Improve the program so that its score rises."


def docstring_of(path: Path) -> str:
    """A Python file's docstring; empty for other files."""
    return (ast.get_docstring(tree_of(path)) or "") if path.suffix == ".py" else ""


def entries(folder: Path, program: Path, *users: Path) -> tuple[str, ...]:
    """Functions and classes of a Python program that other files of the folder name; none for a script.

    Raises TaskError if the program does not parse.
    """
    if not is_python(program):
        return ()
    defined = [
        node.name
        for node in tree_of(program).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    found = [path for pattern in ("*.py", "*.sh") for path in sorted(folder.rglob(pattern))][:MOST_READ]
    words = set[str]()
    for path in dict.fromkeys((*users, *found)):
        if path != program:
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8", errors="replace")))
    return tuple(name for name in defined if name in words)


def is_python(program: Path) -> bool:
    """Whether a file is a Python program; one without an ending is, if it parses."""
    if program.suffix:
        return program.suffix == ".py"
    try:
        ast.parse(text_of(program))
    except (SyntaxError, ValueError):
        return False
    return True


def absent_requirements(folder: Path) -> tuple[str, ...]:
    """One line about distributions that requirements.txt names and that are not installed here."""
    path = folder / "requirements.txt"
    if not path.is_file():
        return ()
    names = [match[1] for line in text_of(path).splitlines() if (match := _REQUIREMENT.match(line))]
    absent = [name for name in dict.fromkeys(names) if not _is_installed(name)]
    if not absent:
        return ()
    return (
        f"requirements.txt names what is not installed here: {', '.join(absent)}; whether trials need it shows when "
        "the baseline runs",
    )


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def missing_program(folder: Path, evaluator: Path, wanted: str) -> str:
    """What to say of a folder with an evaluator and no program, with the file that looks like it."""
    others = [path for path in sorted(folder.iterdir()) if path.is_file() and path != evaluator]
    marked = [path.name for path in others if path.suffix and START in path.read_text(errors="replace")]
    texts = [path.name for path in others if path.suffix in (".py", ".txt", ".md", ".cc", ".cpp", ".rs", ".go")]
    near = difflib.get_close_matches(wanted, [*marked, *texts], n=1, cutoff=0.5) or marked[:1]
    said = f"{evaluator.relative_to(folder)} found in {folder}, no {wanted}"
    if not near:
        return f"{said}; name both: `evolver run PROGRAM {evaluator}`"
    return f"{said}; {near[0]} looks like it: `evolver run {folder / near[0]} {evaluator}`"
