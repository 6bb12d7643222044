"""Inputs that each job gets a copy of its own of, in memory.

Jobs that are shown the same file could signal each other by locks on it, and the mount of one tells where it lies on
the host. A copy inside the sandbox has neither; what is too large for that is shown as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from evolver.errors import SandboxError
from evolver.sandbox.base import Mount

MOST_BYTES, MOST_FILES = 8 << 20, 128
"""Of all inputs of a job together; each file is a descriptor while the sandbox is laid out."""


class PrivateInputs(NamedTuple):
    """Inputs as copies, and what is left to be shown as it is."""

    places: list[PurePosixPath]
    """Where the copies appear; the folders above them are not among the words."""
    words: list[str]
    """bwrap's words that make the copies."""
    descriptors: list[int]
    """The files that they are made from; whoever asked closes them."""
    rest: tuple[Mount, ...]


class _Entry(NamedTuple):
    source: Path
    target: PurePosixPath
    status: os.stat_result


def private_inputs(inputs: Sequence[Mount], hidden: Sequence[Path]) -> PrivateInputs:
    """Copies of the inputs, each as long as all copies together are small.

    One with something `hidden` in it is left to be covered there. Raises SandboxError if a file cannot be read.
    """
    words, places, rest = list[str](), list[PurePosixPath](), list[Mount]()
    left_bytes, left_files = MOST_BYTES, MOST_FILES
    with ExitStack() as undo:
        descriptors: list[int] = []
        for mount in inputs:
            try:
                entries = _entries(mount, hidden, left_files)
                size = sum(entry.status.st_size for entry in entries or ())
                if entries is None or size > left_bytes or _is_below(mount, rest):
                    rest.append(mount)
                    continue
                for entry in entries:
                    if stat.S_ISREG(entry.status.st_mode):
                        descriptors.append(os.open(entry.source, os.O_RDONLY | os.O_CLOEXEC))
                        undo.callback(os.close, descriptors[-1])
                    words += _words(entry, descriptors)
            except OSError as error:
                raise SandboxError(f"the input {mount.source} cannot be copied for the sandbox: {error}") from error
            places.append(mount.target)
            left_bytes, left_files = left_bytes - size, left_files - len(entries)
        undo.pop_all()
    return PrivateInputs(places, words, descriptors, tuple(rest))


def _is_below(mount: Mount, shown: Sequence[Mount]) -> bool:
    """Whether it appears inside something that is mounted later, which would cover it, or has it inside itself."""
    places = [other.target for other in shown]
    return any(mount.target.is_relative_to(place) or place.is_relative_to(mount.target) for place in places)


def _entries(mount: Mount, hidden: Sequence[Path], most: int) -> list[_Entry] | None:
    """Everything in an input, folders before what is in them; None where it is too much, hidden or of an odd kind."""
    source, found = mount.source.resolve(), list[_Entry]()
    if any(path != source and path.is_relative_to(source) for path in hidden):
        return None
    for entry in _walk(source, mount.target):
        found.append(entry)
        kind = stat.S_IFMT(entry.status.st_mode)
        if len(found) > most or kind not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            return None
    return found


def _walk(source: Path, target: PurePosixPath) -> Iterator[_Entry]:
    status = source.lstat()
    yield _Entry(source, target, status)
    if stat.S_ISDIR(status.st_mode):
        for path in sorted(source.iterdir()):
            yield from _walk(path, target / path.name)


def _words(entry: _Entry, descriptors: Sequence[int]) -> list[str]:
    if stat.S_ISLNK(entry.status.st_mode):
        return ["--symlink", str(entry.source.readlink()), str(entry.target)]
    if stat.S_ISDIR(entry.status.st_mode):
        return ["--perms", "0755", "--dir", str(entry.target)]
    executable = entry.status.st_mode & stat.S_IXUSR
    mode = "0755" if executable else "0644"  # for who copies it; here nothing around it can be written
    return ["--perms", mode, "--file", str(descriptors[-1]), str(entry.target)]
