"""Campaigns followed from Python: every event in order, the outcome last; leaving early loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus, Event
from evolver.errors import UsageError
from evolver.graph import Context, Summary, arun, astream, send, stream
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import open_archive


def test_every_event_is_given_once_and_the_summary_last(quadratic: Path, home: Path) -> None:
    items = list(stream(Context(task=str(quadratic), campaign="c", experiments=4, workers=2, home=home)))
    events, last = [item for item in items if isinstance(item, Event)], items[-1]
    assert isinstance(last, Summary) and len(events) == len(items) - 1
    assert last.status is CampaignStatus.FINISHED and last.experiments == 4
    with open_archive(home) as archive:
        assert events == archive.events.list("c"), "the whole log, from the campaign's first event on"
    again = list(stream(Context(task=str(quadratic), campaign="c", experiments=5, workers=2, home=home)))
    assert sum(item.kind == "concluded" for item in again if isinstance(item, Event)) == 1, "only what is new"


def test_leaving_the_loop_pauses_the_campaign(quadratic: Path, home: Path) -> None:
    items = stream(Context(task=str(quadratic), campaign="c", experiments=500, workers=2, home=home))
    for item in items:
        if isinstance(item, Event) and item.kind == "concluded" and item.experiment != "c-baseline":
            break
    items.close()
    assert not is_running(home, "c")
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.PAUSED
        done = archive.campaigns.counts("c").finished
    assert 0 < done < 500
    (*_, last) = stream(Context(task=str(quadratic), campaign="c", experiments=done + 1, workers=2, home=home))
    assert isinstance(last, Summary) and last.experiments >= done + 1


async def test_a_campaign_is_followed_within_an_event_loop(quadratic: Path, home: Path) -> None:
    context = Context(task=str(quadratic), campaign="c", experiments=500, workers=1, home=home)
    async with contextlib.aclosing(astream(context)) as items:
        async for item in items:
            if isinstance(item, Event) and item.kind == "concluded":
                break
    assert not is_running(home, "c")


def test_what_is_wrong_is_raised(home: Path) -> None:
    with pytest.raises(UsageError, match="no-such-task"):
        list(stream(Context(task="no-such-task", home=home)))


async def test_more_experiments_that_are_asked_for_at_the_end_are_run(quadratic: Path, home: Path) -> None:
    """The budget is raised while the champion is re-tested: what was said counts, not what the run began with."""
    context = Context(task=str(quadratic), campaign="c", experiments=2, workers=1, home=home)
    raised = False
    run = asyncio.ensure_future(arun(context))
    while not run.done():
        with open_archive(home) as archive:
            over = bool(archive.campaigns.list()) and archive.campaigns.counts("c").finished == 2
        if over and not raised:
            raised = "budget is 5" in (await asyncio.to_thread(send, home, "c", "budget 5", "ann"))[0]
        await asyncio.sleep(0.005)
    summary = await run
    assert raised
    if summary.experiments == 2:  # it was over before the message came
        summary = await arun(context.model_copy(update={"experiments": None}))
    assert summary.experiments == 5
    assert summary.status is CampaignStatus.FINISHED
