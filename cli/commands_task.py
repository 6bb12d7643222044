"""`evolver task ...`; bodies import what they need."""

from __future__ import annotations

from typing import Annotated

import typer

from evolver.cli.lazy_command import lazy
from evolver.cli.options import Json

task_app = typer.Typer(no_args_is_help=True, help="List, check and make tasks.")

Words = Annotated[list[str] | None, typer.Argument(metavar="TASK [OPTIONS]")]
ANY_WORDS = {"ignore_unknown_options": True, "help_option_names": list[str]()}
"""Of commands that a task brings: it reads the options and says what they are."""


@task_app.command("list")
def task_list(json: Json = False) -> None:
    """List the installed tasks."""
    from evolver.cli.task_commands import list_tasks

    list_tasks(json)


@task_app.command("check", cls=lazy("evolver.cli.task_commands:check_task"))
def task_check() -> None:
    """Run a task's baseline up the stages, then programs that break or cheat, and say what is wrong."""


@task_app.command("new")
def task_new(
    name: Annotated[str, typer.Argument(help="Name of the task; a folder of that name is made here.")],
    source: Annotated[str, typer.Option("--from", help="A script to improve, within the working directory.")] = "",
    run: Annotated[str, typer.Option("--run", help="The command that runs it; {seed} becomes the trial's seed.")] = "",
    metric: Annotated[
        str,
        typer.Option(
            "--metric", help="Regular expression of the number that it prints, or FILE.json:KEY, or RUNS/:TAG."
        ),
    ] = "",
    files: Annotated[
        list[str] | None, typer.Option("--files", help="Files that may change (without --from: patterns); often.")
    ] = None,
    deny: Annotated[list[str] | None, typer.Option("--deny", help="Patterns of files that may not; often.")] = None,
    build: Annotated[str, typer.Option("--build", help="A command that builds each new program, in the sandbox.")] = "",
    data: Annotated[list[str] | None, typer.Option("--data", help="Files or folders that it reads; often.")] = None,
    minimize: Annotated[bool, typer.Option("--minimize", help="Less of the metric is better.")] = False,
    take: Annotated[str, typer.Option("--take", help="Of several values: last, best or mean:K.")] = "last",
    seconds: Annotated[float, typer.Option("--seconds", help="Limit of one run.", min=1.0)] = 600.0,
    json: Json = False,
) -> None:
    """Write a small working task to start from, or a task that runs a script or a project of yours."""
    from evolver.cli.task_commands import make_script_task, make_task

    if source or run or metric or files or build:
        lists = (files or [], data or [], deny or [])
        make_script_task(name, source, run, metric, *lists, minimize, take, seconds, build, json)
        return
    make_task(name, json)


@task_app.command("import")
def task_import(
    source: Annotated[str, typer.Argument(help="Folder of OpenEvolve, ShinkaEvolve or ASI-Evolve.")],
    folder: Annotated[str, typer.Argument(help="Folder for the task; must be absent or empty.")],
    json: Json = False,
) -> None:
    """Write the task that another system's folder is run as, to go on from; `evolver run` needs no such step."""
    from evolver.cli.task_commands import import_task

    import_task(source, folder, json)


@task_app.command("data", context_settings=ANY_WORDS)
def task_data(words: Words = None) -> None:
    """Make a task like TASK of your own data; TASK says which options there are."""
    from evolver.cli.own_commands import run_own_command

    run_own_command("data", words or [])


@task_app.command("fetch", context_settings=ANY_WORDS)
def task_fetch(words: Words = None) -> None:
    """Fetch data from where it lies, and make a task like TASK of it; TASK says which options there are."""
    from evolver.cli.own_commands import run_own_command

    run_own_command("fetch", words or [])
