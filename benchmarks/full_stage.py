"""One trial of each program at a stage that trains through Accelerate, with times, losses, throughput and memory.

    python benchmarks/full_stage.py TASK [--stage full] [--programs baseline,NAME,...] [--seeds 1] [--sandbox none]
                                         [--rehearse] [--save FILE.json]

Programs are the baseline and files of the task's references/, by stem. Every trial goes through phases, sandbox and
judge like any other. `--rehearse` does the same on this machine's CPU: the task's folder is copied, its stage asks for
two processes instead of GPUs, and rehearsal.py in the task's folder makes its sizes tiny. The scores mean nothing then;
what is tried is the path: launcher, process group, mixed precision, sharding, judge.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.registry import SANDBOXES
from evolver.sandbox import Kind, Sandbox
from evolver.tasks import Task, load_task

REHEARSED = {"processes": 2, "gpus": 0, "mixed_precision": "bf16"}
REHEARSAL_RESOURCES = {"cpus": 2, "memory": "4GiB", "processes": 128, "scratch": "256MiB", "output": "256MiB"}


def chosen(task: Task, names: list[str]) -> dict[str, Program]:
    """The programs of those names; raises SystemExit for one that is not there."""
    known = {"baseline": task.baseline(), **task.references()}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"{task.name} has no {', '.join(unknown)}; it has {', '.join(known)}")
    return {name: known[name] for name in names}


def rehearsal(task: Task, stage: str, folder: Path) -> Task:
    """A copy of the task whose stage runs tiny, in two processes on the CPU."""
    copy = folder / task.name
    shutil.copytree(task.root, copy, ignore=shutil.ignore_patterns("__pycache__"))
    spec = yaml.safe_load((copy / "task.yaml").read_text())
    for entry in spec["stages"]:
        if entry["name"] == stage:
            entry |= {"accelerate": REHEARSED, "resources": REHEARSAL_RESOURCES, "seconds": 300}
    (copy / "task.yaml").write_text(yaml.safe_dump(spec))
    subprocess.run([sys.executable, copy / "rehearsal.py", stage], cwd=copy, check=True)
    return load_task(copy)


async def run(
    task: Task, programs: dict[str, Program], stage: str, seeds: int, sandbox: Sandbox
) -> list[dict[str, Any]]:
    """The trials, one after another."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="evolver-full-") as folder:
        for name, program in programs.items():
            for seed in range(seeds):
                began = time.monotonic()
                trial = await run_trial(
                    sandbox, task, program, stage, seed, Path(folder) / name / str(seed), experiment=name
                )
                rows.append({"program": name, "wall_seconds": time.monotonic() - began, **row(trial)})
                print(f"{name}, seed {seed}: {trial.status} {trial.reason}\n{trial.log_tail}", flush=True)
    return rows


def row(trial: Trial) -> dict[str, Any]:
    """What is kept of a trial."""
    kept = trial.model_dump(mode="json", include={"seed", "status", "reason", "seconds", "cpu_seconds", "gpu_seconds"})
    return {**kept, "peak_memory_mib": trial.peak_memory / 2**20, "metrics": {**trial.metrics, **trial.sealed}}


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a line for each trial, a column for each metric."""
    names = list(dict.fromkeys(name for row in rows for name in row["metrics"]))
    head = ["program", "seed", "status", "wall s", "GPU s", "CPU s", "host MiB", *names]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        figures = [row["wall_seconds"], row["gpu_seconds"], row["cpu_seconds"], row["peak_memory_mib"]]
        lines.append(
            [
                row["program"],
                str(row["seed"]),
                row["status"],
                *(f"{figure:.0f}" for figure in figures),
                *(f"{row['metrics'][name]:.5g}" if name in row["metrics"] else "" for name in names),
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> dict[str, Any]:
    """Versions and devices, where torch can be imported."""
    if importlib.util.find_spec("torch") is None:
        return {}
    import torch

    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return {"python": sys.version.split()[0], "torch": torch.__version__, "devices": devices}


def main() -> int:
    """Exit status 1 if a trial got no score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("--stage", default="full")
    parser.add_argument("--programs", default="baseline")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sandbox", choices=SANDBOXES.choices(), default="auto")
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    task, kind = load_task(options.task), options.sandbox
    with tempfile.TemporaryDirectory(prefix="evolver-rehearsal-") as folder:
        if options.rehearse:
            task = rehearsal(task, options.stage, Path(folder))
        rows = asyncio.run(measured(task, options, kind))
    result = {"task": task.name, "stage": options.stage, "rehearsal": options.rehearse, **machine(), "trials": rows}
    if options.save:
        options.save.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps({name: value for name, value in result.items() if name != "trials"}))
    print(table(rows))
    return 0 if all(row["status"] == TrialStatus.OK for row in rows) else 1


async def measured(task: Task, options: argparse.Namespace, kind: Kind) -> list[dict[str, Any]]:
    """All trials in one sandbox."""
    programs = chosen(task, options.programs.split(","))
    sandbox = sandbox_for(task, kind, 1, stage=options.stage)
    try:
        return await run(task, programs, options.stage, options.seeds, sandbox)
    finally:
        await sandbox.close()


if __name__ == "__main__":
    sys.exit(main())
