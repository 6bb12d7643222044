"""Benches: arms by seeds by tasks, as campaigns in one archive that go on where they were."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from langgraph.runtime import RunControl
from pydantic import Field, ValidationError

from evolver.contracts import CampaignStatus, Record, TeamKind
from evolver.contracts.champion_events import Compared
from evolver.errors import UnknownName, UsageError
from evolver.graph.baselines import run_comparisons
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.runner import drive
from evolver.memory import Archive
from evolver.text_files import read_text, write_text

Arm = Literal[
    "offline",
    "llm",
    "hybrid",
    "random",
    "hill",
    "independent",
    "sequential",
    "no-memory",
    "shuffled-memory",
    "baselines",
]
ARMS: tuple[Arm, ...] = get_args(Arm)
ASKING: tuple[Arm, ...] = ("llm", "hybrid", "independent", "sequential")
"""Arms that need a model."""
FOLDER = "benches"
"""Below the data folder, for the plans."""
LOOK_EVERY = 0.5
"""Seconds between looks at the CPU seconds of a campaign that may spend so many."""
NAME = r"[A-Za-z0-9][A-Za-z0-9_\-]{0,15}"


class ArmSetup(NamedTuple):
    """What makes an arm of a campaign: fields of its configuration."""

    team: TeamKind
    fields: dict[str, Any]


SETUPS: dict[Arm, ArmSetup] = {
    "offline": ArmSetup("offline", {}),
    "llm": ArmSetup("llm", {}),
    "hybrid": ArmSetup("hybrid", {}),
    "random": ArmSetup("offline", {"parents": "random", "memory": "off", "tuner": "evolution"}),
    "hill": ArmSetup("offline", {"parents": "greedy", "memory": "off", "tuner": "evolution"}),
    "independent": ArmSetup("llm", {"memory": "off"}),
    "sequential": ArmSetup("llm", {"parents": "greedy", "memory": "off", "workers": 1}),
    "no-memory": ArmSetup("offline", {"memory": "off"}),
    "shuffled-memory": ArmSetup("offline", {"memory": "shuffled"}),
}


class BenchPlan(Record):
    """What is compared; kept with the archive, so that a bench can go on and be reported."""

    name: str
    tasks: tuple[str, ...] = Field(min_length=1)
    """References as they were resolved."""
    arms: tuple[Arm, ...] = Field(min_length=1)
    seeds: int = Field(ge=1, le=1000)
    experiments: int = Field(ge=1, le=1_000_000)
    """A campaign's, beside its baseline."""
    cpu_seconds: float | None = Field(default=None, gt=0)
    """CPU seconds of trials after which a campaign is stopped; None: no limit."""
    models: tuple[str, ...] = ()

    def campaign(self, task: str, arm: Arm, seed: int, part: int | None = None) -> str:
        """Name of a campaign: the whole run of an arm, or one of many independent experiments."""
        number = "" if part is None else f".{part}"
        stem = f"{self.name}.{Path(task).name}"[: 63 - len(f".{arm}.{seed}{number}")]
        return f"{stem}.{arm}.{seed}{number}"

    def campaigns(self, task: str, arm: Arm, seed: int) -> list[str]:
        """Names of the campaigns of one run; several for independent experiments, none for baselines."""
        if arm == "baselines":
            return []
        if arm == "independent":
            return [self.campaign(task, arm, seed, part) for part in range(self.experiments)]
        return [self.campaign(task, arm, seed)]

    def reference(self, task: str, seed: int) -> str:
        """The campaign that the baselines of a seed are kept with, and whose CPU seconds they get."""
        arm = next(arm for arm in self.arms if arm not in ("baselines", "independent"))
        return self.campaign(task, arm, seed)


def check_plan(plan: BenchPlan) -> None:
    """Raise UsageError for arms that cannot be run so."""
    if not re.fullmatch(NAME, plan.name):
        raise UsageError(f"--name {plan.name}: use letters, digits, dash and underscore, at most 16")
    if len(set(plan.arms)) < len(plan.arms):
        raise UsageError("--arms: an arm is named twice")
    asking = [arm for arm in plan.arms if arm in ASKING]
    if asking and not plan.models:
        raise UsageError(f"--arms {','.join(asking)}: these ask a model; add --model PROVIDER:NAME")
    if "baselines" in plan.arms and set(plan.arms) <= {"baselines", "independent"}:
        raise UsageError("--arms baselines: they get the CPU time of another arm; name one too, such as offline")


def plan_file(home: Path, name: str) -> Path:
    """Where a plan is kept."""
    return home / FOLDER / f"{name}.json"


def read_plan(home: Path, name: str) -> BenchPlan:
    """The plan of a bench. Raises UnknownName."""
    try:
        return BenchPlan.model_validate_json(read_text(plan_file(home, name)))
    except (OSError, ValidationError, ValueError):
        known = sorted(path.stem for path in (home / FOLDER).glob("*.json"))
        raise UnknownName(f"there is no bench {name!r} in {home}; there are {', '.join(known) or 'none'}") from None


