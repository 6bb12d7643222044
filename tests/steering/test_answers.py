"""Questions are answered from the archive, with experiments that are there and numbers that are theirs."""

from __future__ import annotations

import re

import pytest

from evolver.contracts import VerdictKind
from evolver.errors import UnknownName, UsageError
from evolver.memory import Archive
from evolver.steering.grammar import read
from evolver.steering.help_text import help_lines
from evolver.steering.intents import Inquiry, Instruction, StartCampaign, Unclear
from evolver.steering.llm_parser import invented
from evolver.steering.question_type import CampaignFacts
from evolver.steering.questions import question


def _ask(archive: Archive, text: str) -> str:
    reading = read(text)
    assert isinstance(reading, Inquiry), reading
    found = question(reading.about)
    found.check(reading)
    return "\n".join(found.answer(CampaignFacts(archive, "c", running=False), reading))


def test_why_the_best_is_the_best(archive: Archive) -> None:
    champion = archive.experiments.champion("c")
    assert champion is not None and champion.number > 0 and champion.verdict is not None and champion.verdict.reference
    said = _ask(archive, "why is the best the best?")
    assert f"Experiment {champion.number} is the best: squared_distance {champion.score:.6g}" in said
    before = archive.experiments.get(champion.verdict.reference)
    assert f"It beat experiment {before.number}" in said
    assert "On fresh replicates (held-out)" in said
    assert champion.proposal is not None and champion.proposal.plan in said
    other = next(e for e in archive.experiments.list("c", after=0) if e.number != champion.number)
    assert f"Experiment {other.number} is not the best" in _ask(archive, f"why is {other.number} the best?")


def test_what_failed(archive: Archive) -> None:
    failed = [e for e in archive.experiments.list("c") if e.verdict and e.verdict.kind is VerdictKind.UNUSABLE]
    said = _ask(archive, "what failed most?")
    if failed:
        assert f"{len(failed)} of 14" in said
        assert all(str(e.number) in said for e in failed[-1:])
    else:
        assert said == "Nothing failed: 14 experiments, none of them unusable."


def test_what_was_learned(archive: Archive) -> None:
    lessons = archive.lessons.list(campaign="c")
    assert lessons
    said = _ask(archive, "what have we learned?")
    largest = max(lessons, key=lambda lesson: abs(lesson.effect))
    assert largest.claim in said
    assert re.search(r"experiments? [\d, ]+", said)
    assert "No lesson about “tokenisation”" in _ask(archive, "what have we learned about tokenisation?")


def test_progress_comparison_change_and_one_experiment(archive: Archive) -> None:
    assert "c: 14 of 14 experiments are done; the campaign is finished" in _ask(archive, "how far?")
    scored = [e for e in archive.experiments.list("c", after=0) if e.score is not None]
    compared = _ask(archive, f"compare {scored[0].number} and {scored[-1].number}")
    assert "On the same" in compared or "different replicates" in compared
    changed = _ask(archive, f"what changed in {scored[0].number}?")
    assert "--- experiment" in changed and "+++ experiment" in changed
    assert f"Experiment {scored[0].number}:" in _ask(archive, f"tell me about {scored[0].number}")
    assert "CPU seconds in" in _ask(archive, "what did it cost?")
    assert "c: finished, 14 of 14" in _ask(archive, "campaigns")
    assert "say `go on`" in _ask(archive, "what are you doing?").lower()


def test_what_is_not_there_is_said(archive: Archive) -> None:
    with pytest.raises(UnknownName):
        _ask(archive, "tell me about 99")
    with pytest.raises(UsageError):
        question("compare").check(Inquiry(about="compare", numbers=(3,)))


def test_every_line_of_the_help_is_understood() -> None:
    shown = [part for line in help_lines() if line.startswith("  ") for part in re.split(r"\s{3,}", line.strip())]
    assert len(shown) > 15
    for part in shown:
        text = (
            re.sub(r"\s*\(.*\)$", "", part)
            .replace("because ...", "because it is expensive")
            .replace("about X", "about steps")
        )
        assert not isinstance(read(text), Unclear), text
    kinds = {type(read(part)) for part in shown}
    assert {Instruction, Inquiry, StartCampaign} <= kinds


def test_a_model_may_invent_neither_experiments_nor_numbers() -> None:
    facts = "Experiment 12 is the best: area 2.6312 [2.62, 2.64] (fit). It beat experiment 3."
    assert invented("Experiment 12 beat experiment 3; its area is 2.6312.", facts) is None
    assert "41" in str(invented("Experiment 41 is the best.", facts))
    assert "2.7" in str(invented("Experiment 12 has area 2.7.", facts))
    assert invented("  ", facts) == "the answer is empty"


def test_the_dossier_is_read() -> None:
    assert read("what's in the dossier?") == Inquiry(about="dossier")
