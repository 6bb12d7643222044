"""Runs campaigns to their end from Python: start, continue, drain."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from evolver.contracts import Campaign, CampaignStatus
from evolver.graph.campaign import CampaignGraph, build_graph, lanes_for, recursion_limit
from evolver.graph.checkpoint import open_checkpointer
from evolver.graph.context import Context
from evolver.graph.lock import campaign_lock
from evolver.graph.summary import Summary, summarise
from evolver.graph.workspaces import Workspaces, open_archive, register


def run(context: Context) -> Summary:
    """Start or continue a campaign and wait for its end; for use outside an event loop."""
    return asyncio.run(arun(context))


async def arun(context: Context, *, control: RunControl | None = None) -> Summary:
    """Start or continue a campaign until its budget is spent, or until `control` asks it to drain.

    A drained campaign is paused: running trials are finished first and nothing is lost. Raises UsageError where the
    context cannot be, or another process runs the campaign; WorkFailed where the baseline or the sandbox fails.
    """
    campaign = await asyncio.to_thread(register, context)
    context = context.model_copy(update={"campaign": campaign.name})
    with campaign_lock(context.home, campaign.name):
        return await _drive(context, campaign, control or RunControl())


async def _drive(context: Context, campaign: Campaign, control: RunControl) -> Summary:
    workspaces = Workspaces()
    status = CampaignStatus.PAUSED
    try:
        async with open_checkpointer(context.home) as saver:
            graph = build_graph(workspaces, checkpointer=saver)
            await _until_spent(graph, context, campaign, control)
        status = CampaignStatus.FINISHED
    except GraphDrained:
        pass
    except Exception:
        status = CampaignStatus.FAILED
        raise
    finally:
        with suppress(asyncio.CancelledError):
            await workspaces.close_all()
        with open_archive(context.home) as archive:
            if status is not CampaignStatus.FINISHED:
                archive.update_campaign(campaign.name, status=status)
    with open_archive(context.home) as archive:
        return summarise(archive, campaign.name)


async def _until_spent(graph: CampaignGraph, context: Context, campaign: Campaign, control: RunControl) -> None:
    """Pick up pending lanes first; then fan out anew while there is budget, as when it was raised."""
    config: RunnableConfig = {
        "configurable": {"thread_id": campaign.name},
        "recursion_limit": recursion_limit(campaign.budget.experiments),
    }
    state = await graph.aget_state(config)
    if state.tasks and not _lanes_changed(len(state.tasks), campaign):
        await graph.ainvoke(None, config, context=context, durability="async", control=control)
        if not _reopen(context, campaign.name):
            return
    await graph.ainvoke({"campaign": campaign.name}, config, context=context, durability="async", control=control)


def _lanes_changed(pending: int, campaign: Campaign) -> bool:
    """Whether the saved fan-out is too narrow for the workers asked for now; lanes are then laid out again."""
    return pending < lanes_for(campaign.workers)


def _reopen(context: Context, name: str) -> bool:
    """After pending lanes ended: whether budget is left; the campaign is then running again."""
    with open_archive(context.home) as archive:
        campaign = archive.campaign(name)
        limit = campaign.budget.seconds
        if archive.counts(name).finished >= campaign.budget.experiments or (limit and campaign.seconds >= limit):
            return False
        archive.update_campaign(name, status=CampaignStatus.RUNNING)
        return True
