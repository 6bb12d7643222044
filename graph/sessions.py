"""Opens a campaign once per process and hands it to every node that asks."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Budget
from evolver.contracts.campaign_events import CampaignEnded
from evolver.errors import BudgetSpent, EvolverError, MemoryInUse, ModelError, UsageError
from evolver.file_locks import try_lock
from evolver.graph.context import Context
from evolver.graph.experiment_wall import wall_off
from evolver.graph.export_import import open_replay_memory, recorded_places
from evolver.graph.failure_guard import FailureGuard
from evolver.graph.lanes import Lanes
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.team_factory import assemble
from evolver.memory import Memory

if TYPE_CHECKING:
    from evolver.agents.roles import Team
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive

SAVE_CLOCK_EVERY = 10.0
"""Seconds of campaign time that a kill may lose from the clock."""


@dataclass
class CampaignSession:
    """What a campaign has open, with the team that works in it and the clock of its budget."""

    resources: CampaignResources
    team: Team
    spent_before: float
    opened: float = field(default_factory=time.monotonic)
    saved: float = field(default_factory=time.monotonic)
    allow: Callable[[Budget], None] | None = None
    """Tells the models' ledger of another budget."""
    give_up: Callable[[], None] | None = None
    """Ends the waiting for models' providers that are down."""
    places: frozenset[str] | None = None
    """Experiments that may be leased; None: any."""
    ended: str = ""
    """Why nothing more is proposed although budget is left."""
    trouble: EvolverError | None = None
    """What a person must see to before the campaign goes on."""
    failure_guard: FailureGuard = field(default_factory=FailureGuard)
    lanes: Lanes = field(default_factory=Lanes)

    def seconds(self) -> float:
        """Campaign time used, resumptions added up."""
        return self.spent_before + time.monotonic() - self.opened

    async def keep_clock(self, *, now: bool = False) -> None:
        """Write the used time to the archive, not more often than needed."""
        if now or time.monotonic() - self.saved > SAVE_CLOCK_EVERY:
            self.saved, archive = time.monotonic(), self.resources.archive
            await archive.run(archive.campaigns.update, self.resources.name, seconds=self.seconds())

    def _enough(self) -> str:
        """Why the champion is good enough, or no better one is to be hoped for; empty where the search goes on."""
        campaign, archive = self.resources.campaign, self.resources.archive
        target, patience = campaign.budget.target, campaign.budget.patience
        champion = archive.experiments.champion(campaign.name) if target is not None or patience is not None else None
        if champion is None or champion.score is None:
            return ""
        objectives = self.resources.objectives
        keeps = not objectives or not objectives.broken(objectives.values(champion.id))
        if target is not None and keeps and campaign.metric.gain(champion.score, target) >= 0:
            return f"the target {target:g} is reached: experiment {champion.number} has {champion.score:.6g}"
        if patience is not None and archive.campaigns.counts(campaign.name).finished - champion.number >= patience:
            return f"no new champion in {patience} experiments"
        return ""

    async def may_propose(self, lane: int, seq: int) -> bool:
        """Whether a lane may begin the experiment at its place, or go on with it."""
        budget = (await self.resources.read_campaign()).budget
        if self.allow is not None:
            self.allow(budget)
        if budget.seconds is not None and self.seconds() >= budget.seconds:
            await self._end("the time budget is spent")
        elif (reached := await self.resources.archive.run(self._enough)) and self.places is None:
            await self._end(reached)
        if self.ended or self.trouble is not None:
            return False
        return self.places is None or f"{self.resources.name}-{lane}-{seq}" in self.places

    async def attempt(self, role: str, work: Callable[[str], Awaitable[object]], experiment: str) -> bool:
        """Have a role do its work on an experiment. False where it could not, and the campaign comes to an end.

        The other lanes finish the trials that they have begun. An error that nobody foresaw makes the experiment
        unusable; nothing more is done about it then.
        """
        if self.trouble is not None and role != "runner":
            return False
        if experiment in self.lanes.walled:
            return True
        try:
            await work(experiment)
        except BudgetSpent as error:
            await self._end(str(error))
        except (ModelError, UsageError) as error:
            self.trouble = self.trouble or error
        except EvolverError:
            raise
        except Exception as error:
            await self.resources.archive.run(wall_off, self.resources.archive, experiment, role, error)
            self.lanes.walled.add(experiment)
            return True
        else:
            return True
        return False

    async def _end(self, reason: str) -> None:
        if not self.ended:
            self.ended, archive = reason, self.resources.archive
            await archive.run(archive.events.add, self.resources.name, CampaignEnded(reason=reason))

    def check_failures(self, experiment: str) -> None:
        """Stop a campaign where nothing has got through for long, or whose models alone give no usable answers."""
        alone = self.resources.campaign.team == "llm"
        failed = self.failure_guard.after(self.resources.archive, experiment, models_alone=alone)
        self.trouble = self.trouble or failed


