"""The campaign graph: plan -> lanes of researcher, coder, runner, critic -> report."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from evolver.contracts import CampaignStatus
from evolver.contracts.campaign_events import LanesOpened
from evolver.contracts.champion_events import RetestFailed
from evolver.errors import EvolverError
from evolver.evaluation.baseline import establish_baseline
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.final_test import retest_champion
from evolver.evaluation.run_environment import record_environment
from evolver.graph.context import Context
from evolver.graph.directive_handler import apply_directives, may_run
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.graph.state import CampaignInput, CampaignOutput, CampaignState, LaneOutput, LaneState
from evolver.memory import read_notes
from evolver.system_errors import of_system

SUPERSTEPS = 4
"""Of a lane per experiment: researcher, coder, runner, critic."""
MOST_STEPS = 1_000_000
"""Allowed in any case: what ends a campaign is its budget."""

CampaignGraph = CompiledStateGraph[CampaignState, Context, CampaignInput, CampaignOutput]


def lanes_for(workers: int) -> int:
    """Twice the slots keep these busy while other lanes think; one worker gets one lane, so that it is repeatable."""
    return 1 if workers == 1 else 2 * workers


def recursion_limit(experiments: int) -> int:
    """Supersteps that a campaign may need, were one lane to do all its experiments; its budget may be raised."""
    return max(SUPERSTEPS * experiments + 50, MOST_STEPS)


def build_graph(
    sessions: Sessions | None = None, *, checkpointer: BaseCheckpointSaver[Any] | None = None
) -> CampaignGraph:
    """Build the campaign's LangGraph graph, to stream, draw or embed: `await graph.ainvoke({}, context=Context(...))`.

    Nothing is opened before it is invoked. Give a `recursion_limit` for more than some 2,400 experiments.

    Args:
        sessions: Where open campaigns are kept, for Evolver's own callers. None: the graph keeps them, and closes each
            at its end.
        checkpointer: LangGraph's, so that a run that was cut off is taken up where it was. None: it starts over, and
            finds finished trials in the archive all the same.

    Returns:
        The compiled graph; its result has the ids `campaign` and `champion`, and the champion's `score`.

    Source:
        The loop of "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640, in lanes that run side by side.

    Example:
        >>> sorted(evolver.build_graph().get_graph().nodes)
        ['__end__', '__start__', 'lane', 'plan', 'report']
    """
    offices = sessions or Sessions()

    async def plan(state: CampaignState, runtime: Runtime[Context]) -> CampaignState:
        """Open the campaign, take in its notes and measure the baseline."""
        context = runtime.context or Context()  # it is None where a caller gives none
        name = state.get("campaign") or context.campaign
        session = await offices.begin(context.model_copy(update={"campaign": name}))
        resources, campaign = session.resources, await session.resources.read_campaign()
        folders: list[Path | str] = [*([resources.task.notes] if resources.task.notes else []), *campaign.notes]
        unreadable: list[str] = []  # said when the campaign was registered
        notes = [note for folder in folders for note in read_notes([folder], resources.task.name, unreadable)]
        archive = resources.archive
        resources.memory.add_notes(await archive.run(archive.notes.save, notes))
        await archive.run(record_environment, resources)
        await establish_baseline(resources, session.team.runner)
        return {"campaign": campaign.name}

    async def fan_out(state: CampaignState, runtime: Runtime[Context]) -> list[Send]:
        """One lane per place, each where it was; lanes with unfinished work are always among them."""
        resources = (await offices.get(runtime.context or Context(), state["campaign"])).resources
        positions, count = await resources.archive.run(_open_lanes, resources)
        return [
            Send("lane", LaneState(campaign=state["campaign"], lane=lane, seq=positions.get(lane, 0), concluded={}))
            for lane in range(count)
        ]

    async def report(state: CampaignState, runtime: Runtime[Context]) -> CampaignState:
        """Re-test the champion on fresh replicates and close the campaign."""
        session = await offices.get(runtime.context or Context(), state["campaign"])
        resources = session.resources
        await apply_directives(session, runtime)  # a person who has paused it may have more to say
        archive, name = resources.archive, resources.name
        champion = await archive.run(archive.experiments.champion, name)
        if session.trouble is not None:
            await archive.run(archive.campaigns.update, name, status=CampaignStatus.PAUSED)
            await offices.close(runtime.context or Context(), state["campaign"])
            raise session.trouble
        if (await resources.read_campaign()).status is CampaignStatus.RUNNING:
            await _retest(session)
            champion = await archive.run(archive.experiments.champion, name)
            await resources.sandbox.reap(resources.labels)
            await asyncio.to_thread(resources.clear_scratch)
            await archive.run(archive.campaigns.update, name, status=CampaignStatus.FINISHED)
        await offices.close(runtime.context or Context(), state["campaign"])
        return {"champion": champion.id if champion else "", "score": champion.score if champion else None}

    builder = StateGraph(
        CampaignState, context_schema=Context, input_schema=CampaignInput, output_schema=CampaignOutput
    )
    builder.add_node("plan", plan)
    builder.add_node("lane", _lane(offices))
    builder.add_node("report", report)
    builder.add_edge(START, "plan")
    builder.add_conditional_edges("plan", fan_out, ["lane"])
    builder.add_edge("lane", "report")
    builder.add_edge("report", END)
    return builder.compile(checkpointer=checkpointer, name="campaign")


async def _retest(session: CampaignSession) -> None:
    """Test the champion again; an error that nobody foresaw leaves the campaign with its outcome."""
    archive, campaign = session.resources.archive, await session.resources.read_campaign()
    try:
        await retest_champion(session.resources, session.team.runner)
    except EvolverError:
        raise
    except Exception as error:
        if of_system(error) is not None:
            raise
        reason = f"it failed inside Evolver ({type(error).__name__}: {error})"
        await archive.run(archive.events.add, campaign.name, RetestFailed(reason=reason), campaign.champion)


def _open_lanes(resources: CampaignResources) -> tuple[dict[int, int], int]:
    """Where each lane is, and how many there are; the log says so, too."""
    archive, name = resources.archive, resources.name
    positions = archive.leases.positions(name)
    unfinished = [experiment.lane for experiment in archive.leases.unfinished(name)]
    count = max([lanes_for(resources.campaign.workers), *(lane + 1 for lane in unfinished)])
    archive.events.add(name, LanesOpened(count=count))
    return positions, count


def _lane(offices: Sessions) -> CompiledStateGraph[LaneState, Context, LaneState, LaneOutput]:
    """The loop of one lane; every role looks into the archive first, so that running it again changes nothing."""

    async def researcher(state: LaneState, runtime: Runtime[Context]) -> LaneState:
        """Lease the next experiment and propose what to try."""
        session = await offices.get(runtime.context or Context(), state["campaign"])
        session.lanes.enter(state["lane"])
        await apply_directives(session, runtime)
        await session.keep_clock()
        experiment, archive = None, session.resources.archive
        if await session.may_propose(state["lane"], state["seq"]):
            experiment = await archive.run(archive.leases.acquire, state["campaign"], state["lane"], state["seq"])
        if experiment is not None and experiment.verdict is not None:
            session.lanes.walled.add(experiment.id)  # an earlier process has ended it before it had its proposal
        if experiment is None or (
            experiment.proposal is None
            and not await session.attempt("researcher", session.team.researcher.propose, experiment.id)
        ):
            session.lanes.leave(state["lane"])
            return {"experiment": ""}
        return {"experiment": experiment.id}

    async def coder(state: LaneState, runtime: Runtime[Context]) -> LaneState:
        """Write the program."""
        session = await offices.get(runtime.context or Context(), state["campaign"])
        session.lanes.enter(state["lane"])
        if await session.attempt("coder", session.team.coder.code, state["experiment"]):
            return {}
        session.lanes.leave(state["lane"])
        return {"experiment": ""}

    async def runner(state: LaneState, runtime: Runtime[Context]) -> LaneState:
        """Run the trials that the verdict needs, after a person has approved of those that are expensive."""
        session = await offices.get(runtime.context or Context(), state["campaign"])
        session.lanes.enter(state["lane"])
        if await may_run(session, state["lane"], state["experiment"], runtime):
            await session.attempt("runner", session.team.runner.run, state["experiment"])
        return {}

    async def critic(state: LaneState, runtime: Runtime[Context]) -> LaneState:
        """Form the verdict and write the lesson."""
        session = await offices.get(runtime.context or Context(), state["campaign"])
        session.lanes.enter(state["lane"])
        if state["experiment"] not in session.lanes.rejected:
            if not await session.attempt("critic", session.team.critic.conclude, state["experiment"]):
                return {}
            await session.resources.archive.run(session.check_failures, state["experiment"])
        lane = str(state["lane"])
        done = state.get("concluded", {}).get(lane, 0) + 1
        return {"seq": state["seq"] + 1, "concluded": {lane: done}}

    builder = StateGraph(LaneState, context_schema=Context, output_schema=LaneOutput)
    builder.add_node("researcher", researcher)
    builder.add_node("coder", coder)
    builder.add_node("runner", runner)
    builder.add_node("critic", critic)
    builder.add_edge(START, "researcher")
    builder.add_conditional_edges("researcher", _goes_on, {True: "coder", False: END})
    builder.add_conditional_edges("coder", _goes_on, {True: "runner", False: END})
    builder.add_edge("runner", "critic")
    builder.add_edge("critic", "researcher")
    return builder.compile()


def _goes_on(state: LaneState) -> bool:
    """Whether a lane has an experiment in work; none where the budget is spent or the campaign comes to an end."""
    return bool(state["experiment"])
