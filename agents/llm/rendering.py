"""What models are told of tasks, programs and experiments: words and numbers from the archive, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolver.agents.llm.program_view import FileView
from evolver.contracts import Experiment, Interval, Lesson, Metric, Program, Proposal, Trial, Verdict, VerdictKind
from evolver.diffs import unified
from evolver.formatting import counted, interval_text
from evolver.memory import Archive
from evolver.prompts import inline, neutral
from evolver.steering.dossier_facts import dossier_facts
from evolver.steering.review_page import newest_review
from evolver.tasks import Task
from evolver.tasks.block_markers import RULE

LONGEST_CLAIM, LONGEST_IDEA, LONGEST_RESULT = 4000, 5000, 300
"""A lesson's claim holds its caution at its end, so that it is not cut."""
SHOWN_EVIDENCE = 4
"""Experiments behind a lesson that are named."""
_VERDICTS = {
    VerdictKind.IMPROVED: "new champion, confirmed on fresh seeds",
    VerdictKind.NOT_IMPROVED: "screened out: not better than the champion",
    VerdictKind.PRUNED: "given up early, so that it has no score",
    VerdictKind.INDECISIVE: "candidate parent: not confirmed to be better than the champion",
}


@dataclass(frozen=True)
class TaskView:
    """A task in words."""

    name: str
    summary: str
    metric: str
    better: str
    range: str
    resolution: str
    objectives: tuple[str, ...]
    """All that is improved or kept within a limit, in words; empty where the metric is the only one."""
    files: tuple[str, ...]
    interface: str
    scoring: str
    entry: tuple[str, ...]
    phases: str
    """What the phases are; empty where there is one."""
    stages: tuple[str, ...]
    resources: str


@dataclass(frozen=True)
class ChampionView:
    """The best program, whole, with all that was measured of it."""

    number: int
    score: str
    title: str
    plan: str
    files: tuple[FileView, ...]
    metrics: str
    scores: tuple[str, ...]
    """All metrics of every seed."""
    seen: str
    """What the analyst said."""
    feedback: str


@dataclass(frozen=True)
class ParentView:
    """Another experiment that may be built on, as a diff to the champion's program."""

    number: int
    score: str
    title: str
    plan: str
    metrics: str
    against: tuple[str, ...]
    """Its paired differences."""
    seen: str
    feedback: str
    diff: str


@dataclass(frozen=True)
class FailureView:
    """An experiment without a score, with what it changed and what it said when it failed."""

    number: int
    parent: str
    title: str
    reason: str
    seen: str
    log: str
    diff: str


@dataclass(frozen=True)
class LessonView:
    """A lesson in words."""

    id: str
    component: str
    operator: str
    effect: str
    evidence: str
    status: str
    confidence: str
    claim: str


def task_view(task: Task, decides: str) -> TaskView:
    """A task in words, for campaigns that one of its stages decides."""
    spec, metric = task.spec, task.metric
    low, high = metric.range
    ends = ("any" if low is None else f"{low:g}", "any" if high is None else f"{high:g}")
    needs = task.resources(task.stage(decides))
    return TaskView(
        name=task.name,
        summary=spec.summary,
        metric=metric.name,
        better="higher" if metric.direction == "maximize" else "lower",
        range="" if low is None and high is None else " to ".join(ends),
        resolution=f"{metric.resolution:g}" if metric.resolution else "",
        objectives=tuple(map(str, spec.objectives)),
        files=spec.program.files,
        interface=f"{spec.program.interface} {RULE}" if spec.program.blocks else spec.program.interface,
        scoring=spec.scoring,
        entry=spec.program.entry,
        phases=", then ".join(spec.phases) if len(spec.phases) > 1 else "",
        stages=tuple(
            f"{stage.name}: {stage.seconds:g} s of wall-clock time"
            + (" for each phase" if len(spec.phases) > 1 else "")
            + (f", up to {stage.replicates} seeds" if stage.replicates > 1 else "")
            + (
                f", {stage.accelerate.processes} processes by Accelerate ({stage.accelerate.gpus} GPUs)"
                if stage.accelerate
                else ""
            )
            for stage in task.stages_to(decides)
        ),
        resources=f"CPUs: {needs.cpus}; memory: {int(needs.memory) >> 20} MiB; no network",
    )


def is_whole(text: str, shown: str) -> bool:
    """Whether a file's whole text stands in a prompt."""
    return neutral(text).strip("\n") in shown


class Numbers:
    """What people call experiments, by id; it never changes, so each is looked up once."""

    def __init__(self, archive: Archive, campaign: str) -> None:
        self._archive = archive
        self._campaign = campaign
        self._known: dict[str, str] = {}

    def __call__(self, experiment_id: str) -> str:
        """An experiment's number; with its campaign where that is another one."""
        if experiment_id not in self._known:
            experiment = self._archive.experiments.get(experiment_id)
            elsewhere = "" if experiment.campaign == self._campaign else f" of campaign {experiment.campaign}"
            self._known[experiment_id] = f"{experiment.number}{elsewhere}"
        return self._known[experiment_id]