def keep_plan(home: Path, plan: BenchPlan) -> BenchPlan:
    """Keep a plan, or widen the one that is there: its arms, tasks, seeds, experiments and CPU seconds.

    Raises UsageError where the models differ.
    """
    path = plan_file(home, plan.name)
    if path.is_file():
        known = read_plan(home, plan.name)
        if plan.models and known.models and plan.models != known.models:
            raise UsageError(f"bench {plan.name} asks {', '.join(known.models)}; give another one a --name of its own")
        limits = [limit for limit in (plan.cpu_seconds, known.cpu_seconds) if limit is not None]
        plan = BenchPlan(
            name=plan.name,
            tasks=tuple(dict.fromkeys((*known.tasks, *plan.tasks))),
            arms=tuple(dict.fromkeys((*known.arms, *plan.arms))),
            seeds=max(known.seeds, plan.seeds),
            experiments=max(known.experiments, plan.experiments),
            cpu_seconds=max(limits) if len(limits) == 2 else None,
            models=plan.models or known.models,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, plan.model_dump_json(indent=1) + "\n")
    return plan


async def run_bench(
    plan: BenchPlan, archive: Archive, context: Context, say: Callable[[str], None], control: RunControl | None = None
) -> None:
    """Run what is left of a bench, seed by seed, so that what is there early covers all tasks and arms.

    Args:
        plan: What is compared.
        archive: Of the data folder.
        context: Where trials run and which folder; everything else is the plan's.
        say: Told of each campaign.
        control: Stops it between experiments when it is asked to drain.
    """
    control = control or RunControl()
    for seed in range(plan.seeds):
        for task in plan.tasks:
            for arm in plan.arms:
                if control.drain_requested:
                    return
                if arm == "baselines":
                    await _run_baselines(plan, archive, context, task, seed, say)
                    continue
                for name in plan.campaigns(task, arm, seed):
                    await _run_campaign(plan, archive, _context(plan, context, task, arm, seed, name), say, control)


def _context(plan: BenchPlan, context: Context, task: str, arm: Arm, seed: int, name: str) -> Context:
    """The configuration of one campaign: nothing of another one counts in it."""
    setup = SETUPS[arm]
    independent = arm == "independent"
    part = int(name.rpartition(".")[2]) if independent else 0
    said: dict[str, Any] = {
        "home": context.home,
        "sandbox": context.sandbox,
        "workers": context.workers,
        "base_url": context.base_url,
        "task": task,
        "campaign": name,
        "team": setup.team,
        "models": plan.models if arm in ASKING else (),
        "experiments": 1 if independent else plan.experiments,
        "seed": seed * 1_000_003 + part if independent else seed,
        "recall": False,
        "memory": "campaign",
    }
    return Context(**{**said, **setup.fields})


def is_done(plan: BenchPlan, archive: Archive, name: str, experiments: int) -> bool:
    """Whether a campaign has nothing left to do."""
    try:
        counts, campaign = archive.campaigns.counts(name), archive.campaigns.get(name)
    except UnknownName:
        return False
    spent = plan.cpu_seconds is not None and counts.cpu_seconds >= plan.cpu_seconds
    return spent or (campaign.status is CampaignStatus.FINISHED and counts.leased >= experiments)


async def _run_campaign(
    plan: BenchPlan, archive: Archive, context: Context, say: Callable[[str], None], control: RunControl
) -> None:
    name, experiments = context.campaign, context.experiments or 1
    if await archive.run(is_done, plan, archive, name, experiments):
        return
    say(f"{name}: {experiments} experiments" + (f", {plan.cpu_seconds:g} CPU s" if plan.cpu_seconds else ""))
    resolved, own = ResolvedRun(context, archive=archive), RunControl()
    watching = asyncio.ensure_future(_watch(plan, archive, name, own, control))
    try:
        await drive(resolved, own)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await resolved.close()


async def _watch(plan: BenchPlan, archive: Archive, name: str, own: RunControl, whole: RunControl) -> None:
    """Have a campaign drained once its CPU seconds are spent, or the whole bench is asked to stop."""
    while not own.drain_requested:
        await asyncio.sleep(LOOK_EVERY)
        if whole.drain_requested:
            own.request_drain(whole.drain_reason or "stopped")
        elif plan.cpu_seconds is not None:
            with suppress(UnknownName):
                counts = await archive.run(archive.campaigns.counts, name)
                if counts.cpu_seconds >= plan.cpu_seconds:
                    own.request_drain("its CPU seconds are spent")


async def _run_baselines(
    plan: BenchPlan, archive: Archive, context: Context, task: str, seed: int, say: Callable[[str], None]
) -> None:
    """The task's plain methods, which share what the first arm's campaign of the same seed used."""
    name = plan.reference(task, seed)
    if await archive.run(compared_in, archive, name):
        return
    resolved = ResolvedRun(Context(campaign=name, home=context.home, sandbox=context.sandbox), archive=archive)
    try:
        methods = await archive.run(_methods, resolved)
        if not methods:
            return
        say(f"{name}: {', '.join(methods)} at equal CPU time")
        resolved.adopt(await archive.run(archive.campaigns.get, name))
        await run_comparisons(resolved, say, seed=seed, shared=True)
    finally:
        await resolved.close()


def _methods(resolved: ResolvedRun) -> tuple[str, ...]:
    """Names of the plain methods of a run's task."""
    return tuple(resolved.task.comparisons())


def compared_in(archive: Archive, name: str) -> list[Compared]:
    """What plain methods reached that were run beside a campaign; none where they were not, or it is not there."""
    return [event.data for event in archive.events.list(name, kind=Compared)]


def runs_of(plan: BenchPlan) -> Iterator[tuple[str, Arm, int]]:
    """Every task, arm and seed."""
    for task in plan.tasks:
        for arm in plan.arms:
            for seed in range(plan.seeds):
                yield task, arm, seed
