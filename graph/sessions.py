"""Opens the workspace of a campaign once per process and hands it to every node that asks."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Budget, Campaign, CampaignStatus
from evolver.errors import BudgetSpent, EvolverError, MemoryInUse, ModelError, UsageError
from evolver.graph.context import Context
from evolver.graph.export_import import open_replay_memory, recorded_places
from evolver.graph.failure_guard import FailureGuard
from evolver.graph.lanes import Lanes
from evolver.graph.team_factory import assemble, check_team, check_tuner, team_spec_for

if TYPE_CHECKING:
    from evolver.agents.roles import Team
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive, Memory
    from evolver.tasks import Task

SAVE_CLOCK_EVERY = 10.0
"""Seconds of campaign time that a kill may lose from the clock."""


@dataclass
class CampaignSession:
    """A campaign's workspace with the team that works in it and the clock of its budget."""

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

    def keep_clock(self, *, now: bool = False) -> None:
        """Write the used time to the archive, not more often than needed."""
        if now or time.monotonic() - self.saved > SAVE_CLOCK_EVERY:
            self.saved = time.monotonic()
            self.resources.archive.campaigns.update(self.resources.name, seconds=self.seconds())

    def out_of_time(self) -> bool:
        """Whether the time budget is spent."""
        limit = self.resources.campaign.budget.seconds
        return limit is not None and self.seconds() >= limit

    def may_propose(self, lane: int, seq: int) -> bool:
        """Whether a lane may begin the experiment at its place, or go on with it."""
        if self.allow is not None:
            self.allow(self.resources.campaign.budget)
        if self.out_of_time():
            self._end("the time budget is spent")
        if self.ended or self.trouble is not None:
            return False
        return self.places is None or f"{self.resources.name}-{lane}-{seq}" in self.places

    async def attempt(self, work: Callable[[str], Awaitable[object]], experiment: str) -> bool:
        """Have a role do its work on an experiment. False where it could not, and the campaign comes to an end.

        The other lanes finish the trials that they have begun.
        """
        if self.trouble is not None:
            return False
        try:
            await work(experiment)
        except BudgetSpent as error:
            self._end(str(error))
        except (ModelError, UsageError) as error:
            self.trouble = self.trouble or error
        else:
            return True
        return False

    def _end(self, reason: str) -> None:
        if not self.ended:
            self.ended = reason
            self.resources.archive.events.add(self.resources.name, "ended", reason=reason)

    def check_failures(self, experiment: str) -> None:
        """Stop a campaign of models alone when they have given no usable answer for long."""
        if self.resources.campaign.team == "llm":
            self.trouble = self.trouble or self.failure_guard.after(self.resources.archive, experiment)


class Sessions:
    """Open campaigns of this process, by home and name."""

    def __init__(self) -> None:
        self._open: dict[tuple[Path, str], CampaignSession] = {}
        self._lock = asyncio.Lock()

    def check(self, context: Context) -> None:
        """Look whether a campaign may be run as it is asked for. Raises UsageError; here, anything may."""

    async def get(self, context: Context, campaign: str) -> CampaignSession:
        """The campaign's session; opened now if no node has asked before."""
        key = (context.home.absolute(), campaign)
        async with self._lock:
            if key not in self._open:
                self._open[key] = await asyncio.to_thread(_open_session, context, campaign)
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
            session = self._open.pop((context.home.absolute(), campaign), None)
        if session is not None:
            session.keep_clock(now=True)
            await session.resources.close()

    async def close_all(self) -> None:
        """Close every session; safe to call again."""
        while self._open:
            _, session = self._open.popitem()
            session.keep_clock(now=True)
            await session.resources.close()


def open_archive(home: Path) -> Archive:
    """The archive of a data folder (or of EVOLVER_ARCHIVE), made if absent. Raises UsageError."""
    from evolver.memory import Archive
    from evolver.settings import Settings

    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"the data folder {home} cannot be made ({error.strerror}); set EVOLVER_HOME to one that can"
        ) from None
    return Archive.open(Settings(home=home).archive_url)