class Sessions:
    """Open campaigns of this process, by home and name."""

    def __init__(self, *runs: ResolvedRun) -> None:
        """Runs that are given are closed by whoever gives them."""
        self._open: dict[tuple[Path, str], CampaignSession] = {}
        self._given = {(run.home, run.name): run for run in runs}
        self._runs = dict(self._given)
        self._lock = asyncio.Lock()

    def check(self, context: Context) -> None:
        """Look whether a campaign may be run as it is asked for. Raises UsageError; here, anything may."""

    async def begin(self, context: Context) -> CampaignSession:
        """Register what is asked for, unless that was done, and open it. Raises as `ResolvedRun.register`."""
        self.check(context)
        key = (context.home.absolute(), context.campaign)
        known = self._runs.get(key)
        if known is not None and key in self._given:
            run = known
        elif known is not None:  # it is open, and something else is asked of it now
            run = ResolvedRun(context, settings=known.settings, archive=known.archive)
        else:
            run = ResolvedRun(context)
        campaign = await asyncio.to_thread(run.register)
        self._runs.setdefault((run.home, campaign.name), run)
        return await self.get(context, campaign.name)

    async def get(self, context: Context, campaign: str) -> CampaignSession:
        """The campaign's session; opened now if no node has asked before."""
        key = (context.home.absolute(), campaign)
        async with self._lock:
            if key not in self._open:
                if key not in self._runs:
                    self._runs[key] = ResolvedRun(context.model_copy(update={"campaign": campaign}))
                self._open[key] = await asyncio.to_thread(_open_session, self._runs[key])
            return self._open[key]

    def rest(self, seconds: float) -> None:
        """Leave time in which every lane waited for a person out of the campaigns' clocks."""
        for session in self._open.values():
            session.opened += seconds

    def give_up(self) -> None:
        """Have nobody wait any longer for models' providers that are down."""
        for session in self._open.values():
            if session.give_up is not None:
                session.give_up()

    async def close(self, context: Context, campaign: str) -> None:
        """Close one campaign's session, if it is open."""
        async with self._lock:
            await self._close((context.home.absolute(), campaign))

    async def close_all(self) -> None:
        """Close every session; safe to call again."""
        for key in list(self._runs):
            await self._close(key)

    async def _close(self, key: tuple[Path, str]) -> None:
        session = self._open.pop(key, None)
        if session is not None:
            await session.keep_clock(now=True)
            await session.resources.close()
        if key not in self._given and key in self._runs:
            await self._runs.pop(key).close()


def _open_session(run: ResolvedRun) -> CampaignSession:
    from evolver.evaluation.campaign_resources import CampaignResources

    archive, campaign, task = run.archive, run.campaign, run.task
    memory = (
        open_replay_memory(run.home, archive, campaign)
        if campaign.replays
        else _open_memory(run.home, campaign.name, archive, campaign.scope or task.name)
    )
    resources = CampaignResources(
        name=campaign.name, home=run.home, archive=archive, memory=memory, task=task, sandbox=run.take_sandbox()
    )
    assembled = assemble(resources, run.settings)
    return CampaignSession(
        resources=resources,
        team=assembled.team,
        allow=assembled.allow,
        give_up=assembled.give_up,
        spent_before=campaign.seconds,
        places=recorded_places(archive, campaign) if campaign.replays else None,
    )


def _open_memory(home: Path, name: str, archive: Archive, scope: str) -> Memory:
    """The shared index, or, while another process owns it, one of the campaign's own made from the archive."""
    try:
        memory = Memory.open(home / "memory")
    except MemoryInUse:
        memory = Memory.open(home / f"memory-{name}")
        memory.catch_up(archive, name, scope=scope)
    else:
        memory.catch_up(archive, name)
        _remove_own_indexes(home, archive)
    return memory


def _remove_own_indexes(home: Path, archive: Archive) -> None:
    """Remove the indexes of campaigns that had their own: what they learned is in the archive and the shared one."""
    campaigns = {campaign.name: campaign for campaign in archive.campaigns.list()}
    for folder in sorted(home.glob("memory-*")):
        campaign = campaigns.get(folder.name.removeprefix("memory-"))
        lock = None if campaign is None or campaign.replays else try_lock(folder / ".lock")
        if lock is not None:
            shutil.rmtree(folder)
            lock.release()
