"""What a user says about a foreign folder: files, the metric that decides, variables, and how much is copied."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from pydantic import JsonValue

from evolver.contracts import Record
from evolver.errors import TaskError, UsageError
from evolver.redaction import Redactor
from evolver.tasks.importers.importer import ForeignTask
from evolver.tasks.importers.required_packages import own_modules

_SECRET = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|AUTH|PRIVATE)", re.IGNORECASE)
_PATHS = ("evaluator", "original", "cwd", "siblings_in")


class Choices(Record):
    """What was said beside the task's own path; empty values choose nothing."""

    evaluator: str = ""
    """Path of the evaluator, where the task is named by its program."""
    config: str = ""
    """Path of its settings."""
    root: str = ""
    """Folder of which everything is copied, above the task's own."""
    env: tuple[str, ...] = ()
    """Names of variables that trials are given."""
    metric: str = ""
    """Name of the metric that decides."""
    minimize: bool = False
    """Whether less of it is better."""

    def __bool__(self) -> bool:
        return self != Choices()


def applied(foreign: ForeignTask, choices: Choices) -> ForeignTask:
    """The task with what was chosen. Raises TaskError and UsageError."""
    metric = choices.metric or foreign.metric
    if not metric:
        raise TaskError(f"{foreign.folder} does not say which metric decides; say it with --metric NAME")
    options: dict[str, JsonValue] = {**foreign.options, "metric": metric}
    if choices.env:
        options["environment"] = dict[str, JsonValue](_variables(choices.env))
    changes = {
        "metric": metric,
        "direction": "minimize" if choices.minimize else foreign.direction,
        "options": options,
    }
    foreign = foreign.model_copy(update=changes)
    return _within(foreign, Path(choices.root).resolve()) if choices.root else foreign


def _variables(names: tuple[str, ...]) -> dict[str, str]:
    """Their values here. Raises UsageError for what is not set or looks like a secret."""
    values = {}
    for name in names:
        value = os.environ.get(name)
        if value is None:
            raise UsageError(f"--env {name}: this variable is not set here; set it, or drop the option")
        if _SECRET.search(name) or Redactor({})(value) != value:
            raise UsageError(f"--env {name}: this looks like a secret, and programs under test are shown none")
        values[name] = value
    return values


def _within(foreign: ForeignTask, root: Path) -> ForeignTask:
    """The task with everything of a folder above its own. Raises UsageError."""
    if not root.is_dir() or not foreign.folder.resolve().is_relative_to(root):
        raise UsageError(f"--root {root}: name a folder that contains {foreign.folder}")
    place = PurePosixPath(foreign.folder.resolve().relative_to(root).as_posix())
    own = own_modules(root)
    moved = {name: str(place / str(foreign.options[name])) for name in _PATHS if foreign.options.get(name)}
    cwd = {"cwd": str(place / str(foreign.options.get("cwd") or "."))}
    return foreign.model_copy(
        update={
            "folder": root,
            "requires": tuple(name for name in foreign.requires if name not in own),
            "options": {**foreign.options, **moved, **cwd},
            "imports": tuple(dict.fromkeys((*(str(place / part) for part in foreign.imports), "."))),
        }
    )
