"""What the files of a task held when it was loaded, and whether they still do."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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

    def __init__(self, root: Path) -> None:
        """Hash everything now. Raises OSError if a file cannot be read."""
        self._root = root
        self._seen = {name: _hashed(root / name, marks) for name, marks in _files(root)}
        self.digests: Mapping[str, str] = {
            name: self._seen[name].digest for name in sorted(self._seen, key=lambda name: name.split("/"))
        }
        """SHA-256 by path relative to the task's folder."""

    def broken(self) -> list[str]:
        """Files that were changed, added or removed since, relative to the task's folder."""
        now = dict(_files(self._root))
        changed = [name for name, marks in now.items() if self.digests.get(name) != self._digest(name, marks)]
        return sorted({*changed, *(self.digests.keys() - now.keys())})

    def _digest(self, name: str, marks: tuple[int, ...]) -> str | None:
        """The file's digest, from before if it cannot have changed; None if it cannot be read."""
        seen = self._seen.get(name)
        if seen is None or not seen.settled or seen.marks != marks:
            try:
                seen = self._seen[name] = _hashed(self._root / name, marks)
            except OSError:
                return None
        return seen.digest


def _hashed(path: Path, marks: tuple[int, ...]) -> _Seen:
    began = time.time_ns()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _Seen(digest=digest, marks=marks, settled=began - marks[0] > SETTLED)


def _files(root: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every file behind the score with its marks; Python's own caches are none."""
    folders = []
    for name in JUDGED:
        if (root / name).is_dir():
            folders.append(name)
        elif (marks := _marks(root / name)) is not None:
            yield name, marks
    for name in folders:
        for folder, below, names in os.walk(root / name):
            below[:] = [entry for entry in below if entry != "__pycache__"]
            inside = Path(folder).relative_to(root).as_posix()
            for entry in names:
                if (marks := _marks(Path(folder, entry))) is not None:
                    yield f"{inside}/{entry}", marks


def _marks(path: Path) -> tuple[int, ...] | None:
    """The time of the last change, which nobody can set, and the rest; None for what is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev
