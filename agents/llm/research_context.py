"""What the researcher is told before it decides: parents, lessons, notes, failures, ideas; and their ids."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from evolver.agents.llm.prompting import Prompter
from evolver.agents.llm.rendering import (
    LONGEST_IDEA,
    FileView,
    LessonView,
    Parent,
    Tried,
    feedback_words,
    files_view,
    lesson_view,
    score_words,
    task_view,
    tried_view,
)
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.retrieval import Retrieval, Retriever, decision_query
from evolver.contracts import Experiment, Message, Note, Operator, VerdictKind
from evolver.contracts.experiment_events import Shown
from evolver.contracts.lesson_events import Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.cycling import cycling_of
from evolver.prompts import conversation, inline
from evolver.search.novelty import Ideas
from evolver.search.parent_selection import open_to
from evolver.steering.directives import told_to_models

PROGRAMS, NOTES, LESSONS, TRIED, FAILED, FEEDBACK = 0.5, 0.15, 0.12, 0.12, 0.06, 0.08
"""Shares of the room."""
LONGEST_DIRECTIVE = 1000
BROUGHT_BACK = 8
"""Lines that the champion's lineage has removed and brought back, at most."""
OBSERVATIONS = 100
"""Newest words of the critic that are at hand."""


class ResearchContext:
    """Writes the researcher's prompt, and remembers in the archive what was in it.

    Args:
        resources: Those of the campaign.
        prompter: Knows experiments by their numbers, and what was told.
        ideas: What was tried.
        retriever: Finds notes and lessons; the usual one unless given.
        parents: Experiments shown beside the champion as ones to go on from.
        failures: Failed experiments shown.
        recent: Newest experiments shown.
        alike: Earlier experiments shown whose ideas are like the first parent's.
    """

    def __init__(
        self,
        resources: CampaignResources,
        prompter: Prompter,
        ideas: Ideas,
        *,
        retriever: Retriever | None = None,
        parents: int = 3,
        failures: int = 4,
        recent: int = 6,
        alike: int = 4,
    ) -> None:
        self._resources = resources
        self._retriever = retriever or Retriever(resources)
        self._most_parents, self._failures, self._recent, self._alike = parents, failures, recent, alike
        self._prompter = prompter
        self._ideas = ideas
        self._notes: dict[str, Note] = {}
        self._shown: dict[str, Shown] = {}

    def prompt(self, experiment: Experiment, token_budget: TokenBudget) -> tuple[Message, ...]:
        """The messages for an experiment's proposal.

        Order and choice depend on the campaign's seed and the experiment's number, so that lanes that ask at the same
        time do not ask the same.
        """
        resources = self._resources
        campaign, archive, metric = resources.campaign, resources.archive, resources.task.metric
        rng = random.Random(f"{campaign.seed}/{experiment.number}")
        pool = open_to(resources.parents, archive.experiments.pool(campaign.name), experiment.number)
        parents = self._parents(experiment, pool, rng)
        query = decision_query(resources, parents)
        # Random numbers of its own, so that lessons are held out or not whatever the pool is by now.
        known = self._retriever.recall(query, random.Random(f"{campaign.seed}/{experiment.number}/recall"))
        observed = observations(self._prompter)
        failures, left_failures = _fitting(
            [
                tried_view(self._prompter.numbers, e, metric, observed, self._feedback(e))
                for e in archive.experiments.failures(campaign.name, self._failures)
            ],
            token_budget.characters(FAILED),
        )
        tried, left_ideas = self._tried(experiment, parents, {f.number for f in failures}, observed, token_budget)
        lessons, left_lessons = _fitting(
            [lesson_view(self._prompter.numbers, lesson) for lesson in known.lessons], token_budget.characters(LESSONS)
        )
        notes = self._known_notes(known)
        rng.shuffle(notes)
        directives = told_to_models(known.directives)
        shown = Shown(
            experiments=tuple(e.number for e in parents) + tuple(f.number for f in failures),
            notes=tuple(note.id for note in notes),
            lessons=tuple(lesson.id for lesson in lessons),
            directives=tuple(directive.id for directive in directives),
            withheld=known.withheld,
        )
        self._shown[experiment.id] = shown
        archive.events.add(campaign.name, shown, experiment.id)
        cuts = [("ideas", left_ideas), ("failures", left_failures), ("lessons", left_lessons)]
        champion = next((e for e in parents if e.id == campaign.champion), None)
        return conversation(
            "researcher",
            task=task_view(resources.task, resources.stage),
            number=experiment.number,
            left=max(0, campaign.budget.experiments - experiment.number),
            champion=(
                f"The champion is experiment {champion.number}: {score_words(champion, metric)}." if champion else ""
            ),
            directives=[{"kind": d.kind, "text": inline(d.text, LONGEST_DIRECTIVE)} for d in directives],
            experiments=[
                self._parent_view(e, campaign.champion, token_budget, PROGRAMS / len(parents)) for e in parents
            ],
            failures=failures,
            lessons=lessons,
            components=sorted({lesson.component for lesson in lessons}),
            notes=[
                {"id": note.id, "title": note.title, "text": token_budget.cut(note.text, NOTES / len(notes))}
                for note in notes
            ],
            tried=tried,
            cycling=[inline(line, 200) for line in self._brought_back(campaign.champion)],
            cuts=[f"[... {count} {what} cut ...]" for what, count in cuts if count],
        )

    def _brought_back(self, champion: str | None) -> Sequence[str]:
        """Lines that the champion's lineage has removed and brought back."""
        return cycling_of(self._resources.archive, champion).lines[:BROUGHT_BACK] if champion else ()

    def shown(self, experiment: str) -> Shown:
        """What the researcher was shown when it was last asked about an experiment, perhaps by an earlier process."""
        if experiment not in self._shown:
            self._shown[experiment] = self._prompter.told(Shown, experiment) or Shown()
        return self._shown[experiment]

    def forget(self, experiment: str) -> None:
        """Its proposal is recorded: nobody will ask what it was shown."""
        self._shown.pop(experiment, None)

    def _parents(self, experiment: Experiment, pool: Sequence[Experiment], rng: random.Random) -> list[Experiment]:
        """The champion and those that parent selection names, in random order."""
        campaign, metric = self._resources.campaign, self._resources.task.metric
        champion = campaign.champion
        chosen = [self._resources.archive.experiments.get(champion)] if champion else []
        choose = self._resources.parents.choose
        # A shorter program that does the same may stand in the champion's place in the pool: one of them is enough.
        left = [e for e in pool if e.id != champion and e.score is not None and not _repeats(e, champion)]
        while left and len(chosen) <= self._most_parents:
            parent = choose(left, rng, metric, experiment.number)
            chosen.append(parent)
            left.remove(parent)
        rng.shuffle(chosen)
        return chosen

    def _parent_view(
        self, experiment: Experiment, champion: str | None, token_budget: TokenBudget, share: float
    ) -> Parent:
        proposal = experiment.proposal
        baseline = proposal is None or proposal.operator == Operator.BASELINE
        files: tuple[FileView, ...] = files_view(self._resources.program(experiment), token_budget, share)
        return Parent(
            number=experiment.number,
            is_champion=experiment.id == champion,
            score=score_words(experiment, self._resources.task.metric),
            change="nothing: it is the baseline"
            if baseline or proposal is None
            else inline(proposal.plan, LONGEST_IDEA),
            files=files,
            feedback=token_budget.cut(self._feedback(experiment), share * FEEDBACK / PROGRAMS),
        )

    def _feedback(self, experiment: Experiment) -> str:
        """What the evaluator said of an experiment's program."""
        return feedback_words(self._resources.archive.trials.list(experiment.id))

    def _known_notes(self, known: Retrieval) -> list[Note]:
        if any(key not in self._notes for key in known.notes):
            self._notes = {note.id: note for note in self._resources.archive.notes.list(self._resources.task.name)}
        return [self._notes[key] for key in known.notes if key in self._notes]

    def _tried(
        self,
        experiment: Experiment,
        parents: Sequence[Experiment],
        elsewhere: set[int],
        observed: dict[str, str],
        token_budget: TokenBudget,
    ) -> tuple[list[Tried], int]:
        """The newest experiments and those with ideas like the first parent's, save those that stand elsewhere.

        Also how many found no room.
        """
        archive, metric = self._resources.archive, self._resources.task.metric
        before = experiment.number - self._recent - 1
        found = {e.id: e for e in archive.experiments.list(experiment.campaign, after=before)}
        proposal = parents[0].proposal if parents else None
        if proposal is not None:
            for near in self._ideas.like(f"{proposal.hypothesis} {proposal.plan}", experiment, self._alike):
                found.setdefault(near.experiment, archive.experiments.get(near.experiment))
        told = elsewhere | {experiment.number}
        rows = [e for e in found.values() if e.number not in told and e.lane >= 0 and e.proposal is not None]
        rows.sort(key=lambda e: e.number, reverse=True)
        return _fitting(
            [tried_view(self._prompter.numbers, e, metric, observed, self._feedback(e)) for e in rows],
            token_budget.characters(TRIED),
        )


def observations(prompter: Prompter) -> dict[str, str]:
    """What the critic said lately, by experiment."""
    return {key: _said(data) for key, data in prompter.told_lately(Observed, OBSERVATIONS).items()}


def _said(observed: Observed) -> str:
    return " ".join(text for text in (observed.claim, observed.caution) if text)


R = TypeVar("R", Tried, LessonView)


def _fitting(rows: list[R], most: int) -> tuple[list[R], int]:
    """As many of the first rows as fit, and how many do not."""
    used = 0
    for count, row in enumerate(rows):
        used += sum(len(str(value)) for value in vars(row).values())
        if used > most:
            return rows[:count], len(rows) - count
    return rows, 0


def _repeats(experiment: Experiment, other: str | None) -> bool:
    """Whether an experiment was found to do what another one does."""
    verdict = experiment.verdict
    return verdict is not None and verdict.kind is VerdictKind.NO_EFFECT and verdict.reference == other
