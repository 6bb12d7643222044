"""Invokes the campaign graph on its thread, and again after people have answered what its lanes wait for."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from evolver.graph.campaign_graph import MOST_STEPS, CampaignGraph
from evolver.graph.context import Context
from evolver.graph.sessions import Sessions, open_archive
from evolver.graph.state import CampaignInput

LOOK_EVERY = 0.25
"""Seconds between looks for an answer."""


@dataclass(frozen=True)
class Drive:
    """A campaign's graph with what every invocation of it needs."""

    graph: CampaignGraph
    context: Context
    campaign: str
    control: RunControl
    sessions: Sessions

    @property
    def _config(self) -> RunnableConfig:
        return {"configurable": {"thread_id": self.campaign}, "recursion_limit": MOST_STEPS}

    async def pending(self) -> int:
        """How many lanes an earlier process left at work."""
        state = await self.graph.aget_state(self._config)
        return sum(task.name == "lane" for task in state.tasks)

    async def run(self, given: CampaignInput | None) -> None:
        """Run to the end; while every lane waits for approval, wait with them. Raises GraphDrained."""
        while True:
            heard = self._newest_directive()
            listening = asyncio.ensure_future(self._listen())
            try:
                await self.graph.ainvoke(
                    given, self._config, context=self.context, durability="async", control=self.control
                )
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

    async def _answer(self, heard: str) -> None:
        """Wait until somebody says something; a lane that finds no answer for it in that waits again."""
        while self._newest_directive() == heard:
            if self.control.drain_requested:
                raise GraphDrained(self.control.drain_reason or "stopped")
            since = time.monotonic()
            await asyncio.sleep(LOOK_EVERY)
            self.sessions.rest(time.monotonic() - since)

    def _newest_directive(self) -> str:
        with open_archive(self.context.home) as archive:
            newest = archive.events.list(self.campaign, kind="directive", newest=1)
            return str(newest[0].id) if newest else ""