def register(context: Context) -> Campaign:
    """Create the campaign that `context` describes, or continue an existing one with its new budget and workers.

    Raises UsageError for an unknown task or stage, missing notes, an impossible budget, or a task that has changed.
    """
    from evolver.memory import read_notes
    from evolver.tasks import load_task

    with open_archive(context.home) as archive:
        names = {campaign.name for campaign in archive.campaigns.list()}
        if context.campaign in names:
            return _continue(archive, context)
        task = load_task(context.task)
        read_notes([*([task.notes] if task.notes else []), *context.notes], task.name)  # or there is no campaign
        budget = Budget(
            experiments=context.experiments or task.spec.budget.experiments,
            seconds=context.seconds,
            usd=context.cost,
            tokens=context.tokens,
        )
        team_spec = team_spec_for(context)
        check_team(team_spec, budget, context)
        check_tuner(context.tuner)
        campaign = Campaign(
            name=context.campaign or archive.campaigns.free_name(task.name),
            task=_reference(context.task),
            task_version=task.version,
            metric=task.metric,
            stage=task.stage(context.stage).name if context.stage else task.deciding_stage.name,
            seed=context.seed,
            workers=context.workers,
            sandbox=context.sandbox,
            recall=context.recall,
            parents=context.parents,
            tuner=context.tuner,
            notes=tuple(str(Path(note).absolute()) for note in context.notes),
            budget=budget,
            approve_above=context.approve_above,
            **dict(team_spec),
        )
        archive.campaigns.add(campaign)
        return campaign


def _reference(task: str) -> str:
    """A task reference that holds from any working directory."""
    path = Path(task)
    return str(path.absolute()) if path.is_dir() else task


def _continue(archive: Archive, context: Context) -> Campaign:
    from evolver.tasks import load_task

    campaign, given = archive.campaigns.get(context.campaign), context.model_fields_set
    task = load_task(campaign.task)
    if task.version != campaign.task_version:
        raise UsageError(
            f"task {campaign.task} has changed since campaign {campaign.name} began; scores would not be comparable. "
            "Undo the change, or start a new campaign."
        )
    budget = Budget(
        # Fewer than were begun would be a budget that is passed already.
        experiments=max(
            context.experiments or campaign.budget.experiments, archive.campaigns.counts(campaign.name).leased
        ),
        seconds=context.seconds or campaign.budget.seconds,
        usd=context.cost or campaign.budget.usd,
        tokens=context.tokens or campaign.budget.tokens,
    )
    team_spec = team_spec_for(context, campaign)
    if not campaign.replays:
        check_team(team_spec, budget, context)
    return archive.campaigns.update(
        campaign.name,
        budget=budget,
        workers=context.workers if "workers" in given else campaign.workers,
        sandbox=context.sandbox if "sandbox" in given else campaign.sandbox,
        approve_above=campaign.approve_above if context.approve_above is None else context.approve_above,
        status=CampaignStatus.RUNNING,
        **dict(team_spec),
    )


def _open_session(context: Context, name: str) -> CampaignSession:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.environment import sandbox_for
    from evolver.tasks import load_task

    archive = open_archive(context.home)
    campaign = archive.campaigns.get(name)
    task = load_task(campaign.task)
    home = context.home.absolute()
    memory = (
        open_replay_memory(home, archive, campaign) if campaign.replays else _open_memory(home, name, archive, task)
    )
    sandbox = sandbox_for(task, campaign.sandbox, campaign.workers, hidden=(home,), stage=campaign.stage)
    resources = CampaignResources(name=name, home=home, archive=archive, memory=memory, task=task, sandbox=sandbox)
    assembled = assemble(resources, context)
    return CampaignSession(
        resources=resources,
        team=assembled.team,
        allow=assembled.allow,
        give_up=assembled.give_up,
        spent_before=campaign.seconds,
        places=recorded_places(archive, campaign) if campaign.replays else None,
    )


def _open_memory(home: Path, name: str, archive: Archive, task: Task) -> Memory:
    """The shared index, or, while another process owns it, one of the campaign's own made from the archive."""
    from evolver.memory import Memory

    try:
        memory = Memory.open(home / "memory")
    except MemoryInUse:
        memory = Memory.open(home / f"memory-{name}")
        memory.rebuild(archive)
    else:
        _take_in(home, archive, memory)
    return memory


def _take_in(home: Path, archive: Archive, memory: Memory) -> None:
    """Give the shared index what campaigns learned that had indexes of their own, and remove those."""
    from evolver.memory import Memory

    campaigns = {campaign.name: campaign for campaign in archive.campaigns.list()}
    for folder in sorted(home.glob("memory-*")):
        campaign = campaigns.get(folder.name.removeprefix("memory-"))
        if campaign is None or campaign.replays:
            continue
        try:
            own = Memory.open(folder)
        except MemoryInUse:
            continue
        memory.add_lessons(archive.lessons.list(campaign=campaign.name))
        memory.add_ideas(archive.experiments.list(campaign.name))
        own.close()
        shutil.rmtree(folder)
