"""What a model knows of a campaign before it answers a person: experiments, lessons, dossier, notes, what was said."""

from __future__ import annotations

from evolver.contracts import Experiment, LessonStatus
from evolver.contracts.lesson_events import Observed
from evolver.memory import Archive
from evolver.prompts import inline
from evolver.steering.dossier_facts import dossier_facts
from evolver.steering.review_page import newest_review, review_lines

LONGEST = 40_000
"""Characters of it all; the oldest experiments are left out first."""
MESSAGES, OBSERVATIONS, LESSONS = 8, 2000, 30
"""Newest messages of people, words of the analyst, and lessons."""


def campaign_knowledge(archive: Archive, campaign: str) -> list[str]:
    """Lines about a campaign, so that any question about it can be answered.

    Args:
        archive: Where it is.
        campaign: Its name.

    Returns:
        Notes' headings, dossier, lessons, the review, and one line for each experiment, the newest last.
    """
    record = archive.campaigns.get(campaign)
    seen = {e.experiment: e.data for e in archive.events.list(campaign, kind=Observed, newest=OBSERVATIONS)}
    experiments = [e for e in archive.experiments.list(campaign, after=0) if e.proposal is not None]
    numbers = {e.id: e.number for e in archive.experiments.list(campaign)}
    task = record.task.rstrip("/").rsplit("/", 1)[-1]
    notes = [f"note: {inline(f'{note.source}: {note.title}', 160)}" for note in archive.notes.list(task)]
    dossier = [f"known: {inline(fact.text, 400)}" for fact in dossier_facts(archive, campaign)]
    lessons = [
        f"lesson: {inline(lesson.claim, 400)} ({lesson.status})"
        for lesson in archive.lessons.list(campaign=campaign)
        if lesson.status is not LessonStatus.RETIRED
    ][-LESSONS:]
    rows = [_row(e, numbers, record.metric.name, seen.get(e.id)) for e in experiments]
    while rows and sum(map(len, rows)) > LONGEST:
        rows = rows[len(rows) // 5 + 1 :]
    page = newest_review(archive, campaign)
    review = [] if page is None else [inline(line, 1200) for line in review_lines(page)]
    return [*notes, *dossier, *lessons, *review, *rows]


def said_before(archive: Archive, campaign: str) -> list[str]:
    """What people said lately, the newest last."""
    return [inline(directive.text, 300) for directive in archive.directives.list(campaign)[-MESSAGES:]]


def _row(experiment: Experiment, numbers: dict[str, int], metric: str, seen: Observed | None) -> str:
    proposal, verdict = experiment.proposal, experiment.verdict
    assert proposal is not None
    origin = ", ".join(str(numbers[key]) for key in proposal.parents if key in numbers) or "nothing"
    score = "no score" if experiment.score is None else f"{metric} {experiment.score:.6g}"
    state = "still running" if verdict is None else f"{score}; {verdict.kind}; {inline(verdict.reason, 200)}"
    said = "" if seen is None else f" | {inline(f'{seen.claim} {seen.try_next}', 500)}"
    return f"experiment {experiment.number} (from {origin}): {inline(proposal.title_words, 160)} | {state}{said}"
