"""What instructions do to a campaign: kept with who and when, in one transaction, and never half."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import IntegrityError

from evolver.contracts import CampaignStatus
from evolver.contracts.steering_events import DirectiveGiven
from evolver.errors import UnknownName, UsageError
from evolver.memory import Archive
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directives import directive_type
from evolver.steering.grammar import read
from evolver.steering.intents import Instruction


def _say(archive: Archive, text: str, who: str = "ann", *, running: bool = True, key: str = "") -> CommandResult:
    reading = read(text)
    assert isinstance(reading, Instruction), reading
    return directive_type(reading.kind).carry_out(Command(archive, "c", who, running, reading, text, key))


def test_a_directive_keeps_who_when_and_the_words(blank: Archive) -> None:
    _say(blank, "Please focus on the layout!", "bob")
    (kept,) = blank.directives.list("c")
    assert (kept.kind, kept.who, kept.text, kept.status) == ("focus", "bob", "Please focus on the layout!", "in force")
    assert kept.arguments == {"topic": "the layout"}
    assert kept.when.tzinfo is not None
    assert [e.data.text for e in blank.events.list("c", kind=DirectiveGiven)] == ["Please focus on the layout!"]


def test_what_is_said_later_replaces_the_contrary(blank: Archive) -> None:
    _say(blank, "focus on annealing")
    _say(blank, "focus on the layout")
    assert "replaces" in _say(blank, "avoid annealing", "bob").replies[1]
    assert [(d.kind, d.arguments["topic"]) for d in blank.directives.in_force("c")] == [
        ("focus", "the layout"),
        ("avoid", "annealing"),
    ]
    withdrawn = blank.directives.list("c")[0]
    assert (withdrawn.status, "bob said later" in withdrawn.outcome) == ("withdrawn", True)


def test_the_budget_is_raised_by_everyone_who_says_so(blank: Archive) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: _say(blank, "2 more experiments", f"person {n}"), range(8)))
    assert blank.campaigns.get("c").budget.experiments == 26
    assert len({d.who for d in blank.directives.list("c")}) == 8


def test_what_cannot_be_is_refused_and_not_kept(blank: Archive) -> None:
    with pytest.raises(UsageError, match="no limit of dollars"):
        _say(blank, "$2 more")
    with pytest.raises(UsageError, match="1 to 256"):
        _say(blank, "use 999 workers")
    with pytest.raises(UsageError, match="no experiment waits"):
        _say(blank, "approve 3")
    with pytest.raises(UnknownName):
        _say(blank, "pin experiment 77")
    with pytest.raises(UnknownName, match="no champion"):
        _say(blank, "verify the best")
    assert not blank.directives.list("c")
    assert blank.campaigns.get("c").workers == 2


def test_pause_and_resume_change_the_campaign_itself(blank: Archive) -> None:
    _say(blank, "pause")
    assert blank.campaigns.get("c").status is CampaignStatus.PAUSED
    assert "paused already" in _say(blank, "pause").replies[0]
    assert _say(blank, "go on").replies == ["The campaign continues."]
    assert blank.campaigns.get("c").status is CampaignStatus.RUNNING
    assert _say(blank, "go on", running=False).process == ("resume", "c"), "a process is needed where none is"


def test_the_threshold_of_approval(blank: Archive) -> None:
    _say(blank, "ask me before experiments over 2 minutes")
    assert blank.campaigns.get("c").approve_above == 120.0
    _say(blank, "ask me before every experiment")
    assert blank.campaigns.get("c").approve_above == 0.0
    _say(blank, "stop asking")
    assert blank.campaigns.get("c").approve_above is None


def test_a_message_with_a_key_is_one_directive(blank: Archive) -> None:
    first, second = _say(blank, "4 more experiments", key="m1"), _say(blank, "focus on the layout", key="m2")
    assert first.directives[0].id != second.directives[0].id
    with pytest.raises(IntegrityError):
        _say(blank, "4 more experiments", key="m1")
    assert blank.campaigns.get("c").budget.experiments == 14, "once"
    assert len(blank.directives.list("c")) == 2


def test_withdrawing(blank: Archive) -> None:
    _say(blank, "avoid annealing")
    _say(blank, "focus on the layout")
    assert "Withdrawn" in _say(blank, "allow annealing again").replies[0]
    assert [d.kind for d in blank.directives.in_force("c")] == ["focus"]
    _say(blank, "withdraw 2")
    assert not blank.directives.in_force("c")
    with pytest.raises(UsageError):
        _say(blank, "withdraw 2")


def test_a_finished_experiment_can_be_pinned_and_verified(archive: Archive) -> None:
    champion = archive.experiments.champion("c")
    assert champion is not None
    assert f"experiment {champion.number}" in _say(archive, "pin the best").replies[0]
    assert archive.directives.list("c")[0].arguments == {"experiment": champion.number}
    carried = _say(archive, f"verify {champion.number}", running=False)
    assert carried.process == ("verify", "c", str(champion.number))
    with pytest.raises(UsageError, match="baseline has no changes"):
        _say(archive, "ablate 0")