def parent_of(numbers: Numbers, experiment: Experiment) -> str:
    """The experiment that another one changed, in words."""
    proposal = experiment.proposal
    if proposal is None or not proposal.parents:
        return "nothing"
    return numbers(proposal.parents[0])


def score_words(experiment: Experiment, metric: Metric) -> str:
    """An experiment's score with its interval."""
    if experiment.score is None:
        return "no score"
    return f"{metric.name} {experiment.score:.6g}{_interval(experiment.interval)}"


def gain_with_interval(gain: float, interval: Interval | None) -> str:
    """How a gain stands beside words that say its direction."""
    return f"gain {gain:.4g}{_interval(interval)}"


def _interval(interval: Interval | None) -> str:
    text = interval_text(interval, digits=4)
    return f" {text}" if text else ""


def verdict_words(numbers: Numbers, verdict: Verdict) -> str:
    """What the statistics gave."""
    if verdict.kind is VerdictKind.UNUSABLE:
        return "unusable: no score"
    if verdict.kind is VerdictKind.NO_EFFECT:
        return f"the change had no effect: {verdict.reason}"
    if verdict.kind is VerdictKind.PRUNED:
        return verdict.reason
    against = ""
    if verdict.delta is not None and verdict.reference:
        sign = "better" if verdict.delta > 0 else "worse"
        number = numbers(verdict.reference)
        against = (
            f"; {abs(verdict.delta):.4g} {sign} than experiment {number}, the champion then "
            f"({gain_with_interval(verdict.delta, verdict.interval)}, {counted(len(verdict.seeds), 'seed')})"
        )
    return _VERDICTS[verdict.kind] + against


def result_words(numbers: Numbers, experiment: Experiment, metric: Metric) -> str:
    """What came of an experiment."""
    if experiment.verdict is None:
        return "still running"
    if experiment.verdict.kind is VerdictKind.UNUSABLE:
        return f"unusable: {inline(experiment.verdict.reason, LONGEST_RESULT)}"
    words = verdict_words(numbers, experiment.verdict)
    return words if experiment.score is None else f"{score_words(experiment, metric)}: {words}"


def idea_words(proposal: Proposal | None) -> str:
    """A proposal in one line, whole: what is cut might be its constants."""
    return "" if proposal is None else inline(f"{proposal.hypothesis} {proposal.plan}", LONGEST_IDEA)


def lesson_view(numbers: Numbers, lesson: Lesson) -> LessonView:
    """A lesson with what supports it."""
    newest = [numbers(key) for key in lesson.evidence[: -SHOWN_EVIDENCE - 1 : -1]]
    total = len(lesson.evidence)
    more = f" and {total - len(newest)} more" if total > len(newest) else ""
    return LessonView(
        id=lesson.id,
        component=inline(lesson.component, 100),
        operator=lesson.operator,
        effect=f"{lesson.effect:+.4g}{_interval(lesson.interval)}",
        evidence=f"from {'experiments' if total > 1 else 'experiment'} {', '.join(newest)}{more}",
        status=lesson.status,
        confidence=f"{lesson.confidence:.2f}",
        claim=inline(lesson.claim, LONGEST_CLAIM),
    )


def diff_words(old: Program | None, new: Program) -> str:
    """A unified diff of two programs."""
    return unified(old, new, "before", "after")


@dataclass(frozen=True)
class ReviewView:
    """The page of the last review, as prompts show it."""

    number: int
    sections: Mapping[str, Sequence[str]]


def review_view(archive: Archive, campaign: str) -> ReviewView | None:
    """The campaign's page as it is now, if it has one."""
    page = newest_review(archive, campaign)
    if page is None:
        return None
    return ReviewView(page.number, {name: [inline(x, 1200) for x in lines] for name, lines in page.sections().items()})


def dossier(archive: Archive, campaign: str) -> list[str]:
    """What models found out about data and limits, oldest first, each with the experiment and the command."""
    lines = []
    for fact in dossier_facts(archive, campaign):
        by = f", {inline(fact.command, 120)}" if fact.command else ""
        lines.append(f"{inline(fact.text, 400)} (experiment {fact.experiment or 0}{by})")
    return list(dict.fromkeys(lines))


def feedback_words(trials: Sequence[Trial]) -> str:
    """What the evaluator said of a program: of the trial without a score, else of the last one; empty for nothing."""
    telling = [trial for trial in trials if trial.feedback]
    return str(next((t for t in telling if not t.metrics), telling[-1]).feedback) if telling else ""


def score_lines(trials: Sequence[Trial], reference: Sequence[Trial], number: str) -> list[str]:
    """All metrics of every seed, with the reference's beside them."""
    theirs = {(trial.stage, trial.seed): trial.metrics for trial in reference}
    lines = []
    for trial in trials:
        if not trial.metrics:
            lines.append(f"{trial.stage}, seed {trial.seed}: no score ({trial.status})")
            continue
        line = f"{trial.stage}, seed {trial.seed}: {_metrics(trial.metrics)}"
        beside = theirs.get((trial.stage, trial.seed))
        lines.append(f"{line} | experiment {number}: {_metrics(beside)}" if beside else line)
    return lines


def _metrics(metrics: Mapping[str, float]) -> str:
    return ", ".join(f"{inline(name, 60)} {value:.6g}" for name, value in metrics.items())
