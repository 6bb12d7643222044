"""What a sandbox is asked to run and what it says afterwards; the interface that every backend keeps."""

from __future__ import annotations

import platform
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, ClassVar, Protocol

from pydantic import Field, field_validator

from evolver.contracts import Record

PYTHON = "python"
"""As first word of a command: the backend's own interpreter."""
THREADS = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
    *("RAYON_NUM_THREADS", "POLARS_MAX_THREADS", "TF_NUM_INTRAOP_THREADS"),
)
"""Variables by which libraries are told how many threads to start; every job has them."""

DEBIAN = "deb:"
"""Begins what programs require that is no Python package: a package of Debian, such as `deb:g++`."""
IN_IMAGES = frozenset({"numpy", "scipy", "torch", "accelerate", "safetensors"})
"""Packages that the images of the Docker sandbox come with."""


def python_packages(requires: Iterable[str]) -> list[str]:
    """What is required of Python, by the names that it is imported under."""
    return [name for name in requires if not name.startswith(DEBIAN)]


class Limits(Record):
    """What a job may use. Sizes are bytes, times are seconds."""

    wall_seconds: Annotated[float, Field(gt=0)] = 60.0
    cpus: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[int, Field(ge=16 << 20)] = 1 << 30
    processes: Annotated[int, Field(ge=2)] = 64
    """Processes and threads together."""
    scratch: Annotated[int, Field(ge=1 << 20)] = 64 << 20
    output: Annotated[int, Field(ge=1 << 10)] = 64 << 20
    output_files: Annotated[int, Field(ge=1)] = 256
    log: Annotated[int, Field(ge=1 << 10)] = 256 << 10


class Mount(Record):
    """A host file or folder, shown read-only inside at `target`."""

    source: Path
    target: PurePosixPath
    own: bool = False
    """Of this job alone; a backend that keeps sandboxes warm shows it later than the others."""


class Job(Record):
    """One command in a fresh sandbox."""

    id: str
    """Unique among jobs that run at the same time; a backend labels what it starts with it."""
    command: tuple[str, ...]
    inputs: tuple[Mount, ...] = ()
    output: Path
    """Host folder that receives what the job left in /out; must not exist yet."""
    limits: Limits = Limits()
    gpus: Annotated[int, Field(ge=0)] = 0
    """Devices that the program needs."""
    ranks: Annotated[int, Field(ge=1)] = 1
    """Processes that work together (torch.distributed). More than one may list their network interfaces, which such
    libraries insist on; there is still only loopback."""
    requires: tuple[str, ...] = ()
    """Packages, by the names they are imported under, and `deb:NAME` for Debian's; a backend that runs images takes one
    that has them, elsewhere Debian's are taken to be on the machine."""
    preload: tuple[str, ...] = ()
    """Packages that a backend may have imported before it starts the job; none is a candidate's."""
    environment: dict[str, str] = {}
    """All that the program sees beside a fixed few (PATH, HOME, LANG, thread counts), which it may replace; never
    inherited."""
    labels: dict[str, str] = {}
    processors: tuple[int, ...] = ()
    """CPUs that it has to itself; the backend chooses them."""

    @field_validator("environment")
    @classmethod
    def _no_secret_names(cls, environment: dict[str, str]) -> dict[str, str]:
        for name in environment:
            if any(word in name.upper() for word in ("KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL")):
                raise ValueError(f"environment variable {name} looks like a secret; none may enter a sandbox")
        return environment


class Ending(StrEnum):
    """How a job ended."""

    EXITED = "exited"
    TIMEOUT = "timeout"
    STARVED = "starved"
    """Its own time was not up, but others had the CPUs for so long that it was ended."""
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_REFUSED = "output_refused"
    """The program ended but left links, pipes, sparse, oversized or too many files."""
    CANCELLED = "cancelled"


