"""What a harness, a program and a judge may import inside the sandbox. Standard library only; numpy where asked for.

Folders in the sandbox: /program /public /inputs /task /evolver /artifacts /out for the program and its harness,
/judge /outputs /private /public /inputs /evolver /out for the judge, which sees the inputs of every phase, in a folder
each. A backend without mounts names their parent in EVOLVER_ROOT.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import random
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from evolver_readers import Failed, Invalid, read_bounded, safe_json, safe_npy, safe_npz, safe_safetensors

__all__ = [
    "FEEDBACK",
    "Failed",
    "Invalid",
    "Trial",
    "folder",
    "parameters",
    "read_bounded",
    "report",
    "safe_json",
    "safe_npy",
    "safe_npz",
    "safe_safetensors",
    "seed_random",
    "time_left",
    "writable_copy",
]

SECONDS_UNSAID = 60.0
"""Limit assumed where nobody says one: a program that is run by hand."""
FEEDBACK = "feedback.json"
"""What a harness says about the trial, in its output folder."""
RECORD = "\x1e"
"""Begins a report among what is printed, as in JSON text sequences (RFC 7464)."""
MARGIN, LARGEST_MARGIN = 0.1, 1.0
"""Share of the limit, and most seconds, that are kept for writing the output and ending."""
CEILING = 4.0
"""Times its limit that a trial may take by the clock, if others had the CPUs; as the sandbox has it."""


def folder(name: str) -> Path:
    """The sandbox folder of that name, such as `program` or `out`."""
    return Path(os.environ.get("EVOLVER_ROOT") or "/") / name


def parameters() -> dict[str, int | float | str]:
    """What task.yaml says under `parameters`, in a harness as in a judge."""
    said: dict[str, int | float | str] = json.loads(os.environ.get("EVOLVER_PARAMETERS") or "{}")
    return said


def writable_copy(source: Path, target: Path) -> None:
    """Copy a folder, perhaps into one that is there, so that its files can be changed; links stay links."""
    import shutil  # for most trials it would be loaded in vain

    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | 0o200 | (0o100 if path.is_dir() else 0))


def import_folders() -> list[str]:
    """Folders below public/ from which programs import, as the task names them."""
    return [str(folder("public") / part) for part in os.environ.get("EVOLVER_IMPORTS", "").split(":") if part]


def _process_start() -> float:
    """When this process, or the launcher that started it, began; on time.monotonic()'s clock, in seconds."""
    process = os.getppid() if "EVOLVER_PROCESSES" in os.environ else "self"
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        age = 0.0
    # A time namespace or a suspended machine can shift the two clocks; importing Python takes no minute.
    return time.monotonic() - (age if 0.0 <= age < 60.0 else 0.0)


_START = _process_start()
_SECONDS = float(os.environ.get("EVOLVER_SECONDS") or SECONDS_UNSAID)


_CPUS = float(os.environ.get("EVOLVER_CPUS") or 0.0) / int(os.environ.get("EVOLVER_PROCESSES") or 1)
"""Of this process; 0 where nobody says so, and the clock decides."""


def time_left() -> float:
    """Seconds until this trial's limit, less a safety margin; negative when it is time to have returned.

    As the limit does, it leaves out what this process's threads waited for a CPU that others had: a program that works
    until its time is up does the same work on a busy machine as on an idle one.
    """
    wall = time.monotonic() - _START
    own = max(wall - _waited(), time.process_time() / _CPUS) if _CPUS else wall
    return min(_SECONDS - own, CEILING * _SECONDS - wall) - min(LARGEST_MARGIN, MARGIN * _SECONDS)


def _waited() -> float:
    """Seconds that this process's threads were ready to run and had no CPU; 0 where the kernel does not count them."""
    nanoseconds = 0
    for thread in Path("/proc/self/task").glob("*/schedstat"):
        try:
            nanoseconds += int(thread.read_bytes().split()[1])
        except (OSError, IndexError, ValueError):
            continue
    return nanoseconds / 1e9


def report(step: int, value: float) -> None:
    """Print a point of the trial's curve, which leaves the sandbox at once; values that are not finite are left out.

    Processes that the harness starts may call it too, if what they print reaches what the harness prints.
    """
    number = float(value)
    if math.isfinite(number):
        line = f'{RECORD}{{"step": {int(step)}, "value": {number!r}}}\n'
        # In one piece, past the buffers of `print`. A program that has closed its output is not to fail for it.
        with suppress(OSError):
            os.write(1, line.encode())


@dataclass(frozen=True)
class Trial:
    """One execution of a program, as its harness sees it.

    Where the stage asks Accelerate for several processes, the harness runs in each of them, with a `rank` of its own,
    and all share the folders: only the process of rank 0 writes the output, and the others' `save_` calls do nothing.
    """

    program: Path
    """The candidate's files."""
    public: Path
    """The task's data that the candidate may read; absent where the task has none."""
    out: Path
    """The one folder whose files reach the judge, or the next phase."""
    artifacts: Path
    """What the phase before this one left; absent in the first phase."""
    inputs: Path
    """The task's data for this phase alone (inputs/PHASE in its folder); absent where the phase has none."""
    stage: str
    seed: int
    phase: str
    processes: int = 1
    """How many processes run this harness together."""
    rank: int = 0
    """The number of this one among them."""

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    @property
    def parameters(self) -> dict[str, int | float | str]:
        """What task.yaml says under `parameters`, such as the number of points."""
        return parameters()

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
        """Write a JSON file to `out`; floats keep every digit, numbers and arrays of numpy and torch become plain.

        Raises TypeError for what JSON cannot hold.
        """
        text = json.dumps(value, default=_plain)
        if self.is_main:
            (self.out / name).write_text(text, encoding="utf-8")

    def say(self, name: str, value: object) -> None:
        """Tell whoever proposes and criticises a text, or a small table as a list of dicts, beside what is judged.

        It is kept with the trial, shortened where it is long, and shown as what a program wrote. Only what is said in
        the last phase is kept.
        """
        if self.is_main:
            path = self.out / FEEDBACK
            said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            path.write_text(json.dumps({**said, name: value}, default=str), encoding="utf-8")

    def report(self, step: int, value: float) -> None:
        """Report a value that the trial has reached at a step, such as the loss after so many updates.

        The values are kept as the trial's curve and shown; where task.yaml says so, a trial whose curve is hopeless is
        ended. Steps grow over all phases; one that does not is left out.
        """
        if self.is_main:
            report(step, value)

    def save_npy(self, name: str, array: object) -> None:
        """Write an array to `out` in npy format; raises ValueError for arrays of Python objects."""
        import numpy

        if self.is_main:
            numpy.save(self.out / name, numpy.asarray(array), allow_pickle=False)

    def save_npz(self, name: str, **arrays: object) -> None:
        """Write arrays by name to `out` in npz format; raises ValueError for arrays of Python objects."""
        import numpy

        if self.is_main:
            plain = {key: numpy.asarray(array) for key, array in arrays.items()}
            numpy.savez(self.out / name, allow_pickle=False, **plain)


def _plain(value: object) -> object:
    for method in ("tolist", "item"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def seed_random(seed: int) -> None:
    """Seed `random` and, where they are already imported, numpy's legacy generator and torch."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
