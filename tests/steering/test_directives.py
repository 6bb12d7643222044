"""Directives are classes: what is true of each, and one more that another package brings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver import registry
from evolver.cli.directive_table import directives_json
from evolver.contracts import Directive
from evolver.graph import Context, arun
from evolver.graph.message_handler import send
from evolver.graph.resolved_run import open_archive, register
from evolver.memory import Archive
from evolver.steering.directive_type import DirectiveType
from evolver.steering.directives import commands, directive_types, find_type, measured_effect
from evolver.steering.grammar import read
from evolver.steering.help_text import directive_table, help_lines
from evolver.steering.intents import Inquiry, Instruction, JoinCampaign, StartCampaign, Unclear
from evolver.steering.llm_parser import kinds_told, reading_of, understood_model
from evolver.steering.phrase import CommandPhrase
from evolver.steering.question_type import QuestionType
from evolver.steering.questions import questions
from tests.support.endpoint import Endpoint, good

PREFER = Path(__file__).with_name("prefer.py")


@pytest.mark.parametrize("command", commands(), ids=lambda command: str(command.kind))
def test_the_examples_of_a_command_are_understood_as_it(command: CommandPhrase) -> None:
    assert command.examples and command.does
    for example in command.examples:
        reading = read(example)
        if isinstance(command, DirectiveType):
            assert isinstance(reading, Instruction) and reading.kind == command.kind
            command.arguments.model_validate(reading.arguments)
        else:
            assert isinstance(reading, {"start": StartCampaign, "switch": JoinCampaign}[command.kind])


@pytest.mark.parametrize("question", questions(), ids=lambda question: str(question.kind))
def test_the_examples_of_a_question_are_understood_as_it(question: QuestionType) -> None:
    for example in question.examples:
        reading = read(example)
        assert isinstance(reading, Inquiry) and reading.about == question.kind


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The class in prefer.py, and a broken one, as the entry points of an installed package."""
    site = tmp_path / "site-packages"
    about = site / "prefer-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(PREFER, site / "prefer_package.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: prefer\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[evolver.directives]\nprefer = prefer_package:PreferDirective\nbroken = prefer_package:Nothing\n"
        "stop = prefer_package:PreferDirective\n"
    )
    monkeypatch.syspath_prepend(site)
    _forget()
    yield
    _forget()


def _forget() -> None:
    """Have installed packages looked up again."""
    registry._installed.cache_clear()
    commands.cache_clear()


@pytest.mark.usefixtures("installed")
def test_a_directive_of_another_package_is_understood_offered_and_shown() -> None:
    said = read("Please prefer rotate over east!")
    assert said == Instruction(kind="prefer", arguments={"topic": "rotate", "reason": "east"})
    misspelt = read("preffer rotate over east")
    assert isinstance(misspelt, Instruction) and misspelt.kind == "prefer" and "preffer" in misspelt.corrected
    assert any("prefer rotate over east" in line for line in help_lines())
    assert "| prefer | `prefer rotate over east` |" in directive_table()
    assert "prefer (one thing over another): topic is what is preferred, reason what it is preferred to" in kinds_told()
    unclear = read("he prefers the east")
    assert isinstance(unclear, Unclear) and "about preferences" in unclear.understood
    assert unclear.examples == ("prefer rotate over east",)
    form = understood_model()
    assert "prefer" in form.model_json_schema()["properties"]["kind"]["enum"]
    answer = {"kind": "prefer", "topic": "rotate", "reason": "east", "clear": True}
    assert reading_of(form.model_validate(answer)) == said
    assert read("forget the preference on rotate") == Instruction(
        kind="withdraw", arguments={"kind": "prefer", "topic": "rotate"}
    )
    assert read("stop") == Instruction(kind="stop"), "a package breaks and replaces nothing else"


@pytest.mark.usefixtures("installed")
async def test_a_directive_of_another_package_is_carried_out_and_measured(
    quadratic: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL"):
        monkeypatch.delenv(name, raising=False)
    with Endpoint(lambda _: good({"kind": "prefer", "topic": "shift", "reason": "east", "clear": True})) as endpoint:
        given = Context(task=str(quadratic), campaign="asked", home=home, models=("openai:m",), base_url=endpoint.url)
        register(given)
        assert "More of shift, nothing of east" in " ".join(
            send(home, "asked", "rather the shift than the east", "ann")
        )
        assert "prefer (one thing over another)" in endpoint.requests[0].prompt
    register(Context(task=str(quadratic), campaign="c", home=home))
    assert send(home, "c", "prefer shift over east", "ann") == [
        "More of shift, nothing of east, when the campaign continues."
    ]
    await arun(Context(task=str(quadratic), campaign="c", experiments=12, workers=1, home=home))
    with open_archive(home) as archive:
        (directive,) = archive.directives.list("c")
        assert (directive.kind, directive.status, directive.uses) == ("prefer", "in force", 12)
        assert [event.kind for event in archive.events.list("c")].count("preferred") == 1, "it was taken in once"
        proposals = [e.proposal for e in archive.experiments.list("c", after=0) if e.proposal]
        assert any(p.component == "shift" for p in proposals)
        assert not any(re.search(r"\beast\b", p.component) for p in proposals)
        effect = measured_effect(archive, directive)
        assert effect is not None and effect.under.experiments == 12
        assert directives_json(archive, "c")[0]["effect"]["says"] == "too few to tell"
    assert "Withdrawn: 1" in send(home, "c", "forget the preference on shift", "ann")[0]


def test_a_directive_whose_package_is_gone_is_still_listed(blank: Archive) -> None:
    blank.directives.add(Directive(id="d", campaign="c", kind="prefer", text="prefer a over b", who="ann"))
    assert find_type("prefer") is None
    assert directives_json(blank, "c")[0]["effect"] is None
    assert measured_effect(blank, blank.directives.list("c")[0]) is None


def test_kinds_keep_their_order_for_models() -> None:
    kinds = [known.kind for known in directive_types()]
    assert understood_model().model_json_schema()["properties"]["kind"]["enum"] == [*kinds, "question", "unclear"]
    assert kinds[:4] == ["focus", "avoid", "pin", "note"]
    assert [q.kind for q in questions()][-2:] == ["anything", "help"]
