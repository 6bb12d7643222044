"""`evolver verify` and `evolver ablate`: run an experiment again and say what came out."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from pathlib import Path

from evolver.contracts import Directive, Program
from evolver.contracts.event_data import EventData
from evolver.contracts.review_events import Ablated, Verified
from evolver.errors import UsageError, WorkFailed
from evolver.graph.campaign_lock import is_running
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.graph.standalone_rerun import RerunKind, run_again
from evolver.memory import Archive
from evolver.settings import Settings

RESULT: dict[RerunKind, type[EventData]] = {"verify": Verified, "ablate": Ablated}


def rerun(
    campaign: str, kind: RerunKind, number: int, against: str, as_json: bool, *, simplified_into: Path | None = None
) -> None:
    """Run it here, or in the process that runs the campaign.

    The simplified program goes into a folder where one is named, which must not exist. Raises UsageError, UnknownName,
    WorkFailed.
    """
    if simplified_into is not None and simplified_into.exists():
        raise UsageError(f"--output {simplified_into}: it exists; name a folder that does not")
    settings = Settings()
    with open_archive(settings.home, settings) as archive:
        archive.campaigns.get(campaign)
        if is_running(settings.home, campaign):
            print(f"Campaign {campaign} is running; its process does this between two experiments.", file=sys.stderr)
        context = Context(campaign=campaign, home=settings.home)
        resolved = ResolvedRun(context, settings=settings, archive=archive)
        simplify = simplified_into is not None
        directive = asyncio.run(run_again(resolved, kind, number, getpass.getuser(), against, simplify=simplify))
        if directive.outcome.startswith("failed: "):
            raise WorkFailed(directive.outcome.removeprefix("failed: "))
        result = _result(archive, directive, kind, number)
        if simplified_into is not None and isinstance(result, Ablated) and result.simplified is not None:
            Program(files=result.simplified.files).write_to(simplified_into)
        said = {"campaign": campaign, "experiment": number, **result.model_dump(mode="json")}
        print(json.dumps(said) if as_json else directive.outcome)


def _result(archive: Archive, directive: Directive, kind: RerunKind, number: int) -> EventData:
    experiment = archive.experiments.by_number(directive.campaign, number)
    events = [e for e in archive.events.list(directive.campaign, kind=RESULT[kind], newest=100) if e.experiment]
    return next(event.data for event in reversed(events) if event.experiment == experiment.id)
