"""The page about the whole campaign: when a model writes it, who is told of it, and how a person changes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from evolver.agents.llm.reviewing_critic import ReviewingCritic
from evolver.agents.roles import Team
from evolver.contracts.lesson_events import CampaignReviewed
from evolver.steering.commands import Command
from evolver.steering.directives import directive_type
from evolver.steering.grammar import read
from evolver.steering.intents import Inquiry, Instruction
from evolver.steering.review_page import newest_review, review_lines
from tests.agents.llm.conftest import NAME, OBSERVATION, Lab, edit, idea
from tests.support.endpoint import Endpoint, Seen, Step, good

PAGE = {
    "state": "The distance fell. It was 123.456 before.",
    "open_questions": ["Does Y matter?"],
    "dead_ends": ["Going west, as experiment 1 showed."],
    "next_experiments": ["Set Y to 2.2.", "Set X to 3.71.", "Both at once."],
    "whole_program": True,
}


def script(seen: Seen) -> Step:
    """Moves X a little further with every experiment, and reviews when asked to."""
    system = str(seen.body["messages"][0]["content"])
    if "review the whole campaign" in system:
        return good(PAGE)
    if "You are the critic" in system:
        return good(OBSERVATION)
    number = sum("You are the coder" in str(s.body["messages"][0]["content"]) for s in requests)
    if "You are the researcher" in system:
        plan = f"Set X to {1.5 + number}."
        champion = int(re.findall(r"The champion is experiment (\d+)", seen.prompt)[-1])
        return good(idea(plan, champion, hypothesis=f"Attempt {number} tries the value {number * 7919 + 13}."))
    return good(edit(re.findall(r"^X = .*$", seen.prompt, re.MULTILINE)[0], f"X = {0.5 + number}"))


requests: list[Seen] = []


@pytest.fixture
async def reviewed(lab: Callable[..., Any]) -> Any:
    """A campaign of one experiment with a review after it, and the proposal of the next one."""
    requests.clear()

    def heard(seen: Seen) -> Step:
        requests.append(seen)
        return script(seen)

    with Endpoint(heard) as endpoint:
        here: Lab = await lab(endpoint)
        team, critic = here.team, here.team.critic
        assert isinstance(critic, ReviewingCritic)
        often = ReviewingCritic(critic._critic, here.resources, here.conversation, every=1)
        here.team = Team(team.researcher, team.coder, team.runner, often)
        await here.run()
        await team.researcher.propose(here.lease().id)
        yield here


def _say(here: Lab, text: str) -> str:
    reading = read(text)
    assert isinstance(reading, Instruction), reading
    command = Command(here.archive, NAME, "ann", False, reading, text)
    return "\n".join(directive_type(reading.kind).carry_out(command).replies)


async def test_a_page_is_written_told_and_changed_by_a_person(reviewed: Lab) -> None:
    here = reviewed
    (event,) = here.events(CampaignReviewed)
    page = event.data
    assert page.number == 1 and page.by == "openai:m" and page.dead_ends == tuple(PAGE["dead_ends"])  # type: ignore[arg-type]
    assert page.state == "The distance fell. It was 123.456 before. (not checked)"
    (asked,) = [seen for seen in requests if "review the whole campaign" in seen.prompt]
    assert "experiment 1 (from 0)" in asked.last and "1 experiment is done" in asked.last
    before, after = (seen.last for seen in here.asked("researcher"))
    assert "# Review of the campaign after experiment 1" in after and "- Does Y matter?" in after
    assert "The review asks for a whole program" in after and "# Review" not in before

    def told() -> str:
        return "\n".join(review_lines(newest_review(here.archive, NAME)))

    archive = here.archive
    assert "2. Does Y matter?" in await archive.run(told)
    assert "is changed" in await archive.run(_say, here, "change line 2 of the review to Y matters most")
    assert "is changed" in await archive.run(_say, here, "remove line 3 of the review")
    assert "is changed" in await archive.run(_say, here, "review: look at the far corner")
    said = await archive.run(told)
    assert "by ann" in said and "2. Y matters most" in said and "Going west" not in said
    assert said.endswith("6. look at the far corner")
    assert json.loads(here.events(CampaignReviewed)[-1].data.model_dump_json())["number"] == 1


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("review: the pool is the bottleneck", {"text": "the pool is the bottleneck"}),
        ("please add this to the review: use 4 % first", {"text": "use 4 % first"}),
        ("add the pool is small to the review", {"text": "the pool is small"}),
        ("replace line 3 of the review by try 4 %", {"line": 3, "text": "try 4 %"}),
        ("strike 2 from the review", {"line": 2}),
    ],
)
def test_people_write_on_the_page_in_plain_words(text: str, arguments: dict[str, object]) -> None:
    assert read(text) == Instruction(kind="review", arguments=arguments)


@pytest.mark.parametrize("text", ["review", "show me the review", "what does the review say?", "what's in the review?"])
def test_the_page_is_asked_for(text: str) -> None:
    assert read(text) == Inquiry(about="review")
