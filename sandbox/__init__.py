"""Runs programs that nobody trusts: one interface, several backends; a job is started, followed and collected."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import SandboxKind as Kind
from evolver.errors import SandboxError
from evolver.sandbox.base import PYTHON, THREADS, Ending, Handle, Job, Limits, Mount, Outcome, Protection, Sandbox

if TYPE_CHECKING:
    from evolver.sandbox.docker.backend import DockerSandbox

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

_log = logging.getLogger(__name__)


def open_sandbox(
    kind: Kind,
    slots: int,
    *,
    hidden: Sequence[Path] = (),
    requires: Sequence[str] = (),
    gpus: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Sandbox:
    """A sandbox that runs up to `slots` jobs at a time.

    `docker` builds its image for jobs that import `requires` and use `gpus`, unless it is there, and tells `progress`
    line by line. `auto` takes docker if an engine answers and that image is there, else bubblewrap, and never `none`.
    Programs cannot read what lies below a `hidden` path, nor Evolver itself, even where such a path lies in a folder
    that they are shown (the backend `none` hides nothing). Raises SandboxError, which says what is missing, where no
    backend works.
    """
    if kind == "none":
        from evolver.sandbox.subprocess_backend import SubprocessSandbox

        return SubprocessSandbox(slots)
    if kind == "docker" or (kind == "auto" and _has_image(requires, gpus)):
        return _docker(slots, hidden, requires, gpus, progress)
    from evolver.sandbox.bubblewrap import BubblewrapSandbox

    try:
        return BubblewrapSandbox(slots, hidden)
    except SandboxError as trouble:
        if kind == "auto":
            _log.warning("%s; trying docker", trouble)
            try:
                return _docker(slots, hidden, requires, gpus, progress)
            except SandboxError as more:
                raise SandboxError(f"no sandbox works here. bubblewrap: {trouble}. docker: {more}") from None
        raise


def _docker(
    slots: int, hidden: Sequence[Path], requires: Sequence[str], gpus: int, progress: Callable[[str], None] | None
) -> DockerSandbox:
    from evolver.sandbox.docker.backend import DockerSandbox

    docker = DockerSandbox(slots, hidden)
    try:
        docker.prepare(requires, gpus, progress)
    except BaseException:
        docker.abandon()
        raise
    return docker


def _has_image(requires: Sequence[str], gpus: int) -> bool:
    """Whether an engine that keeps its promises answers, and has the image."""
    from evolver.sandbox.docker.engine import Engine
    from evolver.sandbox.docker.images import exists, tag_of, variant_for

    try:
        engine = Engine()
    except SandboxError:
        return False
    try:
        return exists(engine.client, tag_of(variant_for(requires, gpus)))
    finally:
        engine.close()
