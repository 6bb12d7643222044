"""Runs campaigns to their end from Python: start, continue, drain."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from evolver.contracts import Budget, Campaign, CampaignStatus
from evolver.errors import ModelError, UsageError
from evolver.graph.campaign_graph import build_graph, lanes_for
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.checkpointer import open_checkpointer
from evolver.graph.context import Context
from evolver.graph.drive import Drive
from evolver.graph.sessions import Sessions, open_archive, register
from evolver.graph.summary import Summary, summarise


def run(context: Context) -> Summary:
    """Start or continue a campaign and wait for its end; for use outside an event loop.

    Campaign, experiments, trials and lessons are in the data folder from the first moment; a campaign that was cut off
    is continued by running it again under its name.

    Args:
        context: What the run is about: task, budget, team, seed.

    Returns:
        The outcome. Its status is `paused` where a person paused or stopped the campaign.

    Raises:
        UsageError: The context cannot be, the task has changed since the campaign began, a model's key or name is
            wrong, or another process runs the campaign.
        TaskError: The task's folder does not keep the contract.
        UnknownName: There is no such task or stage.
        WorkFailed: The baseline gets no score.
        SandboxError: No sandbox works here.
        ModelError: A team of models alone got no usable answers, or a provider did not come back.

    Source:
        The loop of "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640.

    Example:
        >>> summary = evolver.run(evolver.Context(task="function-fitting", experiments=2, workers=1, home="results"))
        >>> summary.experiments, summary.status.value
        (2, 'finished')
        >>> summary.best.mean <= summary.baseline.mean
        True
    """
    return asyncio.run(arun(context))


async def arun(context: Context, *, control: RunControl | None = None) -> Summary:
    """Start or continue a campaign until its budget is spent, or until it is asked to drain; `run` in an event loop.

    A drained campaign is paused: running trials are finished first and nothing is lost.

    Args:
        context: What the run is about: task, budget, team, seed.
        control: LangGraph's handle on the run; `control.request_drain()` pauses the campaign. None: nobody asks.

    Returns:
        The outcome.

    Raises:
        UsageError: As for `run`. The campaign can be continued once it is seen to; so it can after the others.
        WorkFailed: As for `run`, with its kinds SandboxError and ModelError.
    """
    campaign = await asyncio.to_thread(register, context)
    context = context.model_copy(update={"campaign": campaign.name})
    with campaign_lock(context.home, campaign.name):
        return await _drive(context, campaign, control or RunControl())


async def _drive(context: Context, campaign: Campaign, control: RunControl) -> Summary:
    sessions = Sessions()
    status = CampaignStatus.PAUSED
    try:
        async with open_checkpointer(context.home) as saver:
            graph = build_graph(sessions, checkpointer=saver)
            await _until_spent(Drive(graph, context, campaign.name, control, sessions), campaign)
        status = CampaignStatus.FINISHED
    except GraphDrained:
        pass
    except (ModelError, UsageError):
        # Nothing is wrong with the work itself: it goes on once the person has seen to the models.
        raise
    except Exception as error:
        status = CampaignStatus.FAILED
        with open_archive(context.home) as archive:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            archive.events.add(campaign.name, "failed", reason=reason)
        raise
    finally:
        with suppress(asyncio.CancelledError):
            await sessions.close_all()
        with open_archive(context.home) as archive:
            if status is not CampaignStatus.FINISHED:
                archive.campaigns.update(campaign.name, status=status)
    with open_archive(context.home) as archive:
        return summarise(archive, campaign.name)


async def _until_spent(drive: Drive, campaign: Campaign) -> None:
    """Pick up pending lanes first; then start new ones while there is budget, as when it was raised."""
    pending = await drive.pending()
    if pending and not _lanes_changed(pending, campaign):
        newest = _newest_event(drive.context, campaign.name)
        await drive.run(None)
        if not _reopen(drive.context, campaign.name, newest):
            return
    while True:
        # What was said meanwhile counts, not what the first call asked for.
        drive = replace(drive, context=_as_it_stands(drive.context, campaign.name))
        before, newest = _budget(drive.context, campaign.name), _newest_event(drive.context, campaign.name)
        await drive.run({"campaign": campaign.name})
        raised = _budget(drive.context, campaign.name) != before
        if not raised or not _reopen(drive.context, campaign.name, newest):
            return


def _as_it_stands(context: Context, name: str) -> Context:
    """The context without what would set the campaign back."""
    with open_archive(context.home) as archive:
        campaign = archive.campaigns.get(name)
    kept = {"experiments": None, "seconds": None, "cost": None, "tokens": None, "approve_above": None}
    return context.model_copy(update={**kept, "workers": campaign.workers, "sandbox": campaign.sandbox})


def _budget(context: Context, name: str) -> Budget:
    with open_archive(context.home) as archive:
        return archive.campaigns.get(name).budget


def _lanes_changed(pending: int, campaign: Campaign) -> bool:
    """Whether the saved fan-out is too narrow for the workers asked for now; lanes are then laid out again."""
    return pending < lanes_for(campaign.workers)


def _newest_event(context: Context, name: str) -> int:
    with open_archive(context.home) as archive:
        return max((event.id for event in archive.events.list(name, newest=1)), default=0)


def _reopen(context: Context, name: str, since: int) -> bool:
    """After pending lanes ended: whether budget is left; the campaign is then running again."""
    with open_archive(context.home) as archive:
        if archive.events.list(name, since, kind="ended"):
            return False
        campaign = archive.campaigns.get(name)
        if campaign.status is CampaignStatus.PAUSED:
            return False
        limit = campaign.budget.seconds
        if archive.campaigns.counts(name).finished >= campaign.budget.experiments or (
            limit and campaign.seconds >= limit
        ):
            return False
        archive.campaigns.update(name, status=CampaignStatus.RUNNING)
        return True
