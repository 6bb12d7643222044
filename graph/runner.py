"""Runs campaigns to their end from Python: start, continue, wait for people's answers, drain."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from evolver.contracts import CampaignStatus
from evolver.contracts.campaign_events import CampaignEnded, CampaignFailed
from evolver.contracts.steering_events import DirectiveGiven
from evolver.errors import MachineBusy, ModelError, StorageError, UnknownName, UsageError
from evolver.graph.campaign_graph import MOST_STEPS, CampaignGraph, build_graph, lanes_for
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.checkpointer import open_checkpointer
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.sessions import Sessions
from evolver.graph.state import CampaignInput
from evolver.graph.summary import summarise
from evolver.graph.summary_record import Summary
from evolver.logging import get_logger
from evolver.system_errors import of_system

_log = get_logger(__name__)
LOOK_EVERY = 0.25
"""Seconds between looks whether the campaign is to drain."""


def run(context: Context) -> Summary:
    """Start or continue a campaign and wait for its end.

    Where an event loop runs already, as in a notebook, the campaign has one of its own in a thread; `await arun(...)`
    leaves the first one free meanwhile.

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
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(arun(context))
    control = RunControl()
    with ThreadPoolExecutor(1, thread_name_prefix="evolver-run") as thread:
        work = thread.submit(contextvars.copy_context().run, asyncio.run, arun(context, control=control))
        try:
            return work.result()
        except KeyboardInterrupt:
            control.request_drain("interrupted")
            raise


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
    resolved = ResolvedRun(context)
    try:
        return await drive(resolved, control)
    finally:
        await resolved.close()


async def drive(resolved: ResolvedRun, control: RunControl | None = None) -> Summary:
    """`arun` on what was opened already, and stays open."""
    campaign = await asyncio.to_thread(resolved.register)
    with campaign_lock(resolved.home, campaign.name):
        sessions, status = Sessions(resolved), CampaignStatus.PAUSED
        try:
            async with open_checkpointer(resolved.home) as saver:
                graph = build_graph(sessions, checkpointer=saver)
                await _Driver(graph, resolved, control or RunControl(), sessions).until_spent()
            status = CampaignStatus.FINISHED
        except GraphDrained:
            pass
        except (MachineBusy, ModelError, UsageError):
            # Nothing is wrong with the work itself: it goes on once the person has seen to the models or the machine.
            raise
        except Exception as error:
            if (said := of_system(error)) is not None:
                raise StorageError(
                    f"{said}. Nothing that was finished is lost; then continue with: evolver resume {campaign.name}"
                ) from error
            status = CampaignStatus.FAILED
            reason = (str(error) or type(error).__name__).splitlines()[0]
            archive = resolved.archive
            await archive.run(archive.events.add, campaign.name, CampaignFailed(reason=reason))
            raise
        finally:
            with suppress(asyncio.CancelledError), _system_errors_told():
                await sessions.close_all()
            if status is not CampaignStatus.FINISHED:
                with _system_errors_told():
                    archive = resolved.archive
                    await archive.run(archive.campaigns.update, campaign.name, status=status)
        return await resolved.archive.run(summarise, resolved.archive, campaign.name)


@contextmanager
def _system_errors_told() -> Iterator[None]:
    """Where the system fails while a campaign is closed, say so and go on: the first error is the one to hear of."""
    try:
        yield
    except Exception as error:
        if (said := of_system(error)) is None:
            raise
        _log.warning("while the campaign was closed: %s", said)


