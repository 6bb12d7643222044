"""What the researcher is told before it decides: notes, all experiments, lessons, the champion; and their ids."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from evolver.agents.llm.experiment_table import ExperimentTable, analyst_words
from evolver.agents.llm.note_views import shown_notes
from evolver.agents.llm.program_view import files_view
from evolver.agents.llm.prompting import Prompter
from evolver.agents.llm.rendering import (
    LONGEST_IDEA,
    ChampionView,
    FailureView,
    LessonView,
    ParentView,
    diff_words,
    dossier,
    feedback_words,
    lesson_view,
    parent_of,
    review_view,
    score_lines,
    score_words,
    task_view,
)
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.retrieval import Retriever, decision_query
from evolver.contracts import Experiment, Message, Note, Program, VerdictKind
from evolver.contracts.experiment_events import Shown
from evolver.contracts.lesson_events import Observed
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.cycling import cycling_of
from evolver.prompts import conversation, inline
from evolver.search.novelty import Ideas
from evolver.steering.directives import told_to_models
from evolver.steering.review_page import newest_review

NOTES, TABLE, CHAMPION, OTHERS, LESSONS, FAILED, FEEDBACK, SCORES = 0.35, 0.2, 0.25, 0.15, 0.1, 0.1, 0.08, 0.04
"""Shares of the room. What is long is cut; most campaigns fill a part of it."""
LONGEST_DIRECTIVE = 1000
BROUGHT_BACK = 8
"""Lines that the champion's lineage has removed and brought back, at most."""
OBSERVATIONS = 2000
"""Newest words of the analyst that are at hand."""
FIRST = 2
"""Experiments at the beginning in which a whole program is asked for, as long as the baseline is champion."""
OPENING = (
    "This is one of the first experiments: write the best program that you can, with several parts changed at once "
    "where they belong together. What each part is worth is found out later, by ablation."
)
AFTER_REVIEW = 2
"""Experiments after a review that asks for a whole program in which one is asked for."""
REWRITING = (
    "The review asks for a whole program: write the best one that you can from all that is known, with several parts "
    "changed at once. What each part is worth is found out later, by ablation."
)
NOTES_SEARCHED = 8
"""Chunks that are searched for where not all notes fit."""


