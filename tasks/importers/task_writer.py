"""Writes the task folder for what another system's folder describes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from evolver.errors import TaskError
from evolver.tasks.block_markers import has_blocks
from evolver.tasks.importers.importer import ForeignTask

FILES = Path(__file__).resolve().parents[1] / "import-templates"
RUNNERS = FILES / "runners"
EXAMPLE, OPTIONS = "example", "import.json"
"""In public/: the foreign folder as it is, and what its harness has to know."""
ORIGIN = "origin.json"
"""What whoever runs the task should know; no part of what decides a score."""
MOST_LISTED = 12
LEFT_OUT = frozenset(
    {"__pycache__", "node_modules", "venv", "steps", "openevolve_output", "cognition_data", "database_data"}
)
"""Folders that hold results and environments, no part of the task; hidden ones and results* go too."""
LARGEST = 256 << 20
"""Bytes that a folder may have."""


def not_copied(folder: Path) -> tuple[str, ...]:
    """One line about what `write` leaves out of a folder."""
    kept, left = set(_files(folder)), list[str]()
    for place, below, names in os.walk(folder):
        inside = Path(place)
        left += [f"{(inside / name).relative_to(folder)}/" for name in below if not _is_copied(name)]
        below[:] = [name for name in below if _is_copied(name)]
        left += [str((inside / name).relative_to(folder)) for name in names if inside / name not in kept]
    left = sorted(name for name in left if "__pycache__" not in name and not name.endswith(".pyc"))
    if not left:
        return ()
    more = f" and {len(left) - MOST_LISTED} more" if len(left) > MOST_LISTED else ""
    return (f"not copied, so no trial sees it: {', '.join(left[:MOST_LISTED])}{more}",)


def write(foreign: ForeignTask, home: Path) -> Path:
    """The task folder below `home`, made unless it is there; its name changes with all that it is made from.

    Raises TaskError if the folder is too large or cannot be written.
    """
    source = list(_files(foreign.folder))
    if (size := sum(path.stat().st_size for path in source)) > LARGEST:
        raise TaskError(
            f"{foreign.folder} has {size >> 20} MiB, more than {LARGEST >> 20}: move what no trial needs away, such as "
            f"{max(source, key=lambda path: path.stat().st_size).relative_to(foreign.folder)}"
        )
    parts = {f"example/{path.relative_to(foreign.folder)}": path for path in source}
    parts |= {f"files/{path.relative_to(FILES)}": path for path in _files(FILES)}
    if (runner := _runner(foreign)).parent != RUNNERS:
        parts["runner"] = runner
    digest = hashlib.sha256(foreign.model_dump_json(exclude={"folder"}).encode())
    for name in sorted(parts):
        digest.update(f"{name}\0{hashlib.sha256(parts[name].read_bytes()).hexdigest()}\n".encode())
    target = home / f"{foreign.name}-{digest.hexdigest()[:12]}"
    if target.is_dir():
        return target
    try:
        home.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{foreign.name}-", dir=home))
        try:
            _fill(made, foreign, source)
            made.chmod(0o755)
            # A folder of this name holds the same, whoever made it.
            if not target.is_dir():
                made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        raise TaskError(f"the task cannot be written to {target}: {error}") from None
    return target


def _fill(made: Path, foreign: ForeignTask, source: list[Path]) -> None:
    program = _program_name(foreign)
    texts = {
        "task.yaml": yaml.safe_dump(_spec(foreign, program), sort_keys=False, allow_unicode=True, width=110),
        **({} if foreign.patterns else {f"baseline/{program}": foreign.text}),
        **{f"baseline/{name}": text for name, text in foreign.more_files.items()},
        f"public/{OPTIONS}": json.dumps(
            {"metric": foreign.metric, **foreign.options, "program": program, "folder": foreign.name}
        ),
        ORIGIN: json.dumps(
            {
                "warnings": [foreign.shared_process, *foreign.warnings, *not_copied(foreign.folder)],
                "source": str(foreign.folder),
            }
        ),
        **{f"notes/{name}": text for name, text in foreign.notes.items()},
    }
    for name, text in texts.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("harness.py", "judge.py"):
        shutil.copy(FILES / name, made)
    shutil.copy(_runner(foreign), made / "public/runner.py")
    for folder in ("stand-ins", "support"):
        shutil.copytree(FILES / folder, made / "public" / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in source:
        copy = made / "public" / EXAMPLE / path.relative_to(foreign.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)


def _runner(foreign: ForeignTask) -> Path:
    path = Path(foreign.runner)
    return path if path.is_absolute() else RUNNERS / f"{foreign.runner}.py"


def _program_name(foreign: ForeignTask) -> str:
    return foreign.program if Path(foreign.program).suffix else f"{foreign.program}.py"


def _spec(foreign: ForeignTask, program: str) -> dict[str, Any]:
    names = ", ".join(foreign.entry)
    interface = (
        f"The evaluator of this {foreign.system} task uses {names} as the program has them now."
        if names
        else f"The evaluator of this {foreign.system} task runs or reads {program}: what goes in and comes out stays."
    )
    budget = {"budget": {"experiments": foreign.budget}} if foreign.budget else {}
    return {
        "name": foreign.name,
        "summary": foreign.summary,
        "metric": {"name": foreign.metric, "direction": foreign.direction, "resolution": 1.0e-9},
        "program": {
            **({"source": ".."} if foreign.patterns else {}),
            "files": list(foreign.patterns) or [program, *foreign.more_files],
            **({"deny": list(foreign.deny)} if foreign.deny else {}),
            "entry": [f"{program}:{name}" for name in foreign.entry],
            "interface": interface,
            "blocks": has_blocks(foreign.text),
            "imports": [*((PurePosixPath(EXAMPLE) / part).as_posix() for part in foreign.imports), "stand-ins"]
            if foreign.imports
            else [],
        },
        "stages": [
            {"name": name, "seconds": seconds, "replicates": foreign.replicates}
            for name, seconds in foreign.seconds.items()
        ],
        "resources": {"cpus": 1, "memory": "4GiB", "processes": 256, "scratch": "1GiB", "output": "4MiB"},
        **({"build": foreign.build} if foreign.build else {}),
        "requires": list(foreign.requires),
        **budget,
    }


def _is_copied(name: str) -> bool:
    """Whether a folder of this name is copied."""
    return name not in LEFT_OUT and not name.startswith((".", "results"))


def _files(folder: Path) -> Iterator[Path]:
    for place, below, names in os.walk(folder):
        below[:] = sorted(filter(_is_copied, below))
        for name in sorted(names):
            path = Path(place, name)
            if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
                raise TaskError(
                    f"{path} links to {path.resolve()}, outside its folder: programs would be shown that file; "
                    "--root FOLDER copies more than the folder"
                )
            if path.is_file() and not name.endswith(".pyc") and not name.startswith("."):
                yield path
