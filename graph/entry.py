"""What `langgraph.json` names: graphs without a checkpointer, because the server brings its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path

from langgraph.config import get_stream_writer
from langgraph_sdk.runtime import ServerRuntime

from evolver.agents.models.errors import ModelError
from evolver.contracts import CampaignStatus
from evolver.errors import UsageError
from evolver.graph.campaign import CampaignGraph, build_graph
from evolver.graph.chat import build_chat
from evolver.graph.context import Context
from evolver.graph.lock import campaign_lock
from evolver.graph.pickup import look_often
from evolver.graph.workspaces import Office, Workspaces, open_archive

# The archive is called directly, in milliseconds; `langgraph dev` would refuse every such call. The server reads this
# after it has imported the graphs.
os.environ["LANGGRAPH_ALLOW_BLOCKING"] = "true"
look_often()

STEPS = 1_000_000
"""Supersteps of a served run: the campaign's budget is what ends it."""


class ServedWorkspaces(Workspaces):
    """The campaigns of one run of the server: locked while they are open, their events told to the run's stream."""

    def __init__(self) -> None:
        super().__init__()
        self._locks = ExitStack()
        self._told: dict[tuple[Path, str], int] = {}

    async def get(self, context: Context, campaign: str) -> Office:
        """The campaign's office. Raises UsageError while another process or run has the campaign."""
        key = (context.home.absolute(), campaign)
        opens = key not in self._told
        if opens:
            self._locks.enter_context(campaign_lock(key[0], campaign))
            self._told[key] = 0
        office = await super().get(context, campaign)
        if opens:
            newest = office.workspace.archive.events(campaign, newest=1)
            self._told[key] = newest[0].id if newest else 0
        self._tell(key, office)
        return office

    async def close(self, context: Context, campaign: str) -> None:
        """Close one campaign's office, after its last events were told."""
        key = (context.home.absolute(), campaign)
        if key in self._open:
            self._tell(key, self._open[key])
        await super().close(context, campaign)

    async def let_go(self, failed: CampaignStatus | None) -> None:
        """Close what is open, write the status where a run failed, and release the locks."""
        left = list(self._open)
        await self.close_all()
        if failed is not None:
            for home, campaign in left:
                with open_archive(home) as archive:
                    archive.update_campaign(campaign, status=failed)
        self._locks.close()

    def _tell(self, key: tuple[Path, str], office: Office) -> None:
        """Write the archive's new events to the stream mode `custom`."""
        for event in office.workspace.archive.events(key[1], after=self._told[key]):
            self._told[key] = event.id
            with suppress(RuntimeError):  # no stream where a node is called by itself
                get_stream_writer()(event.model_dump(mode="json"))


@asynccontextmanager
async def _run() -> AsyncIterator[CampaignGraph]:
    """The graph for one run. A run that is killed or cancelled leaves its campaign as it stands, to be resumed."""
    offices, failed = ServedWorkspaces(), None
    try:
        yield build_graph(offices).with_config(recursion_limit=STEPS)
    except (UsageError, ModelError):
        failed = CampaignStatus.PAUSED
        raise
    except Exception:
        failed = CampaignStatus.FAILED
        raise
    finally:
        await offices.let_go(failed)


def campaign(runtime: ServerRuntime[Context]) -> CampaignGraph | AbstractAsyncContextManager[CampaignGraph]:
    """The campaign graph; for a run, with workspaces of its own that are closed when it ends."""
    return _run() if runtime.execution_runtime else build_graph()


chat = build_chat()
