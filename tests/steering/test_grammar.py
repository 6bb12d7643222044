"""What plain messages are understood as, and that what is not plain is asked back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.steering.grammar import read
from evolver.steering.intents import Inquiry, Instruction, JoinCampaign, StartCampaign, Unclear

INSTRUCTIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("focus on the initial layout", "focus", {"topic": "the initial layout"}),
    ("Please focus more on normalisation!", "focus", {"topic": "normalisation"}),
    ("could you concentrate on the step size, please?", "focus", {"topic": "the step size"}),
    ("avoid annealing", "avoid", {"topic": "annealing"}),
    ("don't use simulated annealing any more", "avoid", {"topic": "simulated annealing"}),
    ("no more random restarts", "avoid", {"topic": "random restarts"}),
    ("stop trying dropout", "avoid", {"topic": "dropout"}),
    ("pin experiment 12", "pin", {"experiment": 12}),
    ("build on #12", "pin", {"experiment": 12}),
    ("start from the best", "pin", {"experiment": None}),
    ("10 more experiments", "budget", {"more_experiments": 10}),
    ("ten more", "budget", {"more_experiments": 10}),
    ("do another dozen experiments", "budget", {"more_experiments": 12}),
    ("budget 50", "budget", {"experiments": 50}),
    ("stop after 80 experiments", "budget", {"experiments": 80}),
    ("10 more minutes", "budget", {"more_seconds": 600.0}),
    ("2 more hours", "budget", {"more_seconds": 7200.0}),
    ("$2.50 more", "budget", {"more_usd": 2.5}),
    ("set the budget to $5", "budget", {"usd": 5.0}),
    ("100,000 more tokens", "budget", {"more_tokens": 100_000}),
    ("use 4 workers", "workers", {"workers": 4}),
    ("2 more workers", "workers", {"more_workers": 2}),
    ("pause", "pause", {}),
    ("hold on a moment", "pause", {}),
    ("go on", "resume", {}),
    ("ok, continue please", "resume", {}),
    ("stop", "stop", {}),
    ("no more experiments", "stop", {}),
    ("that's enough", "stop", {}),
    ("verify 41", "verify", {"experiment": 41}),
    ("double-check the champion", "verify", {"experiment": None}),
    ("ablate 41", "ablate", {"experiment": 41}),
    ("what does 41 owe its gain to?", "ablate", {"experiment": 41}),
    ("approve 17", "approve", {"experiments": [17]}),
    ("approve 17, 18 and 19", "approve", {"experiments": [17, 18, 19]}),
    ("approve all", "approve", {"experiments": "all"}),
    ("reject 17 because it is too dear", "reject", {"experiments": [17], "reason": "it is too dear"}),
    ("reject 17: too dear", "reject", {"experiments": [17], "reason": "too dear"}),
    ("ask me before experiments over 10 minutes", "approve", {"above": 600.0}),
    ("ask me about everything", "approve", {"above": 0.0}),
    ("stop asking", "approve", {"above": None}),
    ("note: a hexagonal grid is denser", "note", {"note": "a hexagonal grid is denser"}),
    ("remember that the data are skewed", "note", {"note": "the data are skewed"}),
    ("withdraw 3", "withdraw", {"number": 3}),
    ("forget the focus on layout", "withdraw", {"kind": "focus", "topic": "layout"}),
    ("allow annealing again", "withdraw", {"kind": "avoid", "topic": "annealing"}),
    ("unpin", "withdraw", {"kind": "pin", "topic": ""}),
]
QUESTIONS: list[tuple[str, str, tuple[int, ...], str]] = [
    ("why is 41 best?", "best", (41,), ""),
    ("why is the best the best?", "best", (), ""),
    ("what is the champion", "best", (), ""),
    ("what failed most?", "failures", (), ""),
    ("why do so many fail?", "failures", (), ""),
    ("what have we learned about normalisation?", "learned", (), "normalisation"),
    ("lessons", "learned", (), ""),
    ("does dropout help?", "learned", (), "dropout"),
    ("how far?", "progress", (), ""),
    ("how long will it take?", "progress", (), ""),
    ("what are you doing?", "doing", (), ""),
    ("compare 12 and 41", "compare", (12, 41), ""),
    ("is 12 better than 41?", "compare", (12, 41), ""),
    ("what changed in 41?", "changed", (41,), ""),
    ("show me the diff of 41", "changed", (41,), ""),
    ("tell me about experiment 7", "experiment", (7,), ""),
    ("why did 7 fail?", "experiment", (7,), ""),
    ("directives", "directives", (), ""),
    ("how much did it cost?", "cost", (), ""),
    ("what waits for approval?", "waiting", (), ""),
    ("which campaigns are there?", "campaigns", (), ""),
    ("hello", "help", (), ""),
    ("help", "help", (), ""),
    ("", "help", (), ""),
]


@pytest.mark.parametrize(("text", "kind", "arguments"), INSTRUCTIONS)
def test_an_instruction(text: str, kind: str, arguments: dict[str, Any]) -> None:
    found = read(text)
    assert isinstance(found, Instruction), found
    assert (found.kind, found.arguments) == (kind, arguments)
    assert not found.corrected


@pytest.mark.parametrize(("text", "about", "numbers", "topic"), QUESTIONS)
def test_a_question(text: str, about: str, numbers: tuple[int, ...], topic: str) -> None:
    found = read(text)
    assert isinstance(found, Inquiry), found
    assert (found.about, found.numbers, found.topic) == (about, numbers, topic)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("start circle-packing with 20 experiments", {"task": "circle-packing", "experiments": 20}),
        ("run ./my-task for 10 minutes on 3 workers", {"task": "./my-task", "seconds": 600.0, "workers": 3}),
        (
            "start a new campaign on function-fitting with 8 experiments and ask me before trials over 90 s",
            {"task": "function-fitting", "experiments": 8, "approve_above": 90.0},
        ),
    ],
)
def test_a_start(text: str, fields: dict[str, Any]) -> None:
    found = read(text)
    assert isinstance(found, StartCampaign), found
    assert {name: getattr(found, name) for name in fields} == fields


def test_another_campaign() -> None:
    assert read("switch to circle-packing-2") == JoinCampaign(campaign="circle-packing-2")
    assert isinstance(read("switch to 4 workers"), Instruction)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("focsu on layout", "focus", "focsu"),
        ("10 more expriments", "budget", "expriments"),
        ("aviod annealing", "avoid", "aviod"),
    ],
)
def test_a_misspelt_keyword_is_put_right_and_told(text: str, kind: str, said: str) -> None:
    found = read(text)
    assert isinstance(found, Instruction)
    assert found.kind == kind
    assert said in found.corrected


@pytest.mark.parametrize(
    "text",
    [
        "wibble the frobnicator",
        "maybe something with the layout",
        "fewer experiments",
        "should we stop?",
        "I wonder whether to pause or to stop",
        "focus on fewer workers",
        "make it better",
        "not so many workers please",
        "approve",  # only what waits can say which; see test_commands
    ],
)
def test_what_is_not_plain_changes_nothing(text: str) -> None:
    found = read(text)
    if text == "approve":
        assert isinstance(found, Instruction) and not found.arguments
        return
    assert isinstance(found, Unclear), found
    assert found.understood
    assert found.examples


@pytest.mark.parametrize(
    ("text", "meant", "example"),
    [
        ("not so many workers please", "something about workers, but not what", "use 4 workers"),
        ("I wonder whether to pause or to stop", "something about stopping, but not what", "pause"),
        ("mind the dollars", "something about the budget, but not what", "10 more experiments"),
        ("yes but the other", "something about an approval, but not what", "approve 17"),
        ("more good experiments", "something about experiments or the budget, but not what", "pin experiment 12"),
        ("which way is north", "a question, but not what", "what failed most?"),
    ],
)
def test_what_is_nearly_understood_gets_examples_of_its_subject(text: str, meant: str, example: str) -> None:
    found = read(text)
    assert isinstance(found, Unclear) and found.understood == meant and example in found.examples
    assert len(found.examples) <= 3 and not any(isinstance(read(one), Unclear) for one in found.examples)


def test_a_program_in_a_fence_goes_with_its_approval() -> None:
    found = read("approve 3 with\n```python\nX = 1\n```")
    assert isinstance(found, Instruction)
    assert found.arguments == {"experiments": [3], "program": "X = 1\n"}


@given(st.text(max_size=300))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert read(text).reads in ("instruction", "inquiry", "start", "join", "unclear")


def test_a_long_text_is_read_in_no_time() -> None:
    import time

    began = time.process_time()
    for text in ("a " * 4000, "10 more " * 1000, "focus on " * 900, "(" * 8000, "what " * 1600):
        read(text)
    assert time.process_time() - began < 2.0
