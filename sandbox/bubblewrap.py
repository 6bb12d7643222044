"""Jobs confined by bubblewrap: namespaces, no network, a read-only file system, a system call filter, no privilege.

An ordinary user gets all of it through a user namespace. Root needs none and should have none: the launcher starts as
root inside, because the interpreter may lie where only root can read, and gives the program a user id of its own.
"""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import marshal
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import cache, partial
from pathlib import Path

from evolver.errors import SandboxError
from evolver.sandbox import bubblewrap_report, devices, mounts, probe
from evolver.sandbox.base import Job, Limits, Protection
from evolver.sandbox.cgroups import Cgroups, Group, find_cgroups, how_to_get
from evolver.sandbox.input_copy import readable_inputs
from evolver.sandbox.private_inputs import private_inputs
from evolver.sandbox.process_backend import ProcessSandbox, command_words, fixed_environment, launcher_options
from evolver.sandbox.process_handle import ProcessLaunch
from evolver.sandbox.resource_monitor import ProcessTree, ResourceMonitor, children
from evolver.sandbox.seccomp import filter_program
from evolver.sandbox.toolchains import search_path, toolchains
from evolver.sandbox.warm_python import ForkServer, WarmPython, kind_of

_FIRST_USER = 1 << 30
"""Above every range that distributions hand out."""
_NUMBERS = itertools.count()


class BubblewrapSandbox(ProcessSandbox):
    """The sandbox for machines without a container engine."""

    name = "bubblewrap"
    protects = True

    def __init__(
        self,
        slots: int,
        hidden: Sequence[Path] = (),
        *,
        privileged: bool | None = None,
        use_cgroups: bool = True,
        forks: bool = True,
    ) -> None:
        """`privileged` and `use_cgroups` are what this process can do, unless said otherwise.

        With `forks` jobs are forked from a warm Python where this machine allows it, and confined by the system calls
        that bwrap makes. Raises SandboxError.
        """
        super().__init__(slots)
        self._privileged = probe.is_privileged() if privileged is None else privileged
        self._binary = probe.find_binary(privileged=self._privileged)
        self._hidden = (*mounts.own_folders(), *(path.resolve() for path in hidden))
        self._cgroups: Cgroups | None = find_cgroups() if use_cgroups else None
        if self._cgroups is not None:
            self._cgroups.reap()
        # With control groups every job starts under bwrap: forks that join one have not been attacked yet.
        self._warm = WarmPython(privileged=self._privileged) if forks and self._cgroups is None else None
        self._filter(ranks=1)  # to learn now if there is none

    @classmethod
    def open(
        cls,
        slots: int,
        *,
        hidden: Sequence[Path] = (),
        requires: Sequence[str] = (),
        gpus: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> BubblewrapSandbox:
        """One with this machine's Python, packages and GPUs. Raises SandboxError."""
        return cls(slots, hidden)

    @classmethod
    def diagnose(cls) -> list[Protection]:
        """What this machine offers it."""
        return bubblewrap_report.survey()

    def protections(self) -> list[Protection]:
        """What is guarded here, limit by limit."""
        if self._cgroups is not None:
            memory, processes = "control group, without swap", "control group"
            processor = "control group quota" if "cpu" in self._cgroups.controllers else ""
        else:
            memory = (
                "looked at 20 times a second, the kernel's own for it included; a fast program may overshoot before it "
                "is killed; shared mappings without a file are refused"
            )
            processes = "resource limit of a user id of its own" if self._limits_processes() else ""
            processor = ""
        user = "a user id of its own" if self._privileged else "a user namespace"
        said = {
            "network": "a network namespace with nothing but its own loopback",
            "file system": "only the system, the interpreter and the inputs, read-only; all else in memory",
            "user": f"{user}, no capabilities, no new privileges",
            "system calls": "a filter without mounts, tracing, keys, io_uring and other ways down",
            "memory": memory,
            "processes": processes,
            "processor": processor,
            "time": "the namespace is killed as a whole",
            "output": "collected in memory of bounded size, checked file by file",
        }
        missing = "not enforced: no control group is delegated to this process"
        advice = {} if self._cgroups is not None else {"memory": how_to_get()}
        return [
            Protection(what=what, how=how or missing, enforced=bool(how), advice=advice.get(what, ""))
            for what, how in said.items()
        ]

    async def _prepare(self, job: Job, stream: int, gpus: tuple[str, ...]) -> ProcessLaunch:
        for target in mounts.reserved(job.inputs):
            raise SandboxError(f"an input cannot be mounted at {target}: the sandbox needs that place itself")
        environment = _environment(job)
        kind = kind_of(job, environment) if self._warm is not None else None
        server = await self._warm.server(kind) if self._warm is not None and kind is not None else None
        user = _FIRST_USER + (os.getpid() << 8) + next(_NUMBERS) % 256 if self._privileged else probe.USER
        staging = job.output.with_name(f".{job.output.name}.inputs")
        group, joined = None, None
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, staging, ignore_errors=True)
            inputs = private_inputs(job.inputs, self._hidden)  # here, so that a cancelled job leaves nothing open
            for descriptor in inputs.descriptors:
                undo.callback(os.close, descriptor)
            if self._privileged:
                shown = await asyncio.to_thread(readable_inputs, inputs.rest, staging, self._hidden)
                inputs = inputs._replace(rest=shown)
            if self._cgroups is not None:
                group = self._cgroups.create(job.limits)
                undo.callback(group.remove)
                joined = group.open()
                undo.callback(os.close, joined)
            files = {path: _in_memory(data) for path, data in self._files(user).items()}
            filter_ = _in_memory(self._filter(job.ranks))
            undo.pop_all()
        unaccounted = self._cgroups is not None
        layout = mounts.arguments(
            job.limits, inputs, self._hidden, files, devices.files(gpus), unaccounted_memory=unaccounted
        )
        options = self._options(job, stream, user, joined)
        made = [*([] if joined is None else [joined]), *files.values(), filter_, *inputs.descriptors]
        launch = ProcessLaunch(
            argv=self._words(layout, filter_, environment, [*options, "--", *command_words(job.command)]),
            environment={},
            descriptors=made,
            kill=_kill if server is None else _kill_one,
            clean=partial(_cleared, group, staging),
            # What is left out is the launcher, whose own memory is not the program's; it is bwrap's one child.
            monitor=partial(_monitor, group, job.limits, 1 if server is None else 0),
        )
        if server is not None:
            request = {
                "words": layout,
                "options": options,
                "command": command_words(job.command),
                "environment": {"PWD": mounts.HOME, **environment},  # as bwrap sets it
                "folders": [str(mount.target) for mount in job.inputs],
                "filter": filter_,
                "user": None if self._privileged else probe.USER,
            }
            launch.fork = partial(_forked, server, request, (stream, *made))
        return launch

    def _words(
        self, layout: Sequence[str], filter_: int, environment: Mapping[str, str], launched: Sequence[str]
    ) -> list[str]:
        """bwrap's whole command line."""
        return [
            *(str(self._binary), *probe.isolation(privileged=self._privileged), "--seccomp", str(filter_), *layout),
            *("--clearenv", *(word for pair in environment.items() for word in ("--setenv", *pair))),
            *(sys.executable, "-I", "-S", mounts.LAUNCHER, *launched),
        ]

    @property
    def warm_processes(self) -> frozenset[int]:
        """Process ids of what is kept ready for jobs to come."""
        return frozenset() if self._warm is None else self._warm.processes

    async def close(self) -> None:
        """End everything that still runs, the warm interpreters as well."""
        await super().close()
        if self._warm is not None:
            self._warm.close()

    def _files(self, user: int) -> dict[str, bytes]:
        """The small files that are made for each job."""
        return {
            "/etc/passwd": f"candidate:x:{user}:{user}::{mounts.HOME}:/bin/sh\n".encode(),
            "/etc/group": f"candidate:x:{user}:\n".encode(),
            "/etc/hosts": b"127.0.0.1 localhost sandbox\n::1 localhost\n",
            mounts.LAUNCHER: _compiled_launcher(),
        }

    def _filter(self, ranks: int) -> bytes:
        """The system call filter; raises SandboxError where there is none for this machine."""
        return filter_program(unaccounted_memory=self._cgroups is not None, interfaces=ranks > 1)

    def _limits_processes(self) -> bool:
        """Whether a resource limit can count processes: only if others of the same user do not matter."""
        return self._privileged or _counts_per_namespace()

    def _options(self, job: Job, stream: int, user: int, joined: int | None) -> list[str]:
        more: dict[str, str | int] = {"watched": f"{mounts.OUT},{mounts.HOME},/dev/shm"}
        if self._privileged:
            more["user"] = user
        if joined is not None:
            more["group"] = joined
        else:
            more["limit_data"] = 2 * job.limits.memory + (1 << 30)
            if self._limits_processes():
                # The launcher itself is one of the user's processes unless it is root.
                more["limit_nproc"] = job.limits.processes + (0 if self._privileged else 1)
        return launcher_options(job, stream, out=mounts.OUT, folder=mounts.HOME, contained=True, **more)


