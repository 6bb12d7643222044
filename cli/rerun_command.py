"""`evolver verify` and `evolver ablate`: run an experiment again and say what came out."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from pathlib import Path

from evolver.contracts import Directive
from evolver.errors import WorkFailed
from evolver.graph.campaign_lock import is_running
from evolver.graph.sessions import open_archive
from evolver.graph.standalone_rerun import RerunKind, run_again
from evolver.settings import Settings

RESULT: dict[RerunKind, str] = {"verify": "verified", "ablate": "ablated"}


def rerun(campaign: str, kind: RerunKind, number: int, against: str, as_json: bool) -> None:
    """Run it here, or in the process that runs the campaign. Raises UsageError, UnknownName, WorkFailed."""
    home = Settings().home
    with open_archive(home) as archive:
        archive.campaigns.get(campaign)
    if is_running(home, campaign):
        print(f"Campaign {campaign} is running; its process does this between two experiments.", file=sys.stderr)
    directive = asyncio.run(run_again(home, campaign, kind, number, getpass.getuser(), against))
    if directive.outcome.startswith("failed: "):
        raise WorkFailed(directive.outcome.removeprefix("failed: "))
    if as_json:
        print(json.dumps(_result(home, directive, kind, number)))
    else:
        print(directive.outcome)


def _result(home: Path, directive: Directive, kind: RerunKind, number: int) -> dict[str, object]:
    with open_archive(home) as archive:
        experiment = archive.experiments.by_number(directive.campaign, number)
        events = [e for e in archive.events.list(directive.campaign, kind=RESULT[kind], newest=100) if e.experiment]
    data = next(event.data for event in reversed(events) if event.experiment == experiment.id)
    return {"campaign": directive.campaign, "experiment": number, **data}
