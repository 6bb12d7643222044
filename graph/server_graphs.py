"""What `langgraph.json` names: graphs without a checkpointer, because the server brings its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path

from langgraph.config import get_stream_writer
from langgraph_sdk.runtime import ServerRuntime

from evolver.contracts import CampaignStatus
from evolver.errors import EvolverError, ModelError, RunFailed, RunRefused, UsageError
from evolver.graph.campaign_graph import CampaignGraph, build_graph
from evolver.graph.campaign_lock import campaign_lock
from evolver.graph.chat_graph import ChatContext, ChatGraph, build_chat
from evolver.graph.context import Context
from evolver.graph.library_patches import hurry_dev_server
from evolver.graph.remote_policy import refuse_remote, refuse_remote_home
from evolver.graph.resolved_run import open_archive
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.memory.event_feed import EventFeed

# Files and locks are touched directly, in milliseconds; `langgraph dev` would refuse every such call. The server reads
# this after it has imported the graphs.
os.environ["LANGGRAPH_ALLOW_BLOCKING"] = "true"
hurry_dev_server()

STEPS = 1_000_000
"""Supersteps of a served run: the campaign's budget is what ends it."""


PATIENCE = 5.0
"""Seconds that a run waits for another one to let go of its campaign."""


class ServerSessions(Sessions):
    """The campaigns of one run of the server: locked while they are open, their events told to the run's stream."""

    def __init__(self) -> None:
        super().__init__()
        self._locks = ExitStack()
        self._opening = asyncio.Lock()
        self._feeds: dict[tuple[Path, str], EventFeed] = {}

    def check(self, context: Context) -> None:
        """Raises UsageError where it asks for what the network is not given."""
        refuse_remote(context)

    async def get(self, context: Context, campaign: str) -> CampaignSession:
        """The campaign's session. Raises UsageError while another process or run has the campaign."""
        self.check(context)
        key = (context.home.absolute(), campaign)
        async with self._opening:
            opens = key not in self._feeds
            if opens:
                await self._take(*key)
            session = await super().get(context, campaign)
            if opens:
                archive = session.resources.archive
                self._feeds[key] = await archive.run(archive.follow, campaign)
        await self._tell(key, session)
        return session

    async def _take(self, home: Path, campaign: str) -> None:
        """Take the campaign's lock; a run that a client has just interrupted still ends its trials."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._locks.enter_context(campaign_lock(home, campaign))
            except UsageError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                return

    async def close(self, context: Context, campaign: str) -> None:
        """Close one campaign's session, after its last events were told."""
        key = (context.home.absolute(), campaign)
        if key in self._open:
            await self._tell(key, self._open[key])
        await super().close(context, campaign)

    async def let_go(self, failed: CampaignStatus | None) -> None:
        """Close what is open, write the status where a run failed, and release the locks."""
        left = list(self._open)
        await self.close_all()
        if failed is not None:
            await asyncio.to_thread(_mark, left, failed)
        self._locks.close()

    async def _tell(self, key: tuple[Path, str], session: CampaignSession) -> None:
        """Write the archive's new events to the stream mode `custom`."""
        for event in await session.resources.archive.run(self._feeds[key].new):
            with suppress(RuntimeError):  # no stream where a node is called by itself
                get_stream_writer()(event.model_dump(mode="json"))


def _mark(campaigns: Sequence[tuple[Path, str]], status: CampaignStatus) -> None:
    for home, campaign in campaigns:
        with open_archive(home) as archive:
            archive.campaigns.update(campaign, status=status)


@asynccontextmanager
async def _run(given: object) -> AsyncIterator[CampaignGraph]:
    """The graph for one run. A run that is killed or cancelled leaves its campaign as it stands, to be resumed."""
    # The server would drop fields that it does not know, without a word.
    if isinstance(given, dict) and (unknown := given.keys() - Context.model_fields):
        known = ", ".join(Context.model_fields)
        raise RunRefused(f"the context has no field {', '.join(sorted(unknown))}; it has {known}")
    offices, failed = ServerSessions(), None
    try:
        yield build_graph(offices).with_config(recursion_limit=STEPS)
    except (UsageError, ModelError) as error:
        failed = CampaignStatus.PAUSED
        raise RunRefused(str(error)) from error
    except EvolverError as error:
        failed = CampaignStatus.FAILED
        raise RunFailed(str(error)) from error
    except Exception as error:
        # A client that interrupts a run is no failure of the campaign.
        failed = None if type(error).__name__ in ("UserInterrupt", "UserRollback") else CampaignStatus.FAILED
        raise
    finally:
        await offices.let_go(failed)


def campaign(runtime: ServerRuntime[Context]) -> CampaignGraph | AbstractAsyncContextManager[CampaignGraph]:
    """The campaign graph; for a run, with sessions of its own that are closed when it ends."""
    execution = runtime.execution_runtime
    return _run(execution.context) if execution else build_graph()


_chat = build_chat()


@asynccontextmanager
async def _talk(given: object) -> AsyncIterator[ChatGraph]:
    """The chat graph for one message, about campaigns of the server's own data folder."""
    if isinstance(given, dict) and given.get("home"):
        try:
            refuse_remote_home(Path(str(given["home"])))
        except UsageError as error:
            raise RunRefused(str(error)) from error
    yield _chat


def chat(runtime: ServerRuntime[ChatContext]) -> ChatGraph | AbstractAsyncContextManager[ChatGraph]:
    """The chat graph."""
    execution = runtime.execution_runtime
    return _talk(execution.context) if execution else _chat
