"""What the files of a task held when it was loaded, and whether they still do."""

from __future__ import annotations

import hashlib
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from evolver.errors import TaskError
from evolver.tasks.shown_files import files_of

JUDGED = ("task.yaml", "harness.py", "judge.py", "public", "inputs", "private")
"""What decides a score besides the program: files and folders of a task."""
SETTLED = 2_000_000_000
"""Nanoseconds after which another change of a file shows in its times, whatever the file system."""


@dataclass(frozen=True)
class _Seen:
    """A file when it was last hashed: its digest, and what cannot stay the same if its content changes."""

    digest: str
    marks: tuple[int, ...]
    settled: bool
    """Whether that is certain: a file may change twice within one tick of its clock."""


class TaskIntegrity:
    """Digests of all that decides a score, taken when it is made; unchanged files are not read again."""

    def __init__(self, root: Path, around: Callable[[], Iterable[tuple[str, Path]]] = tuple) -> None:
        """Hash everything now. Raises OSError if a file cannot be read.

        `around` gives the files of `baseline/` that no program may change, by their places in it.
        """
        self._root, self._around = root, around
        self._seen = {name: _hashed(path, marks) for name, path, marks in self._files()}
        self.digests: Mapping[str, str] = {
            name: self._seen[name].digest for name in sorted(self._seen, key=lambda name: name.split("/"))
        }
        """SHA-256 by path relative to the task's folder."""

    def broken(self) -> list[str]:
        """Files that were changed, added or removed since, relative to the task's folder."""
        try:
            now = {name: (path, marks) for name, path, marks in self._files()}
        except (TaskError, OSError):
            now = {}
        changed = [
            name for name, (path, marks) in now.items() if self.digests.get(name) != self._digest(name, path, marks)
        ]
        return sorted({*changed, *(self.digests.keys() - now.keys())})

    def _files(self) -> Iterator[tuple[str, Path, tuple[int, ...]]]:
        yield from _files(self._root)
        for place, path in self._around():
            if (marks := _marks(path)) is not None:
                yield f"baseline/{place}", path, marks

    def _digest(self, name: str, path: Path, marks: tuple[int, ...]) -> str | None:
        """The file's digest, from before if it cannot have changed; None if it cannot be read."""
        seen = self._seen.get(name)
        if seen is None or not seen.settled or seen.marks != marks:
            try:
                seen = self._seen[name] = _hashed(path, marks)
            except OSError:
                return None
        return seen.digest


def _hashed(path: Path, marks: tuple[int, ...]) -> _Seen:
    began = time.time_ns()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _Seen(digest=digest, marks=marks, settled=began - marks[0] > SETTLED)


def _files(root: Path) -> Iterator[tuple[str, Path, tuple[int, ...]]]:
    """Every file behind the score with its marks, as programs and judges are shown them."""
    for name in JUDGED:
        whole = root / name
        if not whole.is_dir():
            if (marks := _marks(whole)) is not None:
                yield name, whole, marks
            continue
        for place, path in files_of(whole):
            if (marks := _marks(path)) is not None:
                yield f"{name}/{place}", path, marks


def _marks(path: Path) -> tuple[int, ...] | None:
    """The time of the last change, which nobody can set, and the rest; None for what is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
