"""`evolver certify`: what was found, in a folder that anyone can check without Evolver."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evolver.errors import UsageError
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.certificate import Certificate, certify
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.settings import Settings, expanded


def write_certificate(campaign: str, number: int | None, output: Path, as_json: bool) -> None:
    """Write it. Raises UsageError, UnknownName, WorkFailed."""
    settings, output = Settings(), expanded(output).absolute()
    if output.exists():
        raise UsageError(f"--output {output}: exists already; name a folder that does not")
    with open_archive(settings.home, settings) as archive:
        archive.campaigns.get(campaign)
        context = Context(campaign=campaign, home=settings.home)
        resolved = ResolvedRun(context, settings=settings, archive=archive)
        with campaign_lock(settings.home, campaign):
            found = asyncio.run(certify(resolved, number, output))
    print(found.model_dump_json() if as_json else in_words(found))


def in_words(found: Certificate) -> str:
    """What was certified, and how to check it."""
    how = "judged from its data" if found.kind == "exact" else "a mean that is run again"
    line = f"Certified {found.metric} = {found.value!r} of experiment {found.experiment}, {how}, in {found.folder}"
    if found.kind == "exact" and found.recorded is not None and found.recorded != found.value:
        line += f"; the campaign recorded {found.recorded!r}"
    return f"{line}.\nCheck it anywhere: python {found.folder}/verify.py"
