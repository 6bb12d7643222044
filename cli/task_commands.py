"""`evolver task list`, `check` and `new`."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evolver.cli.foreign_options import ConfigPath, Env, Evaluator, MetricName, Minimize, Root, chosen_task
from evolver.cli.options import Json
from evolver.cli.run_options import configured, said_of, with_options
from evolver.cli.stderr import say_to_stderr
from evolver.contracts import SandboxKind
from evolver.errors import UsageError
from evolver.formatting import duration
from evolver.settings import Settings, expanded
from evolver.tasks import Task, installed_tasks, load_task
from evolver.tasks.new_task import new_task, refuse_taken

if TYPE_CHECKING:
    from evolver.evaluation.task_check import Finding
    from evolver.tasks.spec import StageSpec


def list_tasks(as_json: bool) -> None:
    """The installed tasks with metric, stages and suggested budget."""
    tasks = installed_tasks()
    if as_json:
        print(
            json.dumps(
                {
                    "tasks": [
                        {
                            "name": t.name,
                            "summary": t.spec.summary,
                            "metric": t.metric.model_dump(mode="json"),
                            "stages": [s.model_dump(mode="json") for s in t.stages],
                        }
                        for t in tasks
                    ]
                }
            )
        )
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="dim")
    for column in ("task", "metric", "stages", "summary"):
        table.add_column(column)
    for task in tasks:
        stages = ", ".join(_in_words(task, stage) for stage in task.stages)
        table.add_row(task.name, f"{task.metric.direction} {task.metric.name}", stages, task.spec.summary.strip())
    Console(highlight=False).print(table)


def _in_words(task: Task, stage: StageSpec) -> str:
    mark = "*" if stage == task.deciding_stage and len(task.stages) > 1 else ""
    return f"{stage.name}{mark} {duration(stage.seconds)}" + (f", {stage.gpus} GPU" if stage.gpus else "")


@with_options(["sandbox"])
def check_task(
    task: Annotated[str, typer.Argument(help=said_of("task"))],
    evaluator: Evaluator = "",
    *,
    config: ConfigPath = "",
    root: Root = "",
    env: Env = None,
    metric: MetricName = "",
    minimize: Minimize = False,
    stage: Annotated[str, typer.Option("--stage", help="The last stage to try; default: the one that decides.")] = "",
    json: Json = False,
    **said: object,
) -> None:
    """Run the task's baseline and hostile programs; exit status 1 if the task needs work."""
    settings = Settings()
    task = chosen_task(task, evaluator, config, root, env, metric, minimize, settings.home)
    context = configured({"task": task, **said}, settings)
    raise typer.Exit(_print_check(load_task(task, settings.home), context.sandbox or settings.sandbox, stage, json))


def _print_check(task: Task, kind: SandboxKind, stage: str, as_json: bool) -> int:
    for warning in task.warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    found = asyncio.run(_checked(task, kind, stage, quiet=as_json))
    good = all(finding.good for finding in found)
    if as_json:
        print(json.dumps({"task": task.name, "good": good, "findings": [f.model_dump() for f in found]}))
    else:
        print(f"Task {task.name} is {'ready' if good else 'not ready: fix the lines marked BAD'}.")
    return 0 if good else 1


async def _checked(task: Task, kind: SandboxKind, stage: str, *, quiet: bool) -> list[Finding]:
    """All findings, each printed when it is there unless `quiet`."""
    from evolver.evaluation.environment import sandbox_for
    from evolver.evaluation.task_check import findings

    sandbox = sandbox_for(task, kind, 1, stage=stage, progress=say_to_stderr)
    with tempfile.TemporaryDirectory(prefix="evolver-check-") as scratch:
        found: list[Finding] = []
        try:
            say_to_stderr(f"Trials run in {sandbox.where}.")
            async for finding in findings(task, sandbox, Path(scratch), stage):
                found.append(finding)
                if not quiet:
                    print(f"{'ok ' if finding.good else 'BAD'}  {finding.what}: {finding.said}", flush=True)
            return found
        finally:
            await sandbox.close()


def import_task(source: str, folder: str, as_json: bool) -> None:
    """Write the task that a foreign folder is run as into a folder of its own."""
    target = expanded(folder)
    refuse_taken(target)
    task = load_task(source)
    if not task.warnings:
        raise UsageError(f"{source} is a task of Evolver already; copy its folder")
    shutil.copytree(task.root, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("origin.json"))
    files = sorted(str(path) for path in target.rglob("*") if path.is_file())
    if as_json:
        print(json.dumps({"task": task.name, "files": files}))
        return
    print(
        f"Wrote {len(files)} files to {target}/. Next: have harness.py save what the program makes, measure it in "
        f"judge.py, and\n  evolver task check {target}"
    )


def make_task(name: str, as_json: bool) -> None:
    """Write a working example task into a new folder here."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"task name {name!r}: use lower-case words joined by dashes, such as my-task")
    folder = expanded(name)
    written = new_task(folder, name)
    if as_json:
        print(json.dumps({"task": name, "files": [str(path) for path in written]}))
        return
    print(f"Wrote {len(written)} files to {folder}/. Next:\n  evolver task check ./{folder}\n  evolver run ./{folder}")


def make_script_task(
    name: str,
    source: str,
    command: str,
    metric: str,
    files: list[str],
    data: list[str],
    deny: list[str],
    minimize: bool,
    take: str,
    seconds: float,
    build: str,
    as_json: bool,
) -> None:
    """Write a task that runs a script, or a command in the folder here, into a new folder here."""
    from evolver.tasks.script_task import script_task

    for flag, said in (("--from", source or files), ("--run", command), ("--metric", metric)):
        if not said:
            raise UsageError(
                "a task of a script needs --from, --run and --metric, one of a project --files, --run and --metric; "
                f"{flag} is missing"
            )
    written = script_task(
        Path(name),
        name,
        source,
        command,
        metric,
        files=files,
        data=data,
        minimize=minimize,
        take=take,
        seconds=seconds,
        build=build,
        deny=deny,
    )
    if as_json:
        print(json.dumps({"task": name, "files": [str(path) for path in written]}))
        return
    print(
        "WARNING: whoever writes the program writes the number that it prints: the score can be forged. "
        f"{name}/README.md says how to measure it apart.",
        file=sys.stderr,
    )
    print(f"Wrote {len(written)} files to {name}/. Next:\n  evolver task check ./{name}\n  evolver run ./{name}")
