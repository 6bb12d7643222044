"""Options about tasks of other systems: their files, the metric that decides, variables, and how much is copied."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolver.tasks.importers import Choices
from evolver.tasks.loading import choose_task

Evaluator = Annotated[
    str, typer.Argument(help="Evaluator of another system, where TASK is its program.", metavar="[EVALUATOR]")
]
ConfigPath = Annotated[
    str, typer.Option("--config", help="Settings of the other system, beside PROGRAM and EVALUATOR.")
]
Root = Annotated[str, typer.Option("--root", help="Copy all of this folder, above the other system's, into trials.")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", help="Hand a variable on to the other system's evaluator, by name; may be given often."),
]
MetricName = Annotated[str, typer.Option("--metric", help="The evaluator's metric that decides.")]
Minimize = Annotated[bool, typer.Option("--minimize", help="Less of the metric is better.")]


def chosen_task(
    task: str, evaluator: str, config: str, root: str, env: list[str] | None, metric: str, minimize: bool, home: Path
) -> str:
    """The task as a campaign names it: what was said, or the folder that was made of it. Raises UsageError."""
    choices = Choices(
        evaluator=evaluator, config=config, root=root, env=tuple(env or ()), metric=metric, minimize=minimize
    )
    return choose_task(task, choices, home)
