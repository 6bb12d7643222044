"""What was measured is told in fixed words, and notes are whole while they fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evolver.agents.llm.critic import LlmCritic
from evolver.agents.llm.differences import NO_EFFECT, difference_words
from evolver.agents.llm.measuring_critic import MeasuringCritic
from evolver.agents.llm.note_views import shown_notes
from evolver.contracts import Experiment, Metric, Note, Verdict
from evolver.contracts.lesson_events import Observed
from evolver.evaluation.statistics import Comparison
from tests.agents.llm.conftest import OBSERVATION, Lab, Script, edit, idea
from tests.support.endpoint import Endpoint, Seen, good

LOSS = Metric(name="loss", direction="minimize", resolution=1e-4)


def found(delta: float, low: float, high: float, seeds: int = 5) -> Comparison:
    return Comparison(seeds=tuple(range(seeds)), delta=delta, interval=(low, high), statistic=0.0, p_value=1.0)


@pytest.mark.parametrize(
    ("comparison", "words"),
    [
        (found(0.0013, -0.0073, 0.0099), "undecided: +0.0013 [-0.0073, +0.0099], 5 seeds"),
        (found(0.0, 0.0, 0.0, 1), f"{NO_EFFECT} (1 seed)"),
        (found(0.2, 0.1, 0.3), "better: +0.2 [+0.1, +0.3], 5 seeds"),
        (found(-7.29, -7.29, -7.29, 1), "worse: -7.29, 1 seed"),
        (found(0.00005, 0.00004, 0.00006), "equal within the metric's resolution: +5e-05 [+4e-05, +6e-05], 5 seeds"),
        (None, "not comparable: they share no seed"),
    ],
)
def test_a_difference_reads_the_same_everywhere(comparison: Comparison | None, words: str) -> None:
    assert difference_words(comparison, LOSS) == words


NOTES = (
    Note(id="a", source="a.md", title="Intro", text="Filters choose. " * 20),
    Note(id="b", source="b.md", title="Lines", text="```python\ndef keep(docs):\n    return drop(docs)\n```"),
    Note(id="c", source="c.md", title="Drop", text="```python\ndef drop(docs):\n    return docs[1:]\n```"),
)


def test_notes_are_whole_while_they_fit() -> None:
    shown = shown_notes(NOTES, ["a"], 1000)
    assert [note.text for note in shown.notes] == [note.text for note in NOTES] and shown.outline == ()
    assert [note.needs for note in shown.notes] == ["", "drop stands in note c", ""]


def test_else_an_outline_names_all_and_what_was_asked_for_comes_with_what_it_calls() -> None:
    shown = shown_notes(NOTES, ["b", "a"], 250)
    assert [note.id for note in shown.notes] == ["b", "c"]
    assert shown.outline == ("[a] a.md: Intro", "[b] b.md: Lines", "[c] c.md: Drop")


class Waiting(LlmCritic):
    """Waits with every experiment for the next one."""

    def _may_wait(self, experiment: Experiment, verdict: Verdict) -> bool:
        return True


async def test_one_question_covers_several_undecided_experiments(lab: Callable[..., Any]) -> None:
    def both(seen: Seen) -> Any:
        if "# Experiment 2" not in seen.last or "You are the critic" not in seen.prompt:
            return script(seen)
        said = [{**OBSERVATION, "experiment": n, "claim": f"Claim {n}.", "try_next": f"Step {n}."} for n in (1, 2)]
        return good({"observations": said})

    script = Script(
        [idea(), idea("Set Y to 2.2.", 1, hypothesis="The point lies further north.", component="north")],
        [edit("X = 1.0", "X = 3.7"), edit("Y = 1.0", "Y = 2.2")],
    )
    with Endpoint(both) as endpoint:
        here: Lab = await lab(endpoint)
        offline = MeasuringCritic(here.resources)
        critic = Waiting(here.resources, here.conversation, offline, at_once=2)
        here.team = type(here.team)(here.team.researcher, here.team.coder, here.team.runner, critic)
        await here.run()
        assert not here.asked("critic"), "the first one waits"
        await here.run()
        (asked,) = here.asked("critic")
        prompt = here.asked("researcher")[1].last
    told = {event.experiment: event.data for event in here.events(Observed)}
    assert [(one.claim, one.try_next) for one in told.values()] == [("Claim 1.", "Step 1."), ("Claim 2.", "Step 2.")]
    assert asked.last.count("# What was measured") == 2 and "To its parent, experiment 1: better: +1.44" in asked.last
    assert prompt.index("# Notes") < prompt.index("# All experiments so far") < prompt.index("You propose experiment 2")
    assert prompt.rstrip().endswith("18 experiments are left.")
