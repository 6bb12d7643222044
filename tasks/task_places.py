"""Where tasks are found: installed ones by name, members of a family below its folder, suites of tasks."""

from __future__ import annotations

import difflib
import logging
from pathlib import Path
from typing import NamedTuple

from evolver.errors import UnknownName
from evolver.registry import task_folders
from evolver.settings import expanded
from evolver.tasks.spec_reader import read_variants

HERE = Path(__file__).resolve().parent
SUITES = ("records",)
"""Folders of built-in tasks that belong together."""
_log = logging.getLogger(__name__)


class TaskPlace(NamedTuple):
    """The folder of a task, and which of its family it is."""

    folder: Path
    variant: str = ""
    """Empty where the folder holds one task."""
    suite: str = ""
    """The built-in suite that it belongs to."""


def installed_places() -> dict[str, TaskPlace]:
    """All installed tasks by name; Evolver's own cannot be replaced. Raises TaskError."""
    found = {name: TaskPlace(folder) for name, folder in _single_folders().items()}
    for suite in SUITES:
        found |= {place.variant or place.folder.name: place for place in _places_in(HERE / suite, suite)}
    return found


def installed_place(ref: str) -> TaskPlace:
    """An installed task by its name, with or without its suite before it. Raises UnknownName and TaskError."""
    suite, _, name = ref.replace("_", "-").rpartition("/")
    single = _single_folders()
    if not suite and name in single:
        return TaskPlace(single[name])
    places = installed_places()
    if name in places and suite in ("", places[name].suite):
        return places[name]
    near = difflib.get_close_matches(name, places, n=1)
    raise UnknownName(
        f"there is no task folder and no installed task {ref!r}; "
        + (f"did you mean {near[0]}?" if near else f"installed are {', '.join(sorted(places))}")
    )


def family_place(path: Path) -> TaskPlace | None:
    """The task that a path names below the folder of its family; None where it names none. Raises TaskError."""
    folder = path.parent
    if path.exists() or not (folder / "task.yaml").is_file() or path.name not in read_variants(folder / "task.yaml"):
        return None
    return TaskPlace(folder.resolve(), path.name)


def suite_tasks(ref: str) -> list[str]:
    """The references of the tasks in a suite: a built-in one by name, or a folder of task folders; none for a task.

    Raises TaskError.
    """
    if ref in SUITES:
        return [f"{ref}/{place.variant or place.folder.name}" for place in _places_in(HERE / ref, ref)]
    folder = expanded(ref)
    if not folder.is_dir():
        return []
    if (folder / "task.yaml").is_file():
        return [str(folder / name) for name in read_variants(folder / "task.yaml")]
    return [str(place.folder / place.variant) for place in _places_in(folder)]


def _places_in(folder: Path, suite: str = "") -> list[TaskPlace]:
    found = []
    for path in sorted(folder.glob("*/task.yaml")):
        found += [TaskPlace(path.parent, variant, suite) for variant in read_variants(path) or ("",)]
    return found


def _single_folders() -> dict[str, Path]:
    """Folders with one task each, by its name."""
    found: dict[str, Path] = {}
    for place in task_folders():
        folders = [place] if (place / "task.yaml").is_file() else [path.parent for path in place.glob("*/task.yaml")]
        for folder in sorted(folders):
            name = folder.name.replace("_", "-")
            if found.setdefault(name, folder) != folder:
                _log.warning("two packages bring a task %s: %s is left out", name, folder)
    return found | {path.parent.name: path.parent for path in HERE.glob("*/task.yaml")}
