"""How a stage's harness is started: plain Python, or by Accelerate in as many processes as task.yaml asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evolver.sandbox import PYTHON, THREADS

if TYPE_CHECKING:
    from evolver.tasks.spec import AccelerateSpec

HARNESS, LAUNCHER = "/evolver/run_harness.py", "/evolver/run_launcher.py"
PROCESSES_PER_RANK = 32
"""Processes and threads that launcher, torch and gloo may start for each process that trains.

Measured: two CPU processes need 13 to 16 in all, launcher included; CUDA and its collectives start more.
"""
_FAILED = re.compile(r"^rank \d+ failed: .*", re.MULTILINE)
_ROOT_CAUSE = re.compile(r"Root Cause.*?^\s*rank\s*: (\d+).*?^\s*exitcode\s*: (-?\d+)", re.DOTALL | re.MULTILINE)
_LAUNCHER_SPEAKS = re.compile(
    r"^(?:[WE]\d{4} .*torch/distributed/elastic/|"
    r'Traceback \(most recent call last\):\n  File "[^"\n]*/run_launcher\.py")',
    re.MULTILINE,
)


@dataclass(frozen=True)
class AccelerateLaunch:
    """The words of the command, and what its job needs beside those of a plain one."""

    command: tuple[str, ...] = (PYTHON, HARNESS)
    environment: dict[str, str] = field(default_factory=dict)
    ranks: int = 1
    gpus: int = 0
    extra_processes: int = 0
    requires: tuple[str, ...] = ()


def launch_of(accelerate: AccelerateSpec | None, cpus: int) -> AccelerateLaunch:
    """How to start the harness with what a stage says under `accelerate`, on so many CPUs."""
    if accelerate is None:
        return AccelerateLaunch()
    count = accelerate.processes
    environment = {"EVOLVER_PROCESSES": str(count), **dict.fromkeys(THREADS, str(max(1, cpus // count)))}
    if count > 1 and not accelerate.gpus:
        # `accelerate launch --cpu` starts one process, whatever number it is given.
        command: tuple[str, ...] = (
            *(PYTHON, LAUNCHER, "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)),
            HARNESS,
        )
        environment |= {"ACCELERATE_USE_CPU": "true", "ACCELERATE_MIXED_PRECISION": accelerate.mixed_precision}
    else:
        command = (PYTHON, LAUNCHER, "accelerate.commands.launch", *_words(accelerate), HARNESS)
    return AccelerateLaunch(
        command=command,
        environment=environment,
        ranks=count,
        gpus=accelerate.gpus,
        extra_processes=PROCESSES_PER_RANK * count,
        requires=("accelerate", "torch"),
    )


def _words(accelerate: AccelerateSpec) -> list[str]:
    """The options of `accelerate launch`, all said, so that it neither asks nor reads a file of the user's."""
    words = [] if accelerate.gpus else ["--cpu"]
    words += ["--num_processes", str(accelerate.processes), "--num_machines", "1"]
    words += ["--mixed_precision", accelerate.mixed_precision, "--dynamo_backend", "no"]
    if accelerate.processes > 1:
        # Port 0 takes a free one, so that unprotected trials can run side by side.
        words += ["--multi_gpu", "--main_process_port", "0"]
    return words


def program_log(log: str) -> str:
    """What the program said, without the launcher's own report of a failure after it."""
    report = _LAUNCHER_SPEAKS.search(log)
    return log[: report.start()] if report and report.start() else log


def failure(log: str) -> str:
    """Why a launched program failed: what the first failing process said, else how it ended; empty if nobody knows."""
    said = _FAILED.search(log)
    if said:
        return said[0]
    root = _ROOT_CAUSE.search(log)
    if root:
        return f"rank {root[1]} ended with status {root[2]}"
    return ""