def _environment(job: Job) -> dict[str, str]:
    path = search_path(toolchains(mounts.SYSTEM), Path(sys.executable))
    return {**fixed_environment(job.limits, path, mounts.HOME), **job.environment}


def _forked(server: ForkServer, request: Mapping[str, object], descriptors: Sequence[int], log: int) -> int:
    return server.fork(request, log, descriptors)


@cache
def _compiled_launcher() -> bytes:
    """launcher.py as a .pyc file, because compiling it in every job would take milliseconds."""
    path = Path(__file__).with_name("launcher.py")
    code = compile(path.read_text(encoding="utf-8"), path.name, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(code)


def _counts_per_namespace() -> bool:
    """Whether the kernel counts a user's processes by namespace, which it does since 5.14."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int("".join(filter(str.isdigit, minor)))) >= (5, 14)


def _in_memory(data: bytes) -> int:
    """A descriptor from which `data` can be read."""
    descriptor = os.memfd_create("evolver", os.MFD_CLOEXEC)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _monitor(group: Group | None, limits: Limits, skip: int, pid: int) -> ResourceMonitor:
    return group or ProcessTree(pid, limits, skip=skip, count=False, network=True)


def _kill(bwrap: int) -> None:
    """Kill process 1 of the sandbox, which takes all others along before bwrap ends; bwrap if there is none yet."""
    for pid in children(bwrap) or [bwrap]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _kill_one(pid: int) -> None:
    """Kill process 1 of the sandbox, which ends when all others have."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _cleared(group: Group | None, staging: Path) -> bool:
    shutil.rmtree(staging, ignore_errors=True)
    return group is None or group.remove()
