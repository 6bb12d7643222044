"""One container from its creation until its job is given: a guest agent that waits, and the connection to it."""

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
from evolver.sandbox import mounts
from evolver.sandbox.base import PYTHON, Job
from evolver.sandbox.docker.container_spec import GUEST, ContainerSpec
from evolver.sandbox.docker.engine import FOLDER, OWNER, Engine, NoSuchContainer
from evolver.sandbox.docker.rendezvous import Rendezvous
from evolver.sandbox.input_copy import opened_copy, readable_inputs
from evolver.sandbox.orphans import mark
from evolver.sandbox.process_backend import fixed_environment, launcher_options
from evolver.sandbox.seccomp import filter_program

START_SECONDS = 120.0
"""For a container to start and its guest agent to knock, on a busy machine."""
HELLO = b"H"
LOOK = 1.0
"""Seconds between two looks at a container that keeps us waiting."""


class Container:
    """A container whose guest agent is connected."""

    def __init__(self, engine: Engine, rendezvous: Rendezvous, link: socket.socket) -> None:
        self.engine, self.rendezvous, self.link = engine, rendezvous, link

    @property
    def waiting(self) -> bool:
        """Whether the guest agent still is there."""
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
                opened_copy(mount.source, self.rendezvous.folder / "own" / str(number), hidden)
            self.rendezvous.note(job)
        except OSError as error:
            raise SandboxError(f"the inputs of {job.id} cannot be copied for the sandbox: {error}") from error

    async def give(self, job: Job) -> None:
        """Hand the job over; raises ConnectionError if the guest agent is gone."""
        words = [*job.command]
        environment = {**fixed_environment(job.limits, "", mounts.HOME), **job.environment}
        if "PATH" not in job.environment:
            del environment["PATH"]  # the image knows where its programs are
        order = {
            "command": ["python" if words[0] == PYTHON else words[0], *words[1:]],
            "options": launcher_options(job, 0, out=mounts.OUT, folder=mounts.HOME, contained=True),
            "environment": environment,
            "wall": job.limits.wall_seconds,
            "cpus": job.limits.cpus,
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
            self.engine.remove(self.rendezvous.name)
        finally:
            self.rendezvous.clear()


async def start_container(
    engine: Engine,
    shape: ContainerSpec,
    hidden: tuple[Path, ...],
    *,
    labels: Mapping[str, str] | None = None,
    devices: tuple[str, ...] = (),
) -> Container:
    """Create and start a container, and wait for its guest agent. Raises SandboxError; nothing is left then.

    Not to be cancelled: the engine would go on.
    """
    rendezvous = Rendezvous.arrange(f"evolver-{secrets.token_hex(6)}", len(shape.own))
    listener = rendezvous.listen()
    try:
        shown = await engine.call(_staged, shape, rendezvous.folder, hidden)
        config = shown.host_config(rendezvous.folder, hidden, devices, engine.processors)
        marks = {OWNER: mark().rstrip("-"), FOLDER: str(rendezvous.folder), **(labels or {})}
        command = ["python", "-I", "-S", f"{GUEST}/guest_agent.py", f"{GUEST}/meet/control"]
        await engine.call(engine.create, rendezvous.name, shape.image, command, marks, config)
        pid = await engine.call(engine.start, rendezvous.name)
        return await _met(engine, rendezvous, listener, pid)
    except BaseException:
        await engine.call(engine.remove, rendezvous.name)
        rendezvous.clear()
        raise
    finally:
        listener.close()


async def rejoin(engine: Engine, rendezvous: Rendezvous) -> Container | None:
    """The container of a place that was taken over, if it still runs; it is asked to knock again."""
    try:
        state = await engine.call(engine.state, rendezvous.name)
    except NoSuchContainer:
        return None
    if not state.running:
        return None
    with rendezvous.listen() as listener:
        return await _met(engine, rendezvous, listener, state.pid)


async def _met(engine: Engine, rendezvous: Rendezvous, listener: socket.socket, pid: int) -> Container:
    """Wait for the guest agent's knock. Raises SandboxError with what it said if it died instead."""
    loop = asyncio.get_running_loop()
    accepted = loop.create_task(rendezvous.accept(listener, pid))
    deadline = loop.time() + START_SECONDS
    try:
        while not accepted.done():
            await asyncio.wait([accepted], timeout=LOOK)
            if not accepted.done():
                state = await engine.call(engine.state, rendezvous.name)
                if not state.running or loop.time() > deadline:
                    said = (await engine.call(engine.said, rendezvous.name)).strip()[-1000:]
                    raise SandboxError(f"a container started but its guest agent did not: {said or state.status}")
    except NoSuchContainer:
        raise SandboxError("a container was removed while it started") from None
    finally:
        accepted.cancel()
    link = accepted.result()
    await exactly(link, len(HELLO) + 9)
    return Container(engine, rendezvous, link)


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


def _staged(shape: ContainerSpec, folder: Path, hidden: tuple[Path, ...]) -> ContainerSpec:
    """The shape with copies in place of what only its owner may read."""
    return replace(shape, shown=readable_inputs(shape.shown, folder / "staged", hidden))
