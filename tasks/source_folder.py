"""Tasks whose program lies elsewhere: a task folder of its own for each state that the program is begun from."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from evolver.errors import TaskError
from evolver.ignored_files import is_content
from evolver.tasks.importers.task_writer import LARGEST, LEFT_OUT, ORIGIN
from evolver.tasks.program_tree import BASELINE
from evolver.tasks.repository import head_of, uncommitted, write_head
from evolver.tasks.spec import TaskSpec

IMPORTED = "imported"
"""Folder below the data folder for tasks made from other folders."""
OWN = ("task.yaml", "harness.py", "judge.py", "public", "inputs", "private", "notes", "references", "compare", "cheats")


def folder_with_source(root: Path, spec: TaskSpec, home: Path) -> Path:
    """The task's files with the program of now in `baseline/`, below the data folder; made unless it is there.

    In a git repository the program is that of the last commit. Raises TaskError.
    """
    assert spec.program.source is not None
    source = (root / Path(spec.program.source).expanduser()).resolve()
    if not source.is_dir():
        raise TaskError(f"{root / 'task.yaml'}: program.source: {source} is no folder")
    head, warnings = head_of(source), tuple(_said(root))
    apart = (root, home)
    home = home / IMPORTED
    try:
        home.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{spec.name}-", dir=home))
        try:
            _copy_own(root, made)
            if head is not None:
                write_head(source, made / BASELINE)
                warnings += uncommitted(source, apart)
            else:
                _copy(source, made / BASELINE, apart)
            for place in apart:
                if place.is_relative_to(source):
                    shutil.rmtree(made / BASELINE / place.relative_to(source), ignore_errors=True)
            if (root / BASELINE).is_dir():
                shutil.copytree(root / BASELINE, made / BASELINE, dirs_exist_ok=True)
            about = {
                "warnings": warnings,
                "source": str(source),
                **({"repository": str(head.repository), "prefix": head.prefix, "commit": head.commit} if head else {}),
            }
            (made / ORIGIN).write_text(json.dumps(about), encoding="utf-8")
            made.chmod(0o755)
            target = home / f"{spec.name}-{_digest(made)}"
            if not target.is_dir():
                made.rename(target)
            return target
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise TaskError(f"the program of {root} cannot be taken from {source}: {error}") from None


def _copy_own(root: Path, made: Path) -> None:
    """What the task's folder itself has beside the program."""
    for name in OWN:
        if (root / name).is_dir():
            shutil.copytree(root / name, made / name)
        elif (root / name).is_file():
            shutil.copy(root / name, made / name)


def _said(root: Path) -> Iterator[str]:
    """What the task's own folder says of its score, if it runs a script."""
    try:
        options = json.loads((root / "public/import.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if "command" in options:
        yield (
            f"the score is what `{options['command']}` prints or leaves, so a program could forge it; it runs in the "
            "sandbox, without network; read the champion before you believe it"
        )


def _copy(source: Path, target: Path, apart: tuple[Path, ...]) -> None:
    """The folder as it is, without hidden files, environments and results. Raises TaskError where it is too large."""
    size = 0
    for place, below, names in os.walk(source):
        folder = Path(place)
        below[:] = [
            name for name in below if name not in LEFT_OUT and is_content(Path(name)) and folder / name not in apart
        ]
        for name in names:
            path = folder / name
            if not path.is_file() or path.is_symlink() or not is_content(Path(name)):
                continue
            if (size := size + path.stat().st_size) > LARGEST:
                raise TaskError(
                    f"{source} has more than {LARGEST >> 20} MiB: keep it in a git repository without what no trial "
                    "needs, or name a smaller folder as program.source"
                )
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def _digest(made: Path) -> str:
    """Of all files but what is said about them: the same state gives the same folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in made.rglob("*") if path.is_file() and path.name != ORIGIN):
        digest.update(f"{path.relative_to(made)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    origin = made / ORIGIN
    digest.update(json.dumps(sorted(json.loads(origin.read_text())["warnings"])).encode())
    return digest.hexdigest()[:12]
