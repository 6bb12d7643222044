"""The command `evolver bench`; its body imports what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.options import Json
from evolver.errors import UsageError

REPORT = "report"


def bench(
    tasks: Annotated[
        list[str],
        typer.Argument(help="A suite such as records, tasks, or: report [NAME], which writes the tables again."),
    ],
    arms: Annotated[
        str,
        typer.Option(
            "--arms",
            help="With commas: offline, llm, hybrid, random, hill, independent, sequential, no-memory, "
            "shuffled-memory, baselines.",
        ),
    ] = "offline,random,hill,baselines",
    seeds: Annotated[int, typer.Option("--seeds", min=1, max=1000, help="Campaigns of each arm on each task.")] = 5,
    experiments: Annotated[
        int, typer.Option("--experiments", "-n", min=1, help="Experiments of each campaign beside the baseline.")
    ] = 60,
    cpu_seconds: Annotated[
        float | None, typer.Option("--cpu-seconds", min=1.0, help="CPU seconds of trials that end a campaign.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the bench is called; the same name goes on.")] = "bench",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the files; default: benches/NAME in the data folder."),
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help="PROVIDER:NAME for arms that ask one.")
    ] = None,
    base_url: Annotated[str, typer.Option("--base-url", help="Address of an OpenAI-compatible server.")] = "",
    workers: Annotated[int | None, typer.Option("--workers", "-w", min=1, help="Trials at a time.")] = None,
    sandbox: Annotated[
        str | None, typer.Option("--sandbox", help="Where programs run; default: EVOLVER_SANDBOX.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare arms over tasks and seeds, resumable; with controls, intervals and published values."""
    from evolver.cli.bench_command import report_bench, start_bench

    if tasks[0] == REPORT:
        if len(tasks) > 2:
            raise UsageError("bench report: name one bench")
        report_bench(tasks[1] if len(tasks) == 2 else name, output, json)
        return
    said: dict[str, object] = {"base_url": base_url, "models": tuple(model or ())}
    said |= {key: value for key, value in (("workers", workers), ("sandbox", sandbox)) if value is not None}
    start_bench(tasks, arms, seeds, experiments, cpu_seconds, name, output, said, json)
