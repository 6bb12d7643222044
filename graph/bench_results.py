"""What a bench has come to: one record a run, and the tables that are made from them."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from evolver.contracts import Direction, Experiment, Metric, Record, now
from evolver.errors import UnknownName
from evolver.evaluation.bench_statistics import (
    MedianInterval,
    PairedTest,
    checkpoints,
    expected_best,
    median_interval,
    paired_test,
    share_of,
)
from evolver.graph.bench import BenchPlan, compared_in, is_done, runs_of
from evolver.memory import Archive
from evolver.tasks import Task, load_task
from evolver.tasks.published_values import PublishedTask, published_on

LEVELS = (0.99, 0.999)
"""Shares of the reference, the effort to which is told."""


class Effort(Record):
    """What a run had spent when it first reached a level."""

    experiments: int
    cpu_seconds: float
    """CPU seconds of trials."""
    usd: float | None
    """US dollars for models; None where a price is unknown."""


class BenchRun(Record):
    """One arm on one task with one seed."""

    task: str
    arm: str
    seed: int
    score: float | None
    """The champion's, in the metric's unit; None where there is none yet."""
    share: float | None = None
    """Of the task's reference; None where there is no score, or no share of it can be told."""
    experiments: int = 0
    """With a verdict, without the baseline."""
    without_effect: int = 0
    """Of these, how many did what an earlier program does."""
    cpu_seconds: float = 0.0
    usd: float | None = 0.0
    done: bool = False
    """Whether the plan's budget is spent."""
    curve: tuple[float | None, ...] = ()
    """Best score so far after each experiment, from the baseline on."""
    reached: dict[str, Effort | None] = {}
    """Effort to each level of the reference, by the level; None where it was not reached."""


class BenchTask(Record):
    """A task of a bench, with what its scores are held against."""

    name: str
    metric: str
    direction: Direction
    reference: float | None
    """The best published value, or the best score here where nothing is published."""
    is_published: bool
    published: PublishedTask | None


class ArmResult(Record):
    """An arm on a task over seeds."""

    task: str
    arm: str
    runs: int
    """With a score."""
    planned: int
    done: int
    """Whose budget is spent."""
    score: MedianInterval | None
    """None: not run."""
    best: float | None
    share: float | None
    """Of the reference, by the median."""
    without_effect: float | None
    """Share of experiments that did what an earlier program does."""
    cpu_seconds: float | None
    """Median a run."""
    usd: float | None
    """Sum over runs; None where a price is unknown."""
    efforts: dict[str, Effort | None]
    """Median effort of the runs that reached a level, by the level; None where fewer than half did."""


class FrontierRow(Record):
    """What so many seeds of so many experiments each come to: the expected best share, over tasks."""

    arm: str
    seeds: int
    experiments: int
    share: float


class BenchResults(Record):
    """Everything that the tables, the plots and the files of a bench are made from."""

    name: str
    written: str
    plan: BenchPlan
    tasks: tuple[BenchTask, ...]
    runs: tuple[BenchRun, ...]
    arms: tuple[ArmResult, ...]
    pairs: tuple[PairedTest, ...]
    frontier: tuple[FrontierRow, ...]


class _RunStep(NamedTuple):
    """One experiment of a run, in order."""

    score: float | None
    cpu_seconds: float
    usd: float | None
    number: int
    """The experiment's; 0 is the baseline."""
    concluded: bool
    without_effect: bool


def results_of(plan: BenchPlan, archive: Archive, home: Path) -> BenchResults:
    """Read a bench from its archive, whatever is there of it. Raises TaskError."""
    tasks = {reference: load_task(reference, home) for reference in plan.tasks}
    raw = [_run(plan, archive, tasks[task], task, arm, seed) for task, arm, seed in runs_of(plan)]
    about = [_about(task, raw) for task in tasks.values()]
    by_name = {one.name: one for one in about}
    runs = tuple(_held_against(run, steps, by_name[run.task]) for run, steps in raw)
    shares = _shares(runs)
    pairs = [paired_test((one, shares[one]), (two, shares[two])) for one, two in itertools.combinations(shares, 2)]
    return BenchResults(
        name=plan.name,
        written=now().isoformat(timespec="minutes"),
        plan=plan,
        tasks=tuple(about),
        runs=runs,
        arms=tuple(_arm(plan, task, arm, runs) for task in by_name for arm in plan.arms),
        pairs=tuple(pair for pair in pairs if pair is not None),
        frontier=tuple(_frontier(plan, runs, by_name)),
    )


def _run(
    plan: BenchPlan, archive: Archive, task: Task, ref: str, arm: str, seed: int
) -> tuple[BenchRun, list[_RunStep]]:
    run = BenchRun(task=task.name, arm=arm, seed=seed, score=None)
    if arm == "baselines":
        found = [one for one in compared_in(archive, plan.reference(ref, seed)) if one.score is not None]
        if not found:
            return run, []
        best = _best([one.score for one in found if one.score is not None], task.metric)
        used = sum(one.cpu_seconds for one in found)
        return run.model_copy(update={"score": best, "cpu_seconds": used, "done": True}), []
    steps, scores, done = list[_RunStep](), list[float](), True
    names = plan.campaigns(ref, arm, seed)  # type: ignore[arg-type]
    for name in names:
        try:
            champion = archive.experiments.champion(name)
        except UnknownName:
            done = False
            continue
        steps += _steps(archive, name)
        done = done and is_done(plan, archive, name, plan.experiments if len(names) == 1 else 1)
        if champion is not None and champion.score is not None:
            scores.append(champion.score)
    prices = [step.usd for step in steps]
    return run.model_copy(
        update={
            "score": _best(scores, task.metric),
            "experiments": sum(step.concluded for step in steps),
            "without_effect": sum(step.without_effect for step in steps),
            "cpu_seconds": sum(step.cpu_seconds for step in steps),
            "usd": None if None in prices else sum(price or 0.0 for price in prices),
            "done": done,
            "curve": tuple(_best_so_far(steps, task.metric)),
        }
    ), steps


