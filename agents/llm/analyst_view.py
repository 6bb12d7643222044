"""What the analyst is shown of an experiment: every metric by seed, paired differences, feedback, log, contention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolver.agents.llm.differences import contention_words
from evolver.agents.llm.experiment_table import ExperimentTable
from evolver.agents.llm.prompting import Prompter
from evolver.agents.llm.rendering import LessonView, diff_words, feedback_words, lesson_view, score_lines, verdict_words
from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import Experiment, Lesson, Trial, Verdict, VerdictKind
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.prompts import inline

DIFF, SCORES, LOG, FEEDBACK = 0.3, 0.12, 0.15, 0.12
"""Shares of the room, which several experiments divide."""


@dataclass(frozen=True)
class ConcludedExperiment:
    """An experiment with its verdict and the lessons that a model's words stand for."""

    experiment: Experiment
    verdict: Verdict
    lessons: tuple[Lesson, ...]
    earlier: tuple[Lesson, ...] = ()
    """Lessons that it may say once more."""


@dataclass(frozen=True)
class AnalystView:
    """One experiment in words."""

    number: int
    parent: str
    title: str
    hypothesis: str
    plan: str
    diff: str
    verdict: str
    against: tuple[str, ...]
    metrics: str
    lessons: tuple[LessonView, ...]
    earlier: tuple[LessonView, ...]
    scores: tuple[str, ...]
    contention: str
    reason: str
    feedback: str
    log: str


class AnalystViews:
    """Writes them for one campaign."""

    def __init__(self, resources: CampaignResources, prompter: Prompter) -> None:
        self._resources, self._prompter = resources, prompter
        self._table = ExperimentTable(resources, prompter.numbers)

    def view(self, concluded: ConcludedExperiment, token_budget: TokenBudget, share: float) -> AnalystView:
        """An experiment within a share of the room."""
        resources, archive, experiment = self._resources, self._resources.archive, concluded.experiment
        verdict, proposal, numbers = concluded.verdict, experiment.proposal, self._prompter.numbers
        assert proposal is not None
        parent = archive.experiments.get(proposal.parents[0]) if proposal.parents else None
        before = resources.program(parent) if parent is not None and parent.program is not None else None
        trials = archive.trials.list(experiment.id)
        reference = archive.trials.list(verdict.reference) if verdict.reference else []
        last = _telling(trials)
        scores = "\n".join(score_lines(trials, reference, numbers(verdict.reference) if verdict.reference else ""))
        diff = diff_words(before, resources.program(experiment))
        return AnalystView(
            number=experiment.number,
            parent="" if parent is None else str(parent.number),
            title=inline(proposal.title_words, 200),
            hypothesis=inline(proposal.hypothesis, 1000),
            plan=inline(proposal.plan, 4000),
            diff=token_budget.cut(diff, DIFF * share),
            verdict=verdict_words(numbers, verdict),
            against=() if experiment.score is None else self._against(experiment, parent, verdict),
            metrics=self._table.metrics(experiment),
            lessons=tuple(lesson_view(numbers, lesson) for lesson in concluded.lessons),
            earlier=tuple(lesson_view(numbers, lesson) for lesson in concluded.earlier),
            scores=tuple(token_budget.cut(scores, SCORES * share).splitlines()),
            contention=contention_words(trials),
            reason=verdict.reason if verdict.kind is VerdictKind.UNUSABLE else "",
            feedback=token_budget.cut(feedback_words(trials), FEEDBACK * share),
            log="" if last is None else token_budget.cut(last.log_tail, LOG * share, "tail"),
        )

    def _against(self, experiment: Experiment, parent: Experiment | None, verdict: Verdict) -> tuple[str, ...]:
        """Paired differences to the parent and to the champion of its time, once where these are the same."""
        lines = []
        if parent is not None:
            lines.append(f"To its parent, experiment {parent.number}: {self._table.against(experiment, parent.id)}")
        if verdict.reference and (parent is None or verdict.reference != parent.id):
            number = self._prompter.numbers(verdict.reference)
            said = self._table.against(experiment, verdict.reference)
            lines.append(f"To experiment {number}, the champion then: {said}")
        return tuple(lines)


def _telling(trials: Sequence[Trial]) -> Trial | None:
    """The trial whose log tells most: one without a score, else the last."""
    return next((trial for trial in trials if not trial.metrics), trials[-1] if trials else None)
