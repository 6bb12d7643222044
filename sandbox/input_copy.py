"""Inputs that only their owner may read, for a program that runs as a user who owns nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from pathlib import Path

from evolver.errors import SandboxError
from evolver.sandbox.base import Mount

LOOKED_AT = 1000
"""Entries of a folder that are judged; the modes in a larger one are taken to be alike."""


def readable_inputs(inputs: Sequence[Mount], staging: Path, hidden: Sequence[Path]) -> tuple[Mount, ...]:
    """The inputs, with a copy below `staging` in place of each that not everyone may read.

    What is `hidden` is left out of copies. Raises SandboxError if a copy cannot be made.
    """
    shown = []
    for number, mount in enumerate(inputs):
        source = mount.source.resolve()
        try:
            if not _readable_by_all(source):
                staging.mkdir(mode=0o700, parents=True, exist_ok=True)
                # An input may hold the very folder that copies are made in.
                source = opened_copy(source, staging / str(number), (*hidden, staging.resolve()))
        except OSError as error:
            raise SandboxError(f"the input {mount.source} cannot be copied for the sandbox: {error}") from error
        shown.append(Mount(source=source, target=mount.target))
    return tuple(shown)


def _readable_by_all(source: Path) -> bool:
    """Whether others may read this file, or this folder and what is in it."""
    if not _open_to_all(source):
        return False
    pending, looked_at = [source] if source.is_dir() else [], 0
    while pending and looked_at < LOOKED_AT:
        for entry in os.scandir(pending.pop()):
            looked_at += 1
            if not _open_to_all(entry):
                return False
            if entry.is_dir(follow_symlinks=False):
                pending.append(Path(entry.path))
    return True


def _open_to_all(path: Path | os.DirEntry[str]) -> bool:
    mode = path.stat(follow_symlinks=False).st_mode
    needed = 0o005 if stat.S_ISDIR(mode) else 0o004
    return mode & needed == needed or stat.S_ISLNK(mode)


def opened_copy(source: Path, target: Path, hidden: Sequence[Path]) -> Path:
    """A copy that everyone may read, without what is hidden; a folder may be there already. Raises OSError."""
    if source.is_dir():
        shutil.copytree(
            source,
            target,
            symlinks=True,
            dirs_exist_ok=True,
            ignore=lambda folder, names: [name for name in names if Path(folder, name) in hidden],
        )
    else:
        shutil.copyfile(source, target)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)
    return target
