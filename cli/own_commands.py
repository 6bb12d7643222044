"""Commands that a task brings along: functions in the commands.py of its folder, with options as typer reads them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evolver.errors import EvolverError, TaskError
from evolver.tasks import installed_tasks, load_task

FILE = "commands.py"


def run_own_command(command: str, words: Sequence[str]) -> None:
    """Run `evolver task COMMAND ...` as the task that the words name defines it, in this process and not in a sandbox.

    Without a task among the words, as in `--help`, a built-in task that has the command says what it takes.
    """
    import typer

    function = _named_function(command, words)
    app = typer.Typer(add_completion=False)
    app.command(command)(function)
    typer.main.get_command(app).main(list(words), prog_name=f"evolver task {command}", standalone_mode=False)


def _named_function(command: str, words: Sequence[str]) -> Callable[..., Any]:
    """The function of the first word that names a task with such a command. Raises TaskError, UnknownName."""
    names = [word for word in words if not word.startswith("-")]
    for name in names:
        try:
            function = _function(load_task(name).root, command)
        except EvolverError:  # the value of an option
            continue
        if function is not None:
            return function
    having = {task.name: function for task in installed_tasks() if (function := _function(task.root, command))}
    if names or not having:
        raise TaskError(
            f"task {load_task(names[0]).name if names else ''} takes no data of your own: no function {command} in a "
            f"{FILE} of its folder; {', '.join(having)} does"
        )
    return next(iter(having.values()))


def _function(root: Path, command: str) -> Callable[..., Any] | None:
    """The function that a task's folder defines for a command, if it has one; it imports what lies beside it."""
    spec = importlib.util.spec_from_file_location(f"evolver_commands_of_{root.name.replace('-', '_')}", root / FILE)
    if spec is None or spec.loader is None or not (root / FILE).is_file():
        return None
    if str(root) not in sys.path:  # at the end: nothing of Evolver's or Python's is hidden by a file there
        sys.path.append(str(root))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., Any] | None = getattr(module, command, None)
    return found
