"""`evolver task list`, `check` and `new`."""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from pathlib import Path

from evolver.cli.choices import sandbox_choice, say_to_stderr
from evolver.contracts import SandboxKind
from evolver.errors import UsageError
from evolver.tasks import Task, builtin_tasks, load_task


def list_tasks(as_json: bool) -> None:
    """The built-in tasks with metric, stages and suggested budget."""
    tasks = builtin_tasks()
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
        stages = ", ".join(f"{s.name} {s.seconds:g} s" for s in task.stages)
        table.add_row(task.name, f"{task.metric.direction} {task.metric.name}", stages, task.spec.summary.strip())
    Console(highlight=False).print(table)


def check_task(reference: str, sandbox_kind: str | None, as_json: bool) -> int:
    """Run the task's baseline and hostile programs; 0 if all is well, 1 if the task needs work."""
    from evolver.agents.check import Finding

    task = load_task(reference)
    findings: list[Finding] = asyncio.run(_checked(task, sandbox_choice(sandbox_kind)))
    good = all(finding.good for finding in findings)
    if as_json:
        print(json.dumps({"task": task.name, "good": good, "findings": [f.model_dump() for f in findings]}))
    else:
        for finding in findings:
            print(f"{'ok ' if finding.good else 'BAD'}  {finding.what}: {finding.said}")
        print(f"Task {task.name} is {'ready' if good else 'not ready: mend the lines marked BAD'}.")
    return 0 if good else 1


async def _checked(task: Task, kind: SandboxKind) -> list:  # type: ignore[type-arg]
    from evolver.agents.check import check
    from evolver.agents.place import sandbox_for

    sandbox = sandbox_for(task, kind, 1, progress=say_to_stderr)
    with tempfile.TemporaryDirectory(prefix="evolver-check-") as scratch:
        try:
            return await check(task, sandbox, Path(scratch))
        finally:
            await sandbox.close()


def make_task(name: str, as_json: bool) -> None:
    """Write a working example task into a new folder here."""
    from evolver.tasks.template import new_task

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"task name {name!r}: use lower-case words joined by dashes, such as my-task")
    folder = Path(name)
    written = new_task(folder, name)
    if as_json:
        print(json.dumps({"task": name, "files": [str(path) for path in written]}))
        return
    print(f"Wrote {len(written)} files to {folder}/. Next:\n  evolver task check ./{folder}\n  evolver run ./{folder}")
