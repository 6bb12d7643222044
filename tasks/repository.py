"""What a task takes from a git repository: the files of its last commit, and what was changed since."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evolver.errors import TaskError, UsageError

NAMED = 6
"""Changed files that a warning names."""


class Head(NamedTuple):
    """A folder at the last commit of its repository."""

    repository: Path
    prefix: str
    """The folder's path in it, with `/` at its end; empty for the whole."""
    commit: str


def git(folder: Path, *words: str, stdin: bytes | None = None, good: Sequence[int] = (0,)) -> bytes:
    """What git prints. Raises UsageError where it is not there, or ends with no exit status of `good`."""
    if shutil.which("git") is None:
        raise UsageError("this needs git, which is not there; install it")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    ran = subprocess.run(
        ["git", "-C", str(folder), *words], input=stdin, capture_output=True, check=False, env=environment
    )
    if ran.returncode not in good:
        raise UsageError(f"git {words[0]} in {folder}: {ran.stderr.decode('utf-8', 'replace').strip()}")
    return ran.stdout


def head_of(folder: Path) -> Head | None:
    """The last commit of the repository that a folder lies in; None where there is no repository or commit."""
    try:
        top = git(folder, "rev-parse", "--show-toplevel", "--show-prefix", "HEAD").decode().split("\n")
    except UsageError:
        return None
    head = Head(Path(top[0]), top[1], top[2])
    return head if git(folder, "ls-tree", "--name-only", "HEAD").strip() else None


def uncommitted(folder: Path, apart: Sequence[Path] = ()) -> tuple[str, ...]:
    """One line about what the last commit of a folder lacks, but for what lies in the folders `apart`."""
    lines = git(folder, "status", "--porcelain", "-z", "--", ".").decode("utf-8", "replace").split("\0")
    top = git(folder, "rev-parse", "--show-toplevel").decode().strip()
    names = [line[3:] for line in lines if len(line) > 3 and line[2] == " "]
    names = [name for name in names if not any((Path(top) / name).is_relative_to(place) for place in apart)]
    if not names:
        return ()
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return (
        f"{folder} has uncommitted changes ({', '.join(names[:NAMED])}{more}): the baseline is the last commit, "
        "without them",
    )


def write_head(folder: Path, target: Path) -> None:
    """The files of a folder as its repository's last commit has them. Raises UsageError and TaskError."""
    archive = git(folder, "archive", "--format=tar", "HEAD", ".")
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(target, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise TaskError(f"the last commit of {folder} cannot be written out: {error}") from None
