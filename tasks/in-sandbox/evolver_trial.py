"""What a harness, a program and a judge may import inside the sandbox. Standard library only; numpy where asked for.

Folders in the sandbox: /program /public /task /evolver /artifacts /out for the program and its harness,
/judge /outputs /private /evolver /out for the judge. A backend without mounts names their parent in EVOLVER_ROOT.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import stat
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

SECONDS_UNSAID = 60.0
"""Limit assumed where nobody says one: a program that is run by hand."""
MARGIN, LARGEST_MARGIN = 0.1, 1.0
"""Share of the limit, and most seconds, that are kept for writing the output and ending."""


class Invalid(Exception):
    """Raised by a judge: this output gets no score, for the reason given."""


def folder(name: str) -> Path:
    """The sandbox folder of that name, such as `program` or `out`."""
    return Path(os.environ.get("EVOLVER_ROOT") or "/") / name


def _process_start() -> float:
    """When this process began, on time.monotonic()'s clock, in seconds."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        age = 0.0
    # A time namespace or a suspended machine can shift the two clocks; importing Python takes no minute.
    return time.monotonic() - (age if 0.0 <= age < 60.0 else 0.0)


_START = _process_start()
_SECONDS = float(os.environ.get("EVOLVER_SECONDS") or SECONDS_UNSAID)


def time_left() -> float:
    """Seconds until this trial's wall limit, less a safety margin; negative when it is time to have returned."""
    return _START + _SECONDS - min(LARGEST_MARGIN, MARGIN * _SECONDS) - time.monotonic()


@dataclass(frozen=True)
class Trial:
    """One execution of a program, as its harness sees it."""

    program: Path
    """The candidate's files."""
    public: Path
    """The task's data that the candidate may read; absent where the task has none."""
    out: Path
    """The one folder whose files reach the judge, or the next phase."""
    artifacts: Path
    """What the phase before this one left; absent in the first phase."""
    stage: str
    seed: int
    phase: str

    def load(self, name: str) -> ModuleType:
        """Import a program file, such as `program.py`, with random numbers seeded; raises what the file raises."""
        path = self.program / name
        spec = importlib.util.spec_from_file_location(name.removesuffix(".py").replace("/", "."), path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(f"the program has no Python file {name}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        seed_random(self.seed)
        spec.loader.exec_module(module)
        # Again, because the module may have been the first to import numpy.
        seed_random(self.seed)
        return module

    def save_json(self, name: str, value: object) -> None:
        """Write a JSON file to `out`; floats keep every digit. Raises TypeError for what JSON cannot hold."""
        (self.out / name).write_text(json.dumps(value), encoding="utf-8")

    def save_npy(self, name: str, array: object) -> None:
        """Write an array to `out` in npy format; raises ValueError for arrays of Python objects."""
        import numpy

        numpy.save(self.out / name, numpy.asarray(array), allow_pickle=False)


def seed_random(seed: int) -> None:
    """Seed `random` and, where it is already imported, numpy's legacy generator."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)


def read_bounded(path: Path, limit: int = 16 << 20) -> bytes:
    """The bytes of a plain file; raises Invalid if it is missing, no plain file, or larger than `limit` bytes."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Invalid(f"the program left no {path.name}") from None
    except OSError as error:
        raise Invalid(f"{path.name} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Invalid(f"{path.name} is not a plain file")
        if status.st_size > limit:
            raise Invalid(f"{path.name} has {status.st_size} bytes, more than {limit}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(limit)
    finally:
        os.close(descriptor)


def safe_json(path: Path, limit: int = 16 << 20) -> Any:
    """The value in a JSON file that a candidate wrote.

    Raises Invalid if it is missing, larger than `limit` bytes, not strict JSON, names a key twice, or holds a
    number that is not finite.
    """
    try:
        return json.loads(read_bounded(path, limit).decode("utf-8"), parse_float=_finite,
                          parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{path.name} is not usable JSON: {error}") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large")
    return value


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not a number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def safe_npy(path: Path, *, shape: Sequence[int | None], dtype: str = "float64",
             limit: int = 256 << 20) -> numpy.ndarray[Any, Any]:
    """The array in an npy file that a candidate wrote; None in `shape` allows any length there.

    Raises Invalid if it is missing, larger than `limit` bytes, of another dtype or shape, or not finite throughout.
    The header is checked against the file's true size before memory is taken.
    """
    import io

    import numpy
    from numpy.lib import format as npy

    data = io.BytesIO(read_bounded(path, limit))
    try:
        read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(data)]
        found, by_columns, kind = read_header(data)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise Invalid(f"{path.name} is not a usable npy file: {error}") from None
    wanted = numpy.dtype(dtype)
    if wanted.hasobject or kind != wanted:
        raise Invalid(f"{path.name} holds {kind}, not {wanted}")
    if len(found) != len(shape) or any(size not in (None, got) for size, got in zip(shape, found, strict=True)):
        raise Invalid(f"{path.name} has shape {found}, not {tuple(shape)}")
    body = data.read()
    if len(body) != math.prod(found) * wanted.itemsize:
        raise Invalid(f"{path.name} has {len(body)} bytes of numbers, which does not fit shape {found}")
    array = numpy.frombuffer(body, dtype=wanted).reshape(found, order="F" if by_columns else "C")
    if wanted.kind in "fc" and not numpy.isfinite(array).all():
        raise Invalid(f"{path.name} holds numbers that are not finite")
    return array
