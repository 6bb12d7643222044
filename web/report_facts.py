"""What a report says beside the curve: question, what was tried, what failed, what it cost, what to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from evolver.contracts import Campaign, Event, Experiment, LessonStatus, Operator, Record, Trial, VerdictKind
from evolver.contracts.campaign_events import RunsIn
from evolver.contracts.review_events import Ablated
from evolver.errors import EvolverError
from evolver.evaluation.ablation import Ablation
from evolver.graph.summary_record import Summary
from evolver.memory import Archive
from evolver.tasks import load_task
from evolver.text_files import lines_of
from evolver.web.charts import TrainingPlot, training_plot
from evolver.web.view_models import CampaignView, Learned

MOST_REASONS = 8
SINCE_LAST = 0.2
"""Share of the experiments without a new champion from which a search counts as standing still."""


class OperatorUse(Record):
    """What one kind of change was tried for, and what it cost."""

    operator: str
    tried: int
    improved: int
    not_improved: int
    indecisive: int
    unusable: int
    cpu_seconds: float
    """Of its trials."""


class FailureReason(Record):
    """Why experiments have no score, with how many."""

    reason: str
    count: int
    example: int
    """Number of the newest."""


class ReportFacts(Record):
    """The report's own facts; the rest is as on the page."""

    question: str
    """What the task asks."""
    operators: tuple[OperatorUse, ...]
    """Most tried first."""
    failures: tuple[FailureReason, ...]
    """Most frequent first."""
    ablation: Ablation | None
    """The champion's newest."""
    established: tuple[Learned, ...]
    """Lessons that something helps, by evidence."""
    negative: tuple[Learned, ...]
    """Lessons that something harms or does nothing, by evidence."""
    undecided: tuple[Learned, ...]
    brought_back: int
    """Lines that were removed on the champion's line of parents and came back later."""
    training: TrainingPlot | None
    """What the first trials of baseline and champion reported while they ran."""
    next_steps: tuple[str, ...]
    environment: RunsIn | None
    """What programs ran in, as it was last recorded."""
    command: str
    """That begins such a campaign again."""


def report_facts(archive: Archive, view: CampaignView, experiments: Sequence[Experiment]) -> ReportFacts:
    """Read them from the archive."""
    name = view.campaign.name
    runs_in = archive.events.list(name, kind=RunsIn)
    by_evidence = sorted(view.lessons, key=lambda item: (-item.lesson.confidence, -len(item.lesson.evidence)))
    negative = [item for item in by_evidence if _is_negative(item)]
    established = [x for x in by_evidence if x.lesson.status is LessonStatus.SUPPORTED and x not in negative]
    ablation = _ablation(archive.events.list(name, kind=Ablated), experiments, view.campaign)
    return ReportFacts(
        question=_question(view.campaign),
        operators=_operators(archive, experiments),
        failures=_failures(experiments),
        ablation=ablation,
        established=tuple(established),
        negative=tuple(negative),
        undecided=tuple(x for x in by_evidence if x not in established and x not in negative),
        brought_back=_brought_back(archive, experiments, view.campaign.champion),
        training=training_plot(_first_trials(archive, experiments, view.campaign)),
        next_steps=tuple(_next_steps(view, ablation, experiments)),
        environment=runs_in[-1].data if runs_in else None,
        command=next((e.data.command for e in runs_in if e.data.command), "") or _command(view.campaign),
    )


def _first_trials(archive: Archive, experiments: Sequence[Experiment], campaign: Campaign) -> list[Trial]:
    """The first trials of baseline and champion at the deciding stage."""
    shown = [e.id for e in experiments if e.number == 0 or e.id == campaign.champion]
    at_stage = ([t for t in archive.trials.list(key) if t.stage == campaign.stage] for key in shown)
    return [min(trials, key=lambda trial: trial.seed) for trials in at_stage if trials]


def _is_negative(item: Learned) -> bool:
    lesson = item.lesson
    if lesson.status in (LessonStatus.NULL, LessonStatus.RETIRED, LessonStatus.CONTRADICTED):
        return True
    return lesson.status is LessonStatus.SUPPORTED and lesson.effect < 0.0


def _question(campaign: Campaign) -> str:
    try:
        said = load_task(campaign.task).spec.summary
    except EvolverError:
        said = f"The task {Path(campaign.task).name}, whose files are not here any more."
    return f"{said.rstrip('.')}. How far can {campaign.metric.name} be {campaign.metric.direction}d?"


