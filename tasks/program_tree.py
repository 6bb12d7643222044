"""A program that is a part of a folder: the files that may change, by patterns, and those around them that stay."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from evolver.contracts import Program
from evolver.errors import TaskError
from evolver.ignored_files import is_content
from evolver.tasks.file_patterns import fits, is_pattern
from evolver.tasks.source_files import text_of
from evolver.tasks.spec import ProgramSpec, TaskSpec
from evolver.text_files import read_text

BASELINE = "baseline"
MOST_TEXT = 16 << 20
"""Bytes that a program's files may have together."""


def program_texts(root: Path, spec: TaskSpec) -> dict[str, str]:
    """The texts of the program that a campaign starts from, by path.

    What fits a pattern and is no text stays as it is. Raises TaskError where a file that is named is gone or no text,
    or where nothing fits.
    """
    folder, program = root / BASELINE, spec.program
    texts = {}
    for name in program.files:
        if is_pattern(name):
            continue
        path = folder / name
        if not path.is_file():
            raise TaskError(
                f"{root / 'task.yaml'}: program.files: {path} does not exist; write it or drop it from the list"
            )
        texts[name] = text_of(path)
    if program.is_tree:
        for name, path in _files(folder):
            if name not in texts and may_change(program, name) and (text := _text(path)) is not None:
                texts[name] = text
    if not texts:
        raise TaskError(f"{root / 'task.yaml'}: program.files: nothing in {folder} fits {', '.join(program.files)}")
    if (size := sum(map(len, texts.values()))) > MOST_TEXT:
        raise TaskError(
            f"{root / 'task.yaml'}: program.files: what may change has {size >> 20} MiB of text, more than "
            f"{MOST_TEXT >> 20}; name fewer files, or deny some"
        )
    return texts


def may_change(program: ProgramSpec, path: str) -> bool:
    """Whether a program may have a file of that path: by the patterns, unless it is denied."""
    return fits(path, program.files) and not fits(path, program.deny) and is_content(Path(path))


def may_have(root: Path, spec: TaskSpec, path: str) -> bool:
    """Whether a program may have a file of that path, be it new: not where a file that is no text stays as it is."""
    if path in spec.program.files:
        return True
    there = root / BASELINE / path
    return may_change(spec.program, path) and (not there.is_file() or there.is_symlink() or _text(there) is not None)


def fixed_files(root: Path, spec: TaskSpec) -> Iterator[tuple[str, Path]]:
    """The files of `baseline/` that no program may change and that all are run with; none where files are listed."""
    if spec.program.is_tree:
        for name, path in _files(root / BASELINE):
            if name not in spec.program.files and (not may_change(spec.program, name) or _text(path) is None):
                yield name, path


def write_program(root: Path, spec: TaskSpec, program: Program, folder: Path) -> None:
    """Write what a trial is shown: the files that stay, and the program's own. Raises OSError."""
    for name, path in fixed_files(root, spec):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    program.write_to(folder)
    for name in program.files.keys() & _executable(root, spec).keys():
        (folder / name).chmod(0o755)


def _executable(root: Path, spec: TaskSpec) -> Mapping[str, Path]:
    """Scripts of the baseline that can be started as they are."""
    if not spec.program.is_tree:
        return {}
    return {name: path for name, path in _files(root / BASELINE) if path.stat().st_mode & 0o100}


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for place, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if name not in (".git", "__pycache__"))
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path.relative_to(folder).as_posix(), path


def _text(path: Path) -> str | None:
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text