class ResearchContext:
    """Writes the researcher's prompt, and remembers in the archive what was in it.

    What stays the same from one experiment to the next comes first, and what is only added to comes before what
    changes, so that providers can reuse the beginning of a prompt.

    Args:
        resources: Those of the campaign.
        prompter: Knows experiments by their numbers, and what was told.
        ideas: What was tried.
        retriever: Finds notes and lessons; the usual one unless given.
        parents: Experiments shown beside the champion as ones to go on from.
        failures: Failed experiments shown.
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
    ) -> None:
        self._resources = resources
        self._retriever = retriever or Retriever(resources, notes=NOTES_SEARCHED)
        self._most_parents, self._failures = parents, failures
        self._prompter = prompter
        self._ideas = ideas
        self._table = ExperimentTable(resources, prompter.numbers)
        self._shown: dict[str, Shown] = {}

    def prompt(self, experiment: Experiment, token_budget: TokenBudget) -> tuple[Message, ...]:
        """The messages for an experiment's proposal.

        The choice of parents depends on the campaign's seed and the experiment's number.
        """
        resources = self._resources
        campaign, archive = resources.campaign, resources.archive
        rng = random.Random(f"{campaign.seed}/{experiment.number}")
        pool = resources.parent_pool(experiment.number)
        champion = archive.experiments.get(campaign.champion) if campaign.champion else None
        others = self._others(experiment, pool, campaign.champion, rng)
        query = decision_query(resources, [*([champion] if champion else []), *others])
        # Random numbers of its own, so that lessons are held out or not whatever the pool is by now.
        known = self._retriever.recall(query, random.Random(f"{campaign.seed}/{experiment.number}/recall"))
        observed = self._prompter.told_lately(Observed, OBSERVATIONS)
        experiments = archive.experiments.list(campaign.name)
        failed = archive.experiments.failures(campaign.name, self._failures)
        lessons, left_lessons = _fitting(
            [lesson_view(self._prompter.numbers, lesson) for lesson in known.lessons], token_budget.characters(LESSONS)
        )
        notes = shown_notes(self._notes(), known.notes, token_budget.characters(NOTES))
        directives = told_to_models(known.directives)
        listed = [*([champion] if champion else []), *others, *failed]
        shown = Shown(
            experiments=tuple(dict.fromkeys(e.number for e in listed)),
            notes=tuple(note.id for note in notes.notes),
            lessons=tuple(lesson.id for lesson in lessons),
            directives=tuple(directive.id for directive in directives),
            withheld=known.withheld,
        )
        self._shown[experiment.id] = shown
        archive.events.add(campaign.name, shown, experiment.id)
        return conversation(
            "researcher",
            task=task_view(resources.task, resources.stage),
            notes=notes.notes,
            outline=notes.outline,
            dossier=dossier(resources.archive, resources.name),
            table=self._table.rows(experiments, observed, token_budget.characters(TABLE)),
            lessons=lessons,
            directives=[{"kind": d.kind, "text": inline(d.text, LONGEST_DIRECTIVE)} for d in directives],
            review=review_view(archive, resources.name),
            champion=None if champion is None else self._champion(champion, observed, token_budget),
            others=[self._other(e, champion, observed, token_budget, OTHERS / len(others)) for e in others],
            failures=[self._failure(e, champion, observed, token_budget, FAILED / len(failed)) for e in failed],
            running=self._running(experiments, experiment),
            cycling=[inline(line, 200) for line in self._brought_back(campaign.champion)],
            components=sorted({lesson.component for lesson in lessons}),
            cuts=[f"[... {left_lessons} lessons cut ...]"] if left_lessons else [],
            tunes=campaign.team == "hybrid",
            mode=self._mode(experiment, champion),
            number=experiment.number,
            left=max(0, campaign.budget.experiments - experiment.number),
        )

    def _mode(self, experiment: Experiment, champion: Experiment | None) -> str:
        """What is asked for beside the usual one change, if anything."""
        if champion is None or (champion.number == 0 and experiment.number <= FIRST):
            return OPENING
        page = newest_review(self._resources.archive, self._resources.name)
        asked_for = page is not None and page.whole_program and experiment.number <= page.number + AFTER_REVIEW
        return REWRITING if asked_for else ""

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

    def _others(
        self, experiment: Experiment, pool: Sequence[Experiment], champion: str | None, rng: random.Random
    ) -> list[Experiment]:
        """Those that parent selection names beside the champion, by number."""
        metric, choose = self._resources.task.metric, self._resources.parents.choose
        chosen: list[Experiment] = []
        # A shorter program that does the same may stand in the champion's place in the pool: one of them is enough.
        left = [e for e in pool if e.id != champion and e.score is not None and not _repeats(e, champion)]
        while left and len(chosen) < self._most_parents:
            parent = choose(left, rng, metric, experiment.number)
            chosen.append(parent)
            left.remove(parent)
        return sorted(chosen, key=lambda e: e.number)

    def _champion(
        self, champion: Experiment, observed: Mapping[str, Observed], token_budget: TokenBudget
    ) -> ChampionView:
        trials = self._resources.archive.trials.list(champion.id)
        scores = "\n".join(score_lines(trials, [], ""))
        return ChampionView(
            number=champion.number,
            score=score_words(champion, self._resources.task.metric),
            title=_title(champion),
            plan=_plan(champion),
            files=files_view(
                self._resources.program(champion),
                token_budget,
                CHAMPION,
                f"{self._resources.task.spec.program.interface} {_plan(champion)}",
                self._resources.task.baseline(),
            ),
            metrics=self._table.metrics(champion),
            scores=tuple(token_budget.cut(scores, SCORES).splitlines()),
            seen=analyst_words(observed.get(champion.id)),
            feedback=token_budget.cut(feedback_words(trials), FEEDBACK),
        )

    def _other(
        self,
        experiment: Experiment,
        champion: Experiment | None,
        observed: Mapping[str, Observed],
        token_budget: TokenBudget,
        share: float,
    ) -> ParentView:
        table, proposal = self._table, experiment.proposal
        parent = proposal.parents[0] if proposal is not None and proposal.parents else ""
        against = []
        if parent:
            number = self._prompter.numbers(parent)
            against.append(f"to its parent, experiment {number}: {table.against(experiment, parent)}")
        if champion is not None and champion.id != parent:
            against.append(f"to the champion: {table.against(experiment, champion.id)}")
        trials = self._resources.archive.trials.list(experiment.id)
        return ParentView(
            number=experiment.number,
            score=score_words(experiment, self._resources.task.metric),
            title=_title(experiment),
            plan=_plan(experiment),
            metrics=table.metrics(experiment),
            against=tuple(against),
            seen=analyst_words(observed.get(experiment.id)),
            feedback=token_budget.cut(feedback_words(trials), share / 4),
            diff=token_budget.cut(diff_words(self._program(champion), self._resources.program(experiment)), share),
        )

    def _failure(
        self,
        experiment: Experiment,
        champion: Experiment | None,
        observed: Mapping[str, Observed],
        token_budget: TokenBudget,
        share: float,
    ) -> FailureView:
        archive, proposal, verdict = self._resources.archive, experiment.proposal, experiment.verdict
        failed = [trial for trial in archive.trials.list(experiment.id) if not trial.metrics]
        parent = archive.experiments.get(proposal.parents[0]) if proposal and proposal.parents else champion
        said = "\n".join(part for part in (str(failed[-1].feedback), failed[-1].log_tail) if part) if failed else ""
        return FailureView(
            number=experiment.number,
            parent=parent_of(self._prompter.numbers, experiment),
            title=_title(experiment),
            reason=inline(verdict.reason if verdict else "", 300),
            seen=analyst_words(observed.get(experiment.id)),
            log=token_budget.cut(said, share / 2, "tail"),
            diff=token_budget.cut(diff_words(self._program(parent), self._resources.program(experiment)), share / 2),
        )

    def _program(self, experiment: Experiment | None) -> Program | None:
        return self._resources.program(experiment) if experiment and experiment.program else None

    def _notes(self) -> Sequence[Note]:
        """All notes of the task, in the order of their files."""
        return self._resources.archive.notes.list(self._resources.task.name)

    def _running(self, experiments: Sequence[Experiment], own: Experiment) -> list[str]:
        rows = [e for e in experiments if e.verdict is None and e.proposal is not None and e.id != own.id]
        return [
            f"experiment {e.number} (from {parent_of(self._prompter.numbers, e)}): {_title(e)}. {_plan(e)}"
            for e in rows
            if e.lane >= 0
        ]


def _title(experiment: Experiment) -> str:
    return "" if experiment.proposal is None else inline(experiment.proposal.title_words, 200)


def _plan(experiment: Experiment) -> str:
    return "" if experiment.proposal is None else inline(experiment.proposal.plan, LONGEST_IDEA)


def _fitting(rows: list[LessonView], most: int) -> tuple[list[LessonView], int]:
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