class Outcome(Record):
    """What became of a job."""

    ending: Ending
    exit_code: int | None = None
    """Exit status; negative is the signal that killed it."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    waited_seconds: float | None = None
    """How long its threads were ready to run and had no CPU, added up; None if unknown."""
    processors: tuple[int, ...] = ()
    """The CPUs that it had to itself; none: it shared them with others."""
    peak_memory: int = 0
    log: str = ""
    """Tail of standard output and error, bounded by `Limits.log`."""
    reason: str = ""
    """In words, when there is no usable result."""

    @property
    def succeeded(self) -> bool:
        """Exited with status 0 and left acceptable output."""
        return self.ending is Ending.EXITED and self.exit_code == 0


class Protection(Record):
    """One line of what a backend guards and how."""

    what: str
    how: str
    enforced: bool
    advice: str = ""
    """How this machine could guard it better; empty: as it is, is how it should be."""


class Handle(Protocol):
    """A job that was started."""

    @property
    def job(self) -> Job:
        """What was asked for, and the CPUs that the backend chose."""
        ...

    def logs(self) -> AsyncIterator[str]:
        """Standard output and error as they come, until the job ends."""
        ...


class Sandbox(Protocol):
    """Runs jobs. A failing program is an `Outcome`; `SandboxError` means that the backend itself cannot work.

    A backend is a class with this interface, registered by its `name` (see `evolver.registry`); `evolver.testing` has
    tests of what is promised here.
    """

    name: ClassVar[str]
    """What people write after --sandbox."""
    protects: ClassVar[bool]
    """Whether programs are kept from this machine's files, network and user; one that does not is for trusted programs
    alone, and cannot be chosen over the network.
    """
    own_packages: ClassVar[bool] = False
    """Whether programs have the packages of an image, not those of the environment that runs Evolver."""

    @classmethod
    def open(
        cls,
        slots: int,
        *,
        hidden: Sequence[Path] = (),
        requires: Sequence[str] = (),
        gpus: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> Sandbox:
        """One that runs up to `slots` jobs at a time, ready for jobs that import `requires` and use `gpus` each.

        Programs cannot read what lies below a `hidden` path, even in a folder that they are shown; `progress` is told
        line by line what takes long. Raises SandboxError, which says what is missing.
        """
        ...

    @property
    def where(self) -> str:
        """The sandbox and the Python that programs run with, in words."""
        return f"{self.name}, with Python {platform.python_version()} and the packages of {sys.prefix}"

    def image_for(self, requires: Sequence[str], gpus: int) -> str:
        """The tag of the image that such jobs run in; empty where programs have the packages of this environment."""
        return ""

    @classmethod
    def is_ready(cls, requires: Sequence[str], gpus: int) -> bool:
        """Whether `open` would have nothing to build first; `auto` takes such a backend before others."""
        return True

    @classmethod
    def diagnose(cls) -> list[Protection]:
        """What this machine offers it, one line a part, for `evolver doctor`; `enforced` says whether it is there."""
        ...

    def resize(self, slots: int) -> None:
        """Run up to so many jobs at a time from now on; those that run go on."""
        ...

    async def start(self, job: Job) -> Handle:
        """Start a job; waits for a free slot. Raises SandboxError."""
        ...

    async def wait(self, handle: Handle) -> Outcome:
        """Wait until the job has ended, its processes are gone and its output is delivered."""
        ...

    async def attach(self, job: Job) -> Handle | None:
        """The handle of this job (by id and output) if an earlier process started it, and it still runs or has ended.

        None where there is no such job. Raises SandboxError.
        """
        ...

    async def reap(self, labels: Mapping[str, str]) -> int:
        """End what earlier processes left behind of jobs that have these labels; how many there were."""
        ...

    async def stop(self, handle: Handle) -> None:
        """End a job now; `wait` then says cancelled."""
        ...

    def protections(self) -> list[Protection]:
        """What is guarded, and what is not, in words for the user."""
        ...

    async def close(self) -> None:
        """End everything that still runs."""
        ...
