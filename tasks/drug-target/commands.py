"""`evolver task data drug-target` and `evolver task fetch drug-target`: this task with pairs of one's own."""

from pathlib import Path
from typing import Annotated

import typer

Task = Annotated[str, typer.Argument(help="Task that is made of labelled pairs: drug-target.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Task folder to write; must not exist.")]
Seed = Annotated[int, typer.Option("--seed", help="Decides which families are hidden.")]
DropConflicts = Annotated[bool, typer.Option("--drop-conflicts", help="Leave out pairs that have both labels.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else on standard output.")]


def data(
    task: Task,
    csv: Annotated[Path, typer.Option("--csv", help="File with the columns drug (SMILES), target (sequence), label.")],
    output: Output,
    columns: Annotated[
        str, typer.Option("--columns", help="Names of columns, such as drug=SMILES,target=Protein,label=Y.")
    ] = "",
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Make a task of your own pairs: some drugs and targets are hidden, and only the judge sees their labels."""
    from own_data.task_data import make_from_csv

    make_from_csv(task, csv, output, columns, seed, drop_conflicts, json)


def fetch(
    task: Task,
    output: Output,
    table: Annotated[
        Path | None, typer.Option("--from", help="YAML file of sources: address, SHA-256, size and licence of each.")
    ] = None,
    agree: Annotated[bool, typer.Option("--agree", help="Agree to the licences that are shown.")] = False,
    seed: Seed = 0,
    drop_conflicts: DropConflicts = False,
    json: Json = False,
) -> None:
    """Fetch pairs from where they lie, check their hashes, and make a task of them."""
    from own_data.task_data import make_from_sources

    make_from_sources(task, table, output, agree, seed, drop_conflicts, json)
