"""Containers that are started ahead of the jobs they will take; each takes one and is then removed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path

from evolver.errors import SandboxError
from evolver.logging import get_logger
from evolver.sandbox.docker.container import Container, start_container
from evolver.sandbox.docker.container_spec import ContainerSpec
from evolver.sandbox.docker.engine import Engine

SHAPES = 4
"""Kinds of jobs that containers are kept ready for: the phases of a task, its judge, and one more."""
_log = get_logger(__name__)


@dataclass
class Shelf:
    """Containers of one shape: ready, and on their way."""

    ready: deque[Container] = field(default_factory=deque)
    coming: set[asyncio.Task[None]] = field(default_factory=set)
    trouble: SandboxError | None = None


class Pool:
    """Keeps `each` containers of the shapes asked for last; belongs to one event loop."""

    def __init__(self, engine: Engine, hidden: tuple[Path, ...], each: int) -> None:
        self._engine, self._hidden, self._each = engine, hidden, each
        self._shelves: OrderedDict[ContainerSpec, Shelf] = OrderedDict()
        self._leaving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._closed = False

    async def take(self, shape: ContainerSpec) -> Container:
        """A container of this shape, soon replaced on its shelf. Raises SandboxError."""
        shelf = self._shelf(shape)
        while True:
            while shelf.ready:
                container = shelf.ready.popleft()
                if container.waiting:
                    self._order(shape, shelf, self._each)
                    return container
                self.discard(container)
            if not shelf.coming:
                self._order(shape, shelf, 1)
            async with self._changed:
                if not shelf.ready and shelf.coming:
                    await self._changed.wait()
            if shelf.trouble is not None:
                trouble, shelf.trouble = shelf.trouble, None
                raise trouble

    def discard(self, container: Container) -> None:
        """Remove a container, without waiting for it."""
        task = asyncio.get_running_loop().create_task(self._remove(container))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Remove every container that has no job, and wait for those that are being removed."""
        self._closed = True
        for shelf in self._shelves.values():
            await asyncio.gather(*shelf.coming)
            self._clear(shelf)
        self._shelves.clear()
        while self._leaving:
            await asyncio.gather(*self._leaving)

    def _shelf(self, shape: ContainerSpec) -> Shelf:
        shelf = self._shelves.setdefault(shape, Shelf())
        self._shelves.move_to_end(shape)
        idle = [old for old, kept in self._shelves.items() if not kept.coming][: len(self._shelves) - SHAPES]
        for old in idle:
            if old != shape:
                self._clear(self._shelves.pop(old))
        return shelf

    def _clear(self, shelf: Shelf) -> None:
        while shelf.ready:
            self.discard(shelf.ready.pop())

    def _order(self, shape: ContainerSpec, shelf: Shelf, count: int) -> None:
        """Start containers until so many are ready or on their way."""
        while not self._closed and len(shelf.ready) + len(shelf.coming) < count:
            task = asyncio.get_running_loop().create_task(self._add(shape, shelf))
            shelf.coming.add(task)
            task.add_done_callback(shelf.coming.discard)

    async def _add(self, shape: ContainerSpec, shelf: Shelf) -> None:
        try:
            shelf.ready.append(await start_container(self._engine, shape, self._hidden))
        except SandboxError as error:
            shelf.trouble = error
        finally:
            if (task := asyncio.current_task()) is not None:
                shelf.coming.discard(task)
            async with self._changed:
                self._changed.notify_all()

    async def _remove(self, container: Container) -> None:
        try:
            await self._engine.call(container.remove)
        except SandboxError as error:
            _log.warning("%s", error)
