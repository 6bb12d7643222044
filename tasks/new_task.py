"""A small working task for people to start from; `evolver task new NAME` writes it."""

from __future__ import annotations

import re
import string
from pathlib import Path

from evolver.errors import UsageError
from evolver.tasks.spec import KEBAB, LONGEST_NAME

FILES = Path(__file__).resolve().parent / "new-task"
FILLED_IN = ".template"
"""Ending of the files in which $name stands for the task's name."""


def new_task(folder: Path, name: str) -> list[Path]:
    """Write a task called `name` into `folder`, which must be absent or empty; the files written, in order.

    Raises UsageError if the name is no task name, or rather than overwrite anything.
    """
    if re.fullmatch(KEBAB, name) is None or len(name) > LONGEST_NAME:
        raise UsageError(
            f"{name!r} is not a task name; write up to {LONGEST_NAME} lower-case letters and digits "
            "in words joined by hyphens, such as my-task"
        )
    refuse_taken(folder)
    written = []
    for source in sorted(path for path in FILES.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        text = source.read_text(encoding="utf-8")
        target = folder / source.relative_to(FILES)
        if source.suffix == FILLED_IN:
            target, text = target.with_suffix(""), string.Template(text).substitute(name=name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from None
        written.append(target)
    return written


def refuse_taken(folder: Path) -> None:
    """Raise UsageError unless a folder is absent or empty."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} exists already; choose another name or remove it")
