"""`evolver task ...`; bodies import what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.lazy_command import lazy
from evolver.cli.options import Json

task_app = typer.Typer(no_args_is_help=True, help="List, check and make tasks.")

Seed = Annotated[int, typer.Option("--seed", help="Decides which families are hidden.")]
DropConflicts = Annotated[bool, typer.Option("--drop-conflicts", help="Leave out pairs that have both labels.")]


@task_app.command("list")
def task_list(json: Json = False) -> None:
    """List the built-in tasks."""
    from evolver.cli.task_commands import list_tasks

    list_tasks(json)


@task_app.command("check", cls=lazy("evolver.cli.task_commands:check_task"))
def task_check() -> None:
    """Run a task's baseline up the stages, then programs that break or cheat, and say what is wrong."""


@task_app.command("new")
def task_new(
    name: Annotated[str, typer.Argument(help="Name of the task; a folder of that name is made here.")],
    json: Json = False,
) -> None:
    """Write a small working task to start from."""
    from evolver.cli.task_commands import make_task

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


@task_app.command("data")
def task_data(
    task: Annotated[str, typer.Argument(help="Task that is made of labelled pairs: drug-target.")],
    csv: Annotated[Path, typer.Option("--csv", help="File with the columns drug (SMILES), target (sequence), label.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Task folder to write; must not exist.")],
    columns: Annotated[
        str, typer.Option("--columns", help="Names of columns, such as drug=SMILES,target=Protein,label=Y.")
    ] = "",
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Make a task of your own pairs: some drugs and targets are hidden, and only the judge sees their labels."""
    from evolver.cli.task_data import make_from_csv

    make_from_csv(task, csv, output, columns, seed, drop_conflicts, json)


@task_app.command("fetch")
def task_fetch(
    task: Annotated[str, typer.Argument(help="Task that is made of labelled pairs: drug-target.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Task folder to write; must not exist.")],
    table: Annotated[
        Path | None, typer.Option("--from", help="YAML file of sources: address, SHA-256, size and licence of each.")
    ] = None,
    agree: Annotated[bool, typer.Option("--agree", help="Agree to the licences that are shown.")] = False,
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Fetch pairs from where they lie, check their hashes, and make a task of them."""
    from evolver.cli.task_data import make_from_sources

    make_from_sources(task, table, output, agree, seed, drop_conflicts, json)
