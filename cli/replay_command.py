"""`evolver replay`: a campaign once more, from its recorded answers."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.cli.choices import sandbox_choice
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.cli.progress import Progress
    from evolver.graph.context import Context
    from evolver.graph.playback import Agreement

SHOWN = 20
LONGEST = 100


def run_again(recorded: str, name: str, fresh: bool, workers: int | None, sandbox: str | None, as_json: bool) -> int:
    """Replay a campaign, or one in a recording, and print what differs; 0 if nothing does, else 1."""
    from evolver.cli.progress import Progress
    from evolver.cli.run_command import check_name, prepare_sandbox
    from evolver.graph.context import Context
    from evolver.graph.export_import import unpack_recording
    from evolver.graph.playback import register_replay
    from evolver.graph.sessions import open_archive

    if name:
        check_name(name)
    home = Settings().home
    is_file = Path(recorded).is_file()
    if is_file:
        os.environ.pop("EVOLVER_ARCHIVE", None)  # a recording has an archive of its own
        home, recorded = unpack_recording(Path(recorded), home)
        with open_archive(home) as archive:
            name = name or archive.campaigns.free_name(f"{recorded}-replay")
        print(f"Unpacked to {home}; look at it with EVOLVER_HOME={home} evolver show {recorded}", file=sys.stderr)
    with open_archive(home) as archive:
        source = archive.campaigns.get(recorded)
    context = Context(
        task=source.task,
        campaign=name,
        workers=workers or source.workers,
        # What somebody else's recording says of sandboxes must not lower the guard here.
        sandbox=sandbox_choice(sandbox) if sandbox or is_file else source.sandbox,
        home=home,
    )
    prepare_sandbox(context)
    campaign = register_replay(context, recorded, fresh=fresh)
    context = context.model_copy(update={"campaign": campaign.name})
    result = asyncio.run(_under_progress(context, Progress(home, campaign, to_stderr=as_json)))
    if as_json:
        print(result.model_dump_json())
    else:
        _print(result, source.workers if workers is None else workers)
    return 0 if result.agrees else 1


async def _under_progress(context: Context, progress: Progress) -> Agreement:
    from evolver.graph.playback import replay

    async with progress.watching():
        return await replay(context)


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
