"""Runs programs that nobody trusts: one interface, several backends; a job is started, followed and collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evolver.contracts import SandboxKind as Kind
from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.registry import SANDBOXES
from evolver.sandbox.base import PYTHON, THREADS, Ending, Handle, Job, Limits, Mount, Outcome, Protection, Sandbox

__all__ = [
    "PYTHON",
    "THREADS",
    "Ending",
    "Handle",
    "Job",
    "Kind",
    "Limits",
    "Mount",
    "Outcome",
    "Protection",
    "Sandbox",
    "open_sandbox",
]

_log = get_logger(__name__)


def open_sandbox(
    kind: Kind,
    slots: int,
    *,
    hidden: Sequence[Path] = (),
    requires: Sequence[str] = (),
    gpus: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Sandbox:
    """A sandbox that runs up to `slots` jobs at a time: the registered backend of that name, or a class by its path.

    It is ready for jobs that import `requires` and use `gpus` each, and tells `progress` line by line what it builds
    first. `auto` takes the first of Evolver's own backends that has nothing to build, else the first that works, and
    never one that protects nothing. Programs cannot read what lies below a `hidden` path, nor Evolver itself, even
    where such a path lies in a folder that they are shown (the backend `none` hides nothing). Raises SandboxError,
    which says what is missing, where no backend works, and UnknownName where there is none of that name.
    """

    def opened(backend: type[Sandbox]) -> Sandbox:
        return backend.open(slots, hidden=hidden, requires=requires, gpus=gpus, progress=progress)

    if kind != "auto":
        return opened(SANDBOXES.load(kind))
    backends = [backend for name in SANDBOXES.builtin if (backend := SANDBOXES.load(name)).protects]
    troubles = []
    for backend in sorted(backends, key=lambda backend: not backend.is_ready(requires, gpus)):
        try:
            return opened(backend)
        except SandboxError as trouble:
            _log.warning("sandbox %s cannot be used: %s", backend.name, trouble)
            troubles.append(f"{backend.name}: {trouble}")
    raise SandboxError(f"no sandbox works here. {'. '.join(troubles)}")
