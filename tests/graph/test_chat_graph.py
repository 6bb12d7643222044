"""The chat graph from Python, and what a model adds to it: loose words are understood, and never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from evolver.contracts import Directive
from evolver.graph import Context, build_chat
from evolver.graph.chat_graph import ChatContext
from evolver.graph.markdown import as_markdown
from evolver.graph.message_handler import send
from evolver.graph.resolved_run import open_archive, register
from tests.support.endpoint import Endpoint, Seen, Step, good


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL"):
        monkeypatch.delenv(name, raising=False)


def _directives(home: Path) -> list[Directive]:
    with open_archive(home) as archive:
        return [d for d in archive.directives.list("c") if d.kind != "ask"]


def _campaign(home: Path, quadratic: Path, endpoint: Endpoint) -> None:
    register(Context(task=str(quadratic), campaign="c", home=home, models=("openai:m",), base_url=endpoint.url))


def _understands(**answer: Any) -> Endpoint:
    return Endpoint(lambda _: good({"clear": True, **answer}))


def test_a_model_reads_what_patterns_do_not(quadratic: Path, home: Path) -> None:
    words = "I have a feeling that where things begin deserves a closer look"
    with _understands(kind="focus", topic="the starting point", restated="Search the starting point more.") as endpoint:
        _campaign(home, quadratic, endpoint)
        replies = send(home, "c", words, "ann")
        assert replies[0] == "(I understood: Search the starting point more.)"
        assert "Most proposals are about “the starting point”" in replies[1]
        assert words in endpoint.requests[0].prompt
        send(home, "c", "focus on the east", "ann")
        assert len(endpoint.requests) == 1, "what is plain needs no model"
    (first, second) = _directives(home)
    assert (first.kind, first.text, first.arguments) == ("focus", words, {"topic": "the starting point"})
    assert second.arguments == {"topic": "the east"}


@pytest.mark.parametrize(
    "answer",
    [
        {"kind": "stop", "clear": False, "restated": "You may want to stop."},
        {"kind": "unclear", "clear": True},
        {"kind": "budget", "clear": True, "amount": None},
        {"kind": "verify", "clear": True, "experiments": [3, 4]},
        {"kind": "focus", "clear": True, "topic": " "},
    ],
)
def test_what_a_model_is_not_sure_of_is_asked_back(quadratic: Path, home: Path, answer: dict[str, Any]) -> None:
    with Endpoint(lambda _: good(answer)) as endpoint:
        _campaign(home, quadratic, endpoint)
        replies = send(home, "c", "well, whatever you think is best here", "ann")
    assert "not sure" in replies[0]
    assert "Did you mean" in replies[1]
    assert not _directives(home)


def test_several_orders_in_one_message_are_each_restated(quadratic: Path, home: Path) -> None:
    read = {"kind": "focus", "topic": "the start", "restated": "Search the start more.", "others": ["avoid the east"]}
    with _understands(**read) as endpoint:
        _campaign(home, quadratic, endpoint)
        replies = send(home, "c", "where things begin deserves a look, and keep your hands off the east", "ann")
    assert replies[0] == "(I understood: Search the start more.)" and "(And: avoid the east)" in replies
    assert [d.kind for d in _directives(home)] == ["focus", "avoid"]


def test_a_second_message_reaches_the_model_at_once_and_hears_of_the_first(quadratic: Path, home: Path) -> None:
    with Endpoint(lambda _: Step("The baseline is being measured.")) as endpoint:
        _campaign(home, quadratic, endpoint)
        for question in ("why is the best the best?", "what failed most?"):
            assert send(home, "c", question, "ann") == ["The baseline is being measured."]
        with open_archive(home) as archive:
            calls = archive.calls.list("c")
    assert len(endpoint.requests) == 2 and [call.attempts for call in calls] == [1, 1]
    assert "why is the best the best?" in endpoint.requests[1].prompt


def test_a_model_that_gives_no_answer_leaves_the_patterns(quadratic: Path, home: Path) -> None:
    with Endpoint(lambda _: Step("not JSON at all")) as endpoint:
        _campaign(home, quadratic, endpoint)
        assert "not sure" in send(home, "c", "well, whatever you think is best here", "ann")[0]
        assert send(home, "c", "5 more experiments", "ann")[0].startswith("The budget is")


def test_a_models_words_for_an_answer_may_invent_nothing(quadratic: Path, home: Path) -> None:
    said = iter(["Experiment 99 is the best.", "There is no best one yet; the baseline is being measured."])

    def answer(seen: Seen) -> Step:
        return Step(next(said))

    with Endpoint(answer) as endpoint:
        _campaign(home, quadratic, endpoint)
        replies = send(home, "c", "why is the best the best?", "ann")
        assert len(endpoint.requests) == 2, "the first answer names an experiment that is not there"
        assert "99" in endpoint.requests[1].prompt
    assert replies == ["There is no best one yet; the baseline is being measured."]


async def test_a_conversation_from_python(quadratic: Path, home: Path) -> None:
    register(Context(task=str(quadratic), campaign="c", home=home))
    register(Context(task=str(quadratic), campaign="d", home=home))
    graph = build_chat(checkpointer=InMemorySaver())

    async def say(text: str, thread: str, **context: Any) -> dict[str, Any]:
        return await graph.ainvoke(
            {"messages": [HumanMessage(text)]},
            {"configurable": {"thread_id": thread}},
            context=ChatContext(home=home, **context),
        )

    result = await say("focus on east", "1", campaign="c", who="ann")
    assert result["campaign"] == "c"
    assert [d.who for d in _directives(home)] == ["ann"]
    assert "say `switch to NAME`" in (await say("campaigns", "1", campaign="c"))["messages"][-1].text
    assert (await say("switch to d", "1", campaign="c"))["campaign"] == "d"
    assert (await say("how far?", "1", campaign="c"))["messages"][-1].text.startswith("d: ")
    assert "no campaign 'nothing'" in (await say("switch to nothing", "1", campaign="c"))["messages"][-1].text
    assert (await say("how far?", "1", campaign="c"))["campaign"] == "d"
    assert (await say("how far?", "2"))["campaign"] == "d", "the newest where none is named"


def test_replies_as_markdown() -> None:
    text = as_markdown(["Two lessons:", "  first    second", "done", "--- a/p.py\n+++ b/p.py\n-x = '```'\n+x = 1"])
    assert text.startswith("Two lessons:\n\n- first\n- second\ndone")
    assert "\n````diff\n--- a/p.py" in text, "a fence longer than those in the program"
    assert text.endswith("````")
    assert as_markdown(["one", "two"]) == "one  \ntwo"
    assert json.loads(json.dumps(text)) == text
