"""The container engine: is it there, can it keep its promises, and the few calls that are needed. All of it blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from evolver.errors import SandboxError

if TYPE_CHECKING:
    from docker import DockerClient

LIMITS = {"MemoryLimit": "memory", "SwapLimit": "swap", "PidsLimit": "processes", "CpuCfsQuota": "processors"}
"""What an engine must be able to limit, as it names that itself; one that cannot ignores the request in silence."""
INSTALL = "install Docker and start it (Debian: apt-get install docker.io), or use --sandbox bubblewrap"
NO_GPU_RUNTIME = (
    "the container engine cannot hand out GPUs: install NVIDIA Container Toolkit (package nvidia-container-toolkit), "
    "run `nvidia-ctk runtime configure --runtime=docker` and restart the engine"
)
OWNER, FOLDER, GPUS = "evolver.owner", "evolver.folder", "evolver.gpus"
"""Labels: who started a container, where it is met, and which devices it holds."""
THREADS = 16
SECONDS = 120
P = ParamSpec("P")
T = TypeVar("T")


class NoSuchContainer(Exception):
    """A container that was asked about is gone."""


@dataclass(frozen=True)
class ContainerState:
    """What the engine says of a container."""

    status: str
    pid: int
    exit_code: int
    out_of_memory: bool
    labels: dict[str, str]

    @property
    def running(self) -> bool:
        """Whether its first process lives."""
        return self.status in ("running", "paused", "restarting")


class Engine:
    """A Docker engine on this machine. Raises SandboxError where none answers or it cannot enforce the limits."""

    def __init__(self) -> None:
        self._client = connect()
        info = self._client.info()
        missing = [what for field, what in LIMITS.items() if not info.get(field)]
        if missing:
            self._client.close()
            raise SandboxError(
                f"this container engine cannot limit {', '.join(missing)} and would ignore the request: "
                "mount the control groups and restart it, or use --sandbox bubblewrap"
            )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")
        self.version = str(info.get("ServerVersion", ""))
        self.processors = int(info.get("NCPU") or 1)
        self.cgroups = str(info.get("CgroupVersion", "1"))

    @property
    def client(self) -> DockerClient:
        """The library's client."""
        return self._client

    async def call(self, function: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
        """Run something that blocks in a thread of the engine's own."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(function, *arguments, **options))

    def create(self, name: str, image: str, command: list[str], labels: dict[str, str], host: dict[str, Any]) -> str:
        """Create a container and return its id; raises SandboxError if a limit would not be kept."""
        from docker.errors import APIError

        api = self._client.api
        try:
            made = api.create_container(
                image,
                command,
                name=name,
                user="65534:65534",
                working_dir="/",
                labels=labels,
                hostname="sandbox",
                entrypoint="",
                host_config=api.create_host_config(**host),
            )
        except APIError as error:
            raise SandboxError(f"the container engine refuses a container: {error.explanation or error}") from error
        ignored = [warning for warning in made.get("Warnings") or () if "discarded" in warning.lower()]
        if ignored:
            self.remove(str(made["Id"]))
            raise SandboxError(f"the container engine ignores a limit: {'; '.join(ignored)}")
        return str(made["Id"])

    def start(self, container: str) -> int:
        """Start a container; the pid of its first process on this machine. Raises SandboxError."""
        from docker.errors import APIError

        try:
            self._client.api.start(container)
        except APIError as error:
            said = str(error.explanation or error)
            if "could not select device driver" in said or "nvidia" in said.lower():
                raise SandboxError(f"{NO_GPU_RUNTIME} (it says: {said})") from error
            raise SandboxError(f"a container does not start: {said}") from error
        return self.state(container).pid

    def state(self, container: str) -> ContainerState:
        """What has become of a container. Raises NoSuchContainer."""
        from docker.errors import NotFound

        try:
            found = self._client.api.inspect_container(container)
        except NotFound:
            raise NoSuchContainer(container) from None
        state = found["State"]
        return ContainerState(
            status=state["Status"],
            pid=int(state["Pid"]),
            exit_code=int(state["ExitCode"]),
            out_of_memory=bool(state["OOMKilled"]),
            labels=dict(found["Config"]["Labels"] or {}),
        )

    def said(self, container: str) -> str:
        """What its first process printed; the program's own output is not among it."""
        from docker.errors import APIError

        try:
            return bytes(self._client.api.logs(container, tail=20)).decode("utf-8", "replace")
        except APIError:
            return ""

    def kill(self, container: str) -> None:
        """End a container; one that has ended or gone is no error."""
        from docker.errors import APIError

        try:
            self._client.api.kill(container)
        except APIError:
            return

    def remove(self, container: str) -> None:
        """End and forget a container; one that is gone, or being removed by another, is no error."""
        from docker.errors import APIError

        try:
            self._client.api.remove_container(container, force=True, v=True)
        except APIError as error:
            if error.status_code not in (404, 409):
                raise SandboxError(f"a container cannot be removed: {error.explanation or error}") from error

    def owned(self) -> dict[str, dict[str, str]]:
        """Labels of every container that Evolver made, whoever it belongs to, by container id."""
        listed = self._client.api.containers(all=True, filters={"label": OWNER})
        return {str(entry["Id"]): dict(entry["Labels"]) for entry in listed}

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        self._client.close()


def connect() -> DockerClient:
    """A client of the engine that the environment names. Raises SandboxError where none answers."""
    try:
        import docker
    except ImportError as error:
        raise SandboxError("the package docker is missing: pip install docker") from error
    try:
        client = docker.from_env(timeout=SECONDS, max_pool_size=THREADS)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        raise SandboxError(f"no container engine answers ({_reason(error)}): {INSTALL}") from None
    return client


def _reason(error: BaseException) -> str:
    """The innermost cause in a few words."""
    while error.__context__ is not None:
        error = error.__context__
    return str(getattr(error, "strerror", None) or error)[:200]