def _operators(archive: Archive, experiments: Sequence[Experiment]) -> tuple[OperatorUse, ...]:
    tried: dict[str, Counter[str]] = {}
    spent: dict[str, float] = {}
    for experiment in experiments:
        if experiment.proposal is None or experiment.proposal.operator == Operator.BASELINE:
            continue
        operator = str(experiment.proposal.operator)
        kind = experiment.verdict.kind if experiment.verdict else None
        tried.setdefault(operator, Counter()).update({"all": 1, str(kind): 1})
        used = sum(trial.cpu_seconds for trial in archive.trials.list(experiment.id))
        spent[operator] = spent.get(operator, 0.0) + used
    return tuple(
        OperatorUse(
            operator=operator,
            tried=count["all"],
            improved=count[VerdictKind.IMPROVED],
            not_improved=count[VerdictKind.NOT_IMPROVED],
            indecisive=count[VerdictKind.INDECISIVE],
            unusable=count[VerdictKind.UNUSABLE],
            cpu_seconds=spent[operator],
        )
        for operator, count in sorted(tried.items(), key=lambda pair: (-pair[1]["all"], pair[0]))
    )


def _failures(experiments: Sequence[Experiment]) -> tuple[FailureReason, ...]:
    """By the first line of the reason, numbers apart."""
    found: dict[str, list[int]] = {}
    for experiment in experiments:
        if experiment.verdict is not None and experiment.verdict.kind is VerdictKind.UNUSABLE:
            lines = experiment.verdict.reason.strip().splitlines() or ["no reason was given"]
            found.setdefault(lines[0][:160], []).append(experiment.number)
    reasons = [FailureReason(reason=r, count=len(n), example=max(n)) for r, n in found.items()]
    return tuple(sorted(reasons, key=lambda one: (-one.count, one.reason))[:MOST_REASONS])


def _ablation(
    events: Sequence[Event[Ablated]], experiments: Sequence[Experiment], campaign: Campaign
) -> Ablation | None:
    numbers = {e.id: e.number for e in experiments}
    own = [event for event in events if event.experiment == campaign.champion and event.experiment in numbers]
    if not own or own[-1].experiment is None:
        return None
    return Ablation.model_validate({**dict(own[-1].data), "experiment": numbers[own[-1].experiment]})


def _brought_back(archive: Archive, experiments: Sequence[Experiment], champion: str | None) -> int:
    """Lines that a program of the champion's line lost and a later one has again."""
    by_id = {experiment.id: experiment for experiment in experiments}
    line: list[set[str]] = []
    key, seen = champion, set[str]()
    while key in by_id and key not in seen:
        seen.add(key)
        experiment = by_id[key]
        if experiment.program is not None:
            files = archive.programs.get(experiment.program).files
            line.append({text.strip() for whole in files.values() for text in lines_of(whole) if text.strip()})
        key = experiment.proposal.parents[0] if experiment.proposal and experiment.proposal.parents else None
    lost, count = set[str](), 0
    for older, newer in pairwise(reversed(line)):
        count += len(lost & newer)
        lost = (lost | (older - newer)) - newer
    return count


def _next_steps(view: CampaignView, ablation: Ablation | None, experiments: Sequence[Experiment]) -> list[str]:
    """What would make more of the result, in the order in which it is worth it."""
    name, summary, steps = view.campaign.name, view.summary, list[str]()
    best = summary.best.number if summary.best else 0
    if best and summary.fresh is None:
        steps.append(f"Confirm the champion on fresh replicates: evolver verify {name} {best}")
    elif summary.fresh is not None and best and summary.fresh.interval[0] <= 0.0:
        steps.append("The gain on fresh replicates is not established: more replicates or a larger effect are needed.")
    if best and ablation is None:
        steps.append(f"Find out which of its changes the champion needs: evolver ablate {name} {best} --simplify")
    steps += _search_steps(view, summary, experiments)
    if summary.contended:
        steps.append(
            f"{summary.contended} trials waited long for CPUs: with fewer workers their times can be compared."
        )
    return steps


def _search_steps(view: CampaignView, summary: Summary, experiments: Sequence[Experiment]) -> list[str]:
    name, done = view.campaign.name, summary.experiments
    if not view.champions or not done:
        return []
    newest, left = max(line.number for line in view.champions), view.campaign.budget.experiments - done
    if left > 0:
        return [f"{left} experiments of the budget are left: evolver resume {name}"]
    if newest > (1 - SINCE_LAST) * len(experiments):
        more = 2 * view.campaign.budget.experiments
        return [f"Experiment {newest} of {done} is the last champion: more may come. evolver resume {name} -n {more}"]
    return [
        f"Nothing better came after experiment {newest} of {done}: new notes (evolver notes add), another team or "
        "another tuner are likelier to help than more of the same."
    ]


def _command(campaign: Campaign) -> str:
    """The options that say most; defaults are left out."""
    words = ["evolver run", campaign.task, f"-n {campaign.budget.experiments}", f"-w {campaign.workers}"]
    words += [f"--seed {campaign.seed}", f"--sandbox {campaign.sandbox}"]
    if campaign.team != "offline":
        words.append(f"--team {campaign.team}")
    return " ".join([*words, *(f"--model {model}" for model in campaign.models)])
