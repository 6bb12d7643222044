"""What was learned, in all or about a topic."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Lesson, LessonStatus
from evolver.contracts.lesson import told_order
from evolver.formatting import numbered
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import CampaignFacts, QuestionType, gain, newest_numbers
from evolver.steering.similarity import words

LESSONS = 5
"""Lessons that are told."""
NEAR = 0.25
"""Similarity from which a lesson is about a topic."""


class LearnedQuestion(QuestionType):
    """Lessons, the largest effects first, or those about a topic."""

    kind = "learned"
    examples = ("what have we learned about the layout?", "does dropout help?", "lessons")
    patterns = (
        r"what (?:have|did|do|has) (?:we|you|it|the campaign) (?:learn(?:ed|t)?|know|found(?: out)?|find(?: out)?)"
        r"(?: so far)?(?: (?:about|on|of|from) (?P<topic>.+))?",
        r"(?:what are the |show(?: me)?(?: the)? |list(?: the)? )?lessons(?: so far)?"
        r"(?: (?:about|on|from) (?P<topic>.+))?",
        r"what (?:works|helps|helped|worked|does not work|doesn't work)(?: best| most| so far)*"
        r"(?: (?:for|with|about) (?P<topic>.+))?",
        r"(?:does|did|do) (?P<topic>.+) (?:help|work|matter)",
    )
    keywords = ("lessons",)

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """Effect, status, confidence and claim of each lesson, with its experiments."""
        topic, lessons = inquiry.topic, facts.archive.lessons.list(campaign=facts.campaign)
        if not lessons:
            return ["No lesson yet: no experiment has been compared with its parent."]
        if topic:
            told = _near(lessons, topic)
            if not told:
                return [f"No lesson about “{topic}” yet, among {len(lessons)}.", *_tried(facts, topic)]
            lines = [f"About “{topic}”:"]
        else:
            known = [lesson for lesson in lessons if lesson.status is not LessonStatus.RETIRED]
            told, lines = sorted(known, key=told_order), [f"{len(known)} lessons; the best known:"]
        for lesson in told[:LESSONS]:
            numbers = [facts.archive.experiments.get(key).number for key in lesson.evidence]
            lines.append(
                f"  {gain(lesson.effect, lesson.interval)}, {lesson.status}, {lesson.confidence:.0%} sure: "
                f"{lesson.claim} ({numbered('experiment', numbers[-6:])})"
            )
        return lines


def _tried(facts: CampaignFacts, topic: str) -> list[str]:
    """Experiments about a topic that gave no lesson."""
    found = [
        e
        for e in facts.experiments()
        if e.proposal and words(topic) & words(f"{e.proposal.component} {e.proposal.plan}")
    ]
    if not found:
        return ["Nothing about it was tried."]
    return [f"It was tried in {newest_numbers(found)}, without a decisive difference."]


def _near(lessons: Sequence[Lesson], topic: str) -> list[Lesson]:
    from evolver.memory import default_embedder

    texts = [f"{lesson.component}: {lesson.claim}" for lesson in lessons]
    vectors = default_embedder()([topic, *texts])
    wanted = words(topic)
    scored = [
        (float(vectors[0] @ vector) + (1.0 if wanted & words(text) else 0.0), lesson)
        for vector, text, lesson in zip(vectors[1:], texts, lessons, strict=True)
    ]
    return [lesson for score, lesson in sorted(scored, key=lambda pair: -pair[0]) if score >= NEAR]
