"""`evolver bench`: arms by seeds by tasks, and the tables that come of it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from evolver.cli.run_options import configured
from evolver.cli.stderr import say_to_stderr
from evolver.errors import UsageError
from evolver.settings import Settings, expanded
from evolver.tasks import load_task
from evolver.tasks.task_places import suite_tasks

if TYPE_CHECKING:
    from evolver.graph.bench import Arm, BenchPlan

WIDEST = 140
"""Columns that the table may need."""


def start_bench(
    tasks: Sequence[str],
    arms: str,
    seeds: int,
    experiments: int,
    cpu_seconds: float | None,
    name: str,
    output: Path | None,
    said: dict[str, object],
    as_json: bool,
) -> None:
    """Run what is left of a bench, then write its tables. Raises UsageError."""
    from evolver.graph.bench import BenchPlan, check_plan, keep_plan, run_bench
    from evolver.graph.resolved_run import open_archive

    settings = Settings()
    references = resolved_tasks(tasks)
    context = configured({**said, "task": references[0]}, settings)
    wanted = BenchPlan(
        name=name,
        tasks=tuple(references),
        arms=chosen_arms(arms),
        seeds=seeds,
        experiments=experiments,
        cpu_seconds=cpu_seconds,
        models=context.models,
    )
    check_plan(wanted)
    for reference in references:
        load_task(reference, settings.home)
    with open_archive(settings.home, settings) as archive:
        plan = keep_plan(settings.home, wanted)

        async def until_done() -> None:
            from langgraph.runtime import RunControl

            control, loop = RunControl(), asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                with suppress(NotImplementedError, RuntimeError):
                    loop.add_signal_handler(number, control.request_drain, "stopped")
            await run_bench(plan, archive, context, say_to_stderr, control)
            if control.drain_requested:
                say_to_stderr("Stopped; the same command goes on from here.")

        asyncio.run(until_done())
    write_results(plan, settings.home, output, as_json)


def report_bench(name: str, output: Path | None, as_json: bool) -> None:
    """Write the tables of a bench again. Raises UnknownName and UsageError."""
    from evolver.graph.bench import read_plan

    home = Settings().home
    write_results(read_plan(home, name), home, output, as_json)


def resolved_tasks(tasks: Sequence[str]) -> list[str]:
    """References of tasks that hold from any folder, suites in their order. Raises UnknownName and TaskError."""
    found: dict[str, None] = {}
    for said in tasks:
        for reference in suite_tasks(said) or [said]:
            path = expanded(reference)
            is_there = path.is_dir() or (path.parent / "task.yaml").is_file()
            found[str(path.absolute()) if is_there else reference] = None
    names = [Path(reference).name for reference in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two of the tasks are called {twice[0]}; a bench tells tasks apart by their names")
    return list(found)


def chosen_arms(said: str) -> tuple[Arm, ...]:
    """The arms of a list with commas. Raises UsageError."""
    from evolver.graph.bench import ARMS, Arm

    arms = [word.strip() for word in said.split(",") if word.strip()]
    if wrong := [arm for arm in arms if arm not in get_args(Arm)] or (not arms and [""]):
        raise UsageError(f"--arms {wrong[0]}: choose among {', '.join(ARMS)}")
    return tuple(arm for arm in ARMS if arm in arms)


def write_results(plan: BenchPlan, home: Path, output: Path | None, as_json: bool) -> None:
    """The files of a bench, and its table on the screen."""
    from evolver.graph.bench import plan_file
    from evolver.graph.bench_results import results_of
    from evolver.graph.resolved_run import open_archive
    from evolver.web.bench_report import arm_table, bench_html, markdown_table, runs_csv

    with open_archive(home) as archive:
        results = results_of(plan, archive, home)
    folder = expanded(output) if output else plan_file(home, plan.name).with_suffix("")
    files = {"bench.json": results.model_dump_json(indent=1) + "\n", "runs.csv": runs_csv(results)}
    files["table.md"] = markdown_table(results)
    if find_spec("plotly") is not None:
        files["bench.html"] = bench_html(results)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--output {folder}: cannot be written: {error.strerror}") from None
    if as_json:
        print(results.model_dump_json())
        return
    from rich.console import Console

    console = Console(highlight=False)
    console.width = max(console.width, WIDEST)  # a table that is cut off says nothing; a line may wrap
    console.print(arm_table(results))
    missing = "" if "bench.html" in files else "; the HTML with plots needs plotly: pip install 'evolver[serve]'"
    print(f"Wrote {', '.join(sorted(files))} to {folder}{missing}.")
