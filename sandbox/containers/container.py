"""One container from its creation until its job is given: a resident that waits, and the connection to it."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import socket
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from evolver.errors import SandboxError
from evolver.sandbox import filesystem
from evolver.sandbox.containers.engine import FOLDER, OWNER, Engine, NoSuchContainer
from evolver.sandbox.containers.meeting import Meeting
from evolver.sandbox.containers.shape import GUEST, Shape
from evolver.sandbox.job import PYTHON, Job
from evolver.sandbox.local import fixed_environment, launcher_options
from evolver.sandbox.owner import mark
from evolver.sandbox.seccomp import filter_program
from evolver.sandbox.staging import opened_copy, readable_inputs

START_SECONDS = 120.0
"""For a container to start and its resident to knock, on a busy machine."""
HELLO = b"H"
LOOK = 1.0
"""Seconds between two looks at a container that keeps us waiting."""


class Container:
    """A container whose resident is connected."""

    def __init__(self, engine: Engine, meeting: Meeting, link: socket.socket) -> None:
        self.engine, self.meeting, self.link = engine, meeting, link

    @property
    def waiting(self) -> bool:
        """Whether the resident still is there."""
        try:
            return self.link.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def furnish(self, job: Job, hidden: tuple[Path, ...]) -> None:
        """Copy the job's own folders to where the container sees them, and write the job down. Raises SandboxError."""
        own = [mount for mount in job.inputs if mount.own]
        try:
            for number, mount in enumerate(own):
                opened_copy(mount.source, self.meeting.folder / "own" / str(number), hidden)
            self.meeting.note(job)
        except OSError as error:
            raise SandboxError(f"the inputs of {job.id} cannot be copied for the sandbox: {error}") from error

    async def give(self, job: Job) -> None:
        """Hand the job over; raises ConnectionError if the resident is gone."""
        words = [*job.command]
        environment = {**fixed_environment(job.limits, "", filesystem.HOME), **job.environment}
        if "PATH" not in job.environment:
            del environment["PATH"]  # the image knows where its programs are
        order = {
            "command": ["python" if words[0] == PYTHON else words[0], *words[1:]],
            "options": launcher_options(job, 0, out=filesystem.OUT, folder=filesystem.HOME, contained=True),
            "environment": environment,
            "wall": job.limits.wall_seconds,
            "log": job.limits.log,
            "filter": base64.b64encode(filter_program(unaccounted_memory=True, interfaces=job.ranks > 1)).decode(),
        }
        data = json.dumps(order).encode()
        await asyncio.get_running_loop().sock_sendall(self.link, b"J" + struct.pack(">I", len(data)) + data)

    async def go_on(self) -> None:
        """Ask for everything from the first byte of the log that is kept."""
        await asyncio.get_running_loop().sock_sendall(self.link, b"A" + struct.pack(">Q", 0))

    def remove(self) -> None:
        """End the container and clear its place. Raises SandboxError."""
        self.link.close()
        try:
            self.engine.remove(self.meeting.name)
        finally:
            self.meeting.clear()


async def start_container(
    engine: Engine,
    shape: Shape,
    hidden: tuple[Path, ...],
    *,
    labels: Mapping[str, str] | None = None,
    devices: tuple[str, ...] = (),
) -> Container:
    """Create and start a container, and wait for its resident. Raises SandboxError; nothing is left then.

    Not to be cancelled: the engine would go on.
    """
    meeting = Meeting.arrange(f"evolver-{secrets.token_hex(6)}", len(shape.own))
    listener = meeting.listen()
    try:
        shown = await engine.call(_staged, shape, meeting.folder, hidden)
        config = shown.host_config(meeting.folder, hidden, devices, engine.processors)
        marks = {OWNER: mark().rstrip("-"), FOLDER: str(meeting.folder), **(labels or {})}
        command = ["python", "-I", "-S", f"{GUEST}/resident.py", f"{GUEST}/meet/control"]
        await engine.call(engine.create, meeting.name, shape.image, command, marks, config)
        pid = await engine.call(engine.start, meeting.name)
        return await _met(engine, meeting, listener, pid)
    except BaseException:
        await engine.call(engine.remove, meeting.name)
        meeting.clear()
        raise
    finally:
        listener.close()


async def rejoin(engine: Engine, meeting: Meeting) -> Container | None:
    """The container of a place that was taken over, if it still runs; it is asked to knock again."""
    try:
        state = await engine.call(engine.state, meeting.name)
    except NoSuchContainer:
        return None
    if not state.running:
        return None
    with meeting.listen() as listener:
        return await _met(engine, meeting, listener, state.pid)


async def _met(engine: Engine, meeting: Meeting, listener: socket.socket, pid: int) -> Container:
    """Wait for the resident's knock. Raises SandboxError with what it said if it died instead."""
    loop = asyncio.get_running_loop()
    accepted = loop.create_task(meeting.accept(listener, pid))
    deadline = loop.time() + START_SECONDS
    try:
        while not accepted.done():
            await asyncio.wait([accepted], timeout=LOOK)
            if not accepted.done():
                state = await engine.call(engine.state, meeting.name)
                if not state.running or loop.time() > deadline:
                    said = (await engine.call(engine.said, meeting.name)).strip()[-1000:]
                    raise SandboxError(f"a container started but its resident did not: {said or state.status}")
    except NoSuchContainer:
        raise SandboxError("a container was removed while it started") from None
    finally:
        accepted.cancel()
    link = accepted.result()
    await exactly(link, len(HELLO) + 9)
    return Container(engine, meeting, link)


async def exactly(link: socket.socket, count: int) -> bytes:
    """So many bytes and not one more; fewer if the connection ends."""
    loop, data = asyncio.get_running_loop(), b""
    while len(data) < count:
        try:
            piece = await loop.sock_recv(link, count - len(data))
        except OSError:
            return data
        if not piece:
            return data
        data += piece
    return data


def _staged(shape: Shape, folder: Path, hidden: tuple[Path, ...]) -> Shape:
    """The shape with copies in place of what only its owner may read."""
    return replace(shape, shown=readable_inputs(shape.shown, folder / "staged", hidden))
