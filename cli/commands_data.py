"""`evolver memory ...`, `evolver notes ...` and `evolver sandbox ...`; bodies import what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evolver.cli.options import Json

memory_app = typer.Typer(no_args_is_help=True, help="Look after the memory of notes and lessons.")
sandbox_app = typer.Typer(no_args_is_help=True, help="Look after the images that programs run in.")
notes_app = typer.Typer(no_args_is_help=True, help="Give Evolver notes and papers to read.")


@memory_app.command("rebuild")
def memory_rebuild(json: Json = False) -> None:
    """Rebuild the search index of notes, lessons and ideas from the archive."""
    from evolver.cli.memory_commands import rebuild

    rebuild(json)


@sandbox_app.command("build")
def sandbox_build(
    task: Annotated[
        str, typer.Option("--task", help="Build a layer with what this task requires, for trials of such tasks.")
    ] = "",
    variant: Annotated[
        str, typer.Option("--variant", help="plain (numpy, scipy; default), cpu (and torch for processors) or cuda.")
    ] = "",
    base: Annotated[
        str, typer.Option("--base", help="Image to start from; default: EVOLVER_IMAGE_BASE or python:3.11-slim.")
    ] = "",
    pip_args: Annotated[
        str, typer.Option("--pip-args", help="Further words for pip, such as an index; no passwords: they are kept.")
    ] = "",
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build it again even if it is there.")] = False,
    json: Json = False,
) -> None:
    """Build an image for the Docker sandbox, unless it is there; campaigns do it by themselves when they start."""
    from evolver.cli.sandbox_images import build

    build(task, variant, base, pip_args, rebuild, json)


@sandbox_app.command("list")
def sandbox_list(json: Json = False) -> None:
    """List the images that Evolver made, with size, age and whether they are current."""
    from evolver.cli.sandbox_images import show_images

    show_images(json)


@sandbox_app.command("prune")
def sandbox_prune(json: Json = False) -> None:
    """Remove images that an earlier recipe made."""
    from evolver.cli.sandbox_images import prune

    prune(json)


NoteName = Annotated[str, typer.Argument(help="A source that `notes list` shows, or the id of a part.")]
Task = Annotated[str | None, typer.Option("--task", help="Notes of this task and those for every task; default: all.")]


@notes_app.command("add")
def notes_add(
    paths: Annotated[
        list[Path],
        typer.Argument(allow_dash=True, help="Markdown, text, HTML or PDF files, folders of them, or - for stdin."),
    ],
    task: Annotated[str, typer.Option("--task", help="Task they belong to; default: every task.")] = "",
    name: Annotated[str, typer.Option("--name", help="What to call the note that comes from stdin.")] = "stdin",
    json: Json = False,
) -> None:
    """Read notes or papers into memory, for every later campaign; what cannot be read is named and left out."""
    from evolver.cli.memory_commands import add_notes

    add_notes(paths, task, name, json)


@notes_app.command("list")
def notes_list(task: Task = None, json: Json = False) -> None:
    """List where notes came from, and how many parts each has."""
    from evolver.cli.memory_commands import list_notes

    list_notes(task, json)


@notes_app.command("show")
def notes_show(name: NoteName, task: Task = None, json: Json = False) -> None:
    """Show what a note says, part by part, with pages."""
    from evolver.cli.memory_commands import show_notes

    show_notes(name, task, json)


@notes_app.command("remove")
def notes_remove(name: NoteName, task: Task = None, json: Json = False) -> None:
    """Forget a note; a task's own notes come back when its next campaign reads them."""
    from evolver.cli.memory_commands import remove_notes

    remove_notes(name, task, json)


@notes_app.command("search")
def notes_search(
    query: Annotated[str, typer.Argument(help="A question, or some words.")],
    task: Task = None,
    most: Annotated[int, typer.Option("--most", min=1, max=50, help="Most notes to show.")] = 5,
    json: Json = False,
) -> None:
    """Search the notes by words and meaning."""
    from evolver.cli.memory_commands import search_notes

    search_notes(query, task, most, json)
