"""`evolver replay`: a campaign once more, from its recorded answers."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from evolver.cli.options import Json
from evolver.cli.run_options import configured, in_flags, with_options
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.settings import Settings, expanded

if TYPE_CHECKING:
    from evolver.cli.progress import Progress
    from evolver.graph.playback import Agreement

SHOWN = 20
LONGEST = 100


@with_options(["workers", "sandbox"], defaults=False)
def replay(
    recorded: Annotated[
        str,
        typer.Argument(
            metavar="CAMPAIGN",
            help="The campaign whose recorded answers are used: its name, or its recording.jsonl.xz (export).",
        ),
    ],
    *,
    name: Annotated[
        str, typer.Option("--campaign", "-c", help="Name of the new campaign; default: the old one's and -replay.")
    ] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Run every trial again instead of using its result.")] = False,
    json: Json = False,
    **said: object,
) -> None:
    """Replay a campaign, or one in a recording, and print what differs; exit status 1 if anything does."""
    from evolver.graph.export_import import unpack_recording

    settings = Settings()
    configured({"campaign": name}, settings)  # or it is no name
    if expanded(recorded).is_file():
        os.environ.pop("EVOLVER_ARCHIVE", None)  # a recording has an archive of its own
        home, recorded = unpack_recording(expanded(recorded), settings.home)
        settings = settings.model_copy(update={"home": home, "archive": ""})
        # What somebody else's recording says of sandboxes must not lower the guard here.
        said = {"sandbox": settings.sandbox, **said}
        print(f"Unpacked to {home}; look at it with EVOLVER_HOME={home} evolver show {recorded}", file=sys.stderr)
        with open_archive(home, settings) as archive:
            name = name or archive.campaigns.free_name(f"{recorded}-replay")
    with open_archive(settings.home, settings) as archive:
        archive.campaigns.get(recorded)
        context = configured({"campaign": recorded, **said}, settings)
        resolved = ResolvedRun(context, settings=settings, archive=archive, spelling=in_flags)
        raise typer.Exit(_replayed(resolved, name, fresh=fresh, as_json=json))


def _replayed(resolved: ResolvedRun, name: str, *, fresh: bool, as_json: bool) -> int:
    from evolver.cli.progress import Progress
    from evolver.cli.run_command import prepare_sandbox
    from evolver.graph.playback import register_replay

    try:
        prepare_sandbox(resolved)
        campaign = register_replay(resolved, name, fresh=fresh)
        progress = Progress(resolved.archive, campaign, resolved.settings, to_stderr=as_json)
        result = asyncio.run(_under_progress(resolved, progress))
    finally:
        asyncio.run(resolved.close())
    if as_json:
        print(result.model_dump_json())
    else:
        _print(result, campaign.workers)
    return 0 if result.agrees else 1


async def _under_progress(resolved: ResolvedRun, progress: Progress) -> Agreement:
    from evolver.graph.playback import replay

    async with progress.watching():
        return await replay(resolved)


def _print(result: Agreement, workers: int) -> None:
    if result.agrees:
        print(
            f"{result.replay} agrees with {result.campaign}: the same proposals, programs and verdicts in "
            f"{result.experiments} experiments."
        )
        return
    numbers = sorted({difference.number for difference in result.differences})
    print(f"{result.replay} differs from {result.campaign} in {len(numbers)} of {result.experiments} experiments:")
    for difference in result.differences[:SHOWN]:
        print(
            f"  experiment {difference.number}, {difference.what}: {difference.recorded[:LONGEST]} | "
            f"{difference.replayed[:LONGEST]}"
        )
    if len(result.differences) > SHOWN:
        print(f"  and {len(result.differences) - SHOWN} differences more; --json prints all")
    if workers > 1:
        print("With several workers, what an experiment knows depends on which others were faster.")
