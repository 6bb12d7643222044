"""Opens the sandbox that a task's trials need."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

from evolver.errors import SandboxError, TaskError
from evolver.evaluation.accelerate_launcher import launch_of
from evolver.logging import get_logger
from evolver.sandbox import Kind, Sandbox, open_sandbox
from evolver.sandbox.base import IN_IMAGES, python_packages
from evolver.tasks import Task

_log = get_logger(__name__)


def sandbox_for(
    task: Task,
    kind: Kind,
    slots: int,
    *,
    hidden: Sequence[Path] = (),
    stage: str = "",
    progress: Callable[[str], None] | None = None,
) -> Sandbox:
    """A sandbox for trials up to `stage` (empty: the deciding one), that hides the task's own folder and its `hides`.

    Raises SandboxError; TaskError where a package that the task requires is missing from the environment that its
    programs would use.
    """
    stages, requires = task.stages_to(stage), required_by(task, stage)
    if kind == "auto" and task.spec.build is not None and python_packages(requires) == requires:
        kind = _with_compilers()
    sandbox = open_sandbox(
        kind,
        slots,
        hidden=(*hidden, task.root, *(place for name in task.spec.hides for place in _places(name))),
        requires=requires,
        gpus=max(spec.gpus for spec in stages),
        progress=progress,
    )
    _log.info("sandbox %s with %d slots, asked for %s", sandbox.name, slots, kind)
    missing = [name for name in python_packages(requires) if importlib.util.find_spec(name) is None]
    if missing and not sandbox.own_packages:
        words = f"task {task.name} needs {', '.join(missing)} (task.yaml: requires); "
        if task.is_imported:
            words += "where it lies beside the task's folder, have more copied with --root FOLDER; else "
        docker = " or use --sandbox docker, whose image has it" if IN_IMAGES.issuperset(missing) else ""
        docker = docker or f" or make an image that has it: evolver sandbox build --task {task.root}"
        raise TaskError(f"{words}install it into the environment that runs evolver ({sys.prefix}){docker}")
    return sandbox


def required_by(task: Task, stage: str = "") -> list[str]:
    """What trials up to `stage` (empty: the deciding one) need, by the names of `requires`."""
    launches = [launch_of(spec.accelerate, task.resources(spec).cpus) for spec in task.stages_to(stage)]
    return list(dict.fromkeys([*task.spec.requires, *(name for one in launches for name in one.requires)]))


def _with_compilers() -> Kind:
    """Of Evolver's own backends one in which programs have this machine's compilers, if it works here."""
    try:
        open_sandbox("bubblewrap", 1)
    except SandboxError:
        return "auto"
    return "bubblewrap"


def _places(package: str) -> list[Path]:
    """Every copy of a package among what programs see: in this environment, its base, and the system's own."""
    spec = importlib.util.find_spec(package)
    found = [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    folders = [Path(sysconfig.get_paths(vars={"base": base})["purelib"]) for base in (sys.prefix, sys.base_prefix)]
    folders += [*Path("/usr/lib").glob("python3*/*-packages"), *Path("/usr/local/lib").glob("python3*/*-packages")]
    return sorted({place.resolve() for place in (*found, *(folder / package for folder in folders)) if place.exists()})