@dataclass(frozen=True)
class _Driver:
    """Invokes the campaign's graph on its thread until nothing is left to do."""

    graph: CampaignGraph
    resolved: ResolvedRun
    control: RunControl
    sessions: Sessions

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.resolved.name}, "recursion_limit": MOST_STEPS}

    async def until_spent(self) -> None:
        """Pick up pending lanes first; then fan out afresh while there is budget, as when it was raised."""
        archive, name = self.resolved.archive, self.resolved.name
        pending = await self._pending()
        # A fan-out that is too narrow for the workers asked for now is laid out again.
        if pending >= lanes_for((await archive.run(archive.campaigns.get, name)).workers):
            newest = await self._newest_event()
            if await self._picked_up() and not await archive.run(self._reopen, newest):
                return
        while True:
            before, newest = (await archive.run(archive.campaigns.get, name)).budget, await self._newest_event()
            await self._invoke({"campaign": name})
            raised = (await archive.run(archive.campaigns.get, name)).budget != before
            if not raised or not await archive.run(self._reopen, newest):
                return

    async def _pending(self) -> int:
        """How many lanes an earlier process left at work; none where its bookmark cannot be read any more."""
        try:
            state = await self.graph.aget_state(self._config)
        except Exception as error:
            if of_system(error) is not None:
                raise
            await self._forget(f"it cannot be read ({type(error).__name__}: {error})")
            return 0
        return sum(task.name == "lane" for task in state.tasks)

    async def _picked_up(self) -> bool:
        """Go on where an earlier process was; False where its bookmark is of another archive than this one."""
        try:
            await self._invoke(None)
        except UnknownName as error:
            await self._forget(str(error))
            # A lane that failed has paused the campaign, which nobody asked for.
            archive = self.resolved.archive
            await archive.run(archive.campaigns.update, self.resolved.name, status=CampaignStatus.RUNNING)
            return False
        return True

    async def _forget(self, reason: str) -> None:
        """Begin anew from the archive, which holds the truth."""
        _log.warning("the bookmark of campaign %s is put aside: %s", self.resolved.name, reason)
        assert isinstance(self.graph.checkpointer, BaseCheckpointSaver)
        await self.graph.checkpointer.adelete_thread(self.resolved.name)

    async def _invoke(self, given: CampaignInput | None) -> None:
        """Run to the end; while every lane waits for approval, wait with them. Raises GraphDrained."""
        context = self.resolved.context.model_copy(update={"campaign": self.resolved.name})
        while True:
            heard = await self._newest_event()
            listening = asyncio.ensure_future(self._listen())
            try:
                await self.graph.ainvoke(given, self._config, context=context, durability="async", control=self.control)
            finally:
                listening.cancel()
            state = await self.graph.aget_state(self._config)
            if not state.interrupts:
                return
            await self._answer(heard)
            given = None

    async def _listen(self) -> None:
        """Once the campaign is to drain, let no lane wait for a model's provider that is down."""
        while True:
            await asyncio.sleep(LOOK_EVERY)
            if self.control.drain_requested:
                self.sessions.give_up()
                return

    async def _answer(self, heard: int) -> None:
        """Wait until somebody says something; a lane that finds no answer for it in that waits again."""
        archive, since = self.resolved.archive, time.monotonic()
        async for events in archive.follow(self.resolved.name, heard):
            self.sessions.rest(time.monotonic() - since)
            since = time.monotonic()
            if any(isinstance(event.data, DirectiveGiven) for event in events):
                return
            if self.control.drain_requested:
                raise GraphDrained(self.control.drain_reason or "stopped")

    async def _newest_event(self) -> int:
        archive = self.resolved.archive
        return await archive.run(archive.events.newest_id, self.resolved.name)

    def _reopen(self, since: int) -> bool:
        """After pending lanes ended: whether budget is left; the campaign is then running again."""
        archive, name = self.resolved.archive, self.resolved.name
        if archive.events.list(name, since, kind=CampaignEnded):
            return False
        campaign = archive.campaigns.get(name)
        if campaign.status is CampaignStatus.PAUSED:
            return False
        limit = campaign.budget.seconds
        finished = archive.campaigns.counts(name).finished
        if finished >= campaign.budget.experiments or (limit and campaign.seconds >= limit):
            return False
        archive.campaigns.update(name, status=CampaignStatus.RUNNING)
        return True
