"""The commands that steer a campaign or run its experiments again; bodies import what they need."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from evolver.cli.options import Json
from evolver.errors import UsageError

Number = Annotated[int, typer.Argument(min=0, help="Number of the experiment.")]
Campaign = Annotated[str, typer.Argument(help="Name of the campaign (see `evolver list`).")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(chat)
    app.command()(verify)
    app.command()(ablate)
    app.command()(reproduce)
    app.command()(certify)


def chat(
    campaign: Annotated[
        str | None, typer.Argument(help="Name of the campaign; default: the newest one, those that run first.")
    ] = None,
    who: Annotated[str | None, typer.Option("--as", help="Your name, which directives are kept under.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each message.")] = False,
) -> None:
    """Talk to a campaign, also one that another process runs: steer it, ask it, start it; or pipe messages in."""
    from evolver.cli.chat import chat as talk

    talk(campaign, who, json)


def verify(campaign: Campaign, experiment: Number, json: Json = False) -> None:
    """Run an experiment on fresh replicates, beside the baseline and the champion."""
    from evolver.cli.rerun_command import rerun

    rerun(campaign, "verify", experiment, "", json)


def ablate(
    campaign: Campaign,
    experiment: Number,
    against: Annotated[
        str, typer.Option("--against", help="baseline or parent: the program that changes are counted from.")
    ] = "baseline",
    simplify: Annotated[
        bool, typer.Option("--simplify", help="Also write the smallest program that keeps the score.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for it; default: CAMPAIGN-EXPERIMENT-simplified.")
    ] = None,
    json: Json = False,
) -> None:
    """Take back each change of an experiment's program, and make each alone; say what each is worth."""
    from evolver.cli.rerun_command import rerun

    if output is not None and not simplify:
        raise UsageError("--output is for the program that --simplify finds; add --simplify")
    folder = (output or Path(f"{campaign}-{experiment}-simplified")) if simplify else None
    rerun(campaign, "ablate", experiment, _reference(against), json, simplified_into=folder)


def reproduce(campaign: Campaign, experiment: Number, json: Json = False) -> None:
    """Run an experiment again with its recorded seeds and compare, also the versions; status 1 where it differs."""
    from evolver.cli.reproduce_command import run_reproduction

    run_reproduction(campaign, experiment, json)


def certify(
    campaign: Campaign,
    experiment: Annotated[
        int | None, typer.Argument(min=0, help="Number of the experiment; default: the champion.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write; must not exist.")] = Path(
        "certificate"
    ),
    json: Json = False,
) -> None:
    """Write what was found with a script that checks it exactly, or runs it again, where only Python is."""
    from evolver.cli.certify_command import write_certificate

    write_certificate(campaign, experiment, output, json)


def _reference(word: str) -> Literal["", "parent"]:
    if word not in ("baseline", "parent"):
        raise UsageError(f"--against {word}: choose baseline or parent")
    return "parent" if word == "parent" else ""