def _best(scores: Sequence[float], metric: Metric) -> float | None:
    return max(scores, key=lambda score: metric.gain(score, 0.0), default=None)


def _steps(archive: Archive, name: str) -> Iterator[_RunStep]:
    paid = defaultdict[str, list[float | None]](list)
    for call in archive.calls.list(name):
        paid[call.experiment].append(call.usd)
    trials = defaultdict[str, float](float)
    for trial in archive.trials.of_campaign(name):
        trials[trial.experiment] += trial.cpu_seconds
    for experiment in archive.experiments.list(name):
        prices = paid[experiment.id]
        yield _RunStep(
            score=experiment.score,
            cpu_seconds=trials[experiment.id],
            usd=None if None in prices else sum(price or 0.0 for price in prices),
            number=experiment.number,
            concluded=experiment.number > 0 and experiment.verdict is not None,
            without_effect=_is_without_effect(experiment),
        )


def _is_without_effect(experiment: Experiment) -> bool:
    return experiment.verdict is not None and str(experiment.verdict.kind) == "no_effect"


def _best_so_far(steps: Sequence[_RunStep], metric: Metric) -> Iterator[float | None]:
    best: float | None = None
    for step in steps:
        if step.score is not None and (best is None or metric.gain(step.score, best) > 0.0):
            best = step.score
        yield best


def _about(task: Task, raw: Sequence[tuple[BenchRun, list[_RunStep]]]) -> BenchTask:
    published = published_on(task)
    scores = [run.score for run, _ in raw if run.task == task.name and run.score is not None]
    best = _best(scores, task.metric)
    return BenchTask(
        name=task.name,
        metric=task.metric.name,
        direction=task.metric.direction,
        reference=published.known.value if published else best,
        is_published=published is not None,
        published=published,
    )


def _held_against(run: BenchRun, steps: Sequence[_RunStep], task: BenchTask) -> BenchRun:
    """The run with its share of the reference, and the effort to each level of it."""
    reached: dict[str, Effort | None] = {f"{level:g}": None for level in LEVELS}
    experiments, cpu_seconds, usd = 0, 0.0, 0.0 if run.usd is not None else None
    for step, best in zip(steps, run.curve, strict=True):
        experiments += step.number > 0
        cpu_seconds += step.cpu_seconds
        usd = None if usd is None or step.usd is None else usd + step.usd
        share = _share(best, task)
        for level in LEVELS:
            if share is not None and share >= level and reached[f"{level:g}"] is None:
                reached[f"{level:g}"] = Effort(experiments=experiments, cpu_seconds=cpu_seconds, usd=usd)
    return run.model_copy(update={"share": _share(run.score, task), "reached": reached})


def _share(score: float | None, task: BenchTask) -> float | None:
    if score is None or task.reference is None:
        return None
    return share_of(score, task.reference, task.direction)


def _shares(runs: Sequence[BenchRun]) -> dict[str, dict[str, dict[int, float]]]:
    """By arm, task and seed."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for run in runs:
        if run.share is not None:
            found.setdefault(run.arm, {}).setdefault(run.task, {})[run.seed] = run.share
    return found


def _arm(plan: BenchPlan, task: str, arm: str, runs: Sequence[BenchRun]) -> ArmResult:
    own = [run for run in runs if run.task == task and run.arm == arm and run.score is not None]
    scores = [run.score for run in own if run.score is not None]
    shares = [run.share for run in own if run.share is not None]
    tried = sum(run.experiments for run in own)
    prices = [run.usd for run in own]
    best_share = max(shares, default=None)
    return ArmResult(
        task=task,
        arm=arm,
        runs=len(own),
        planned=plan.seeds,
        done=sum(run.done for run in own),
        score=median_interval(scores) if scores else None,
        best=next((run.score for run in own if run.share == best_share), None) if shares else None,
        share=median_interval(shares).median if shares else None,
        without_effect=sum(run.without_effect for run in own) / tried if tried else None,
        cpu_seconds=median_interval([run.cpu_seconds for run in own]).median if own else None,
        usd=None if None in prices else sum(price or 0.0 for price in prices),
        efforts={f"{level:g}": _usual_effort([run.reached.get(f"{level:g}") for run in own]) for level in LEVELS},
    )


def _usual_effort(efforts: Sequence[Effort | None]) -> Effort | None:
    """The effort of the run in the middle, where runs that did not get there come last."""
    got = sorted((one for one in efforts if one is not None), key=lambda one: one.cpu_seconds)
    middle = max(0, len(efforts) - 1) // 2
    return got[middle] if middle < len(got) else None


def _frontier(plan: BenchPlan, runs: Sequence[BenchRun], tasks: dict[str, BenchTask]) -> Iterator[FrontierRow]:
    """Seeds by iterations: whether many short runs or few long ones are worth more."""
    for arm in plan.arms:
        own = [run for run in runs if run.arm == arm and run.curve and run.share is not None]
        most = min((len(run.curve) - 1 for run in own), default=0)
        for experiments in checkpoints(most) if most else ():
            by_task = defaultdict[str, list[float]](list)
            for run in own:
                share = _share(run.curve[experiments], tasks[run.task])
                if share is not None:
                    by_task[run.task].append(share)
            fewest = min(map(len, by_task.values()), default=0)
            for seeds in range(1, fewest + 1):
                share = fmean(expected_best(shares, seeds) for shares in by_task.values())
                yield FrontierRow(arm=arm, seeds=seeds, experiments=experiments, share=share)
