"""Lessons from every experiment, draws by what was learnt, and what a later campaign takes over."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver.agents.change_history import ChangeHistory
from evolver.agents.change_names import change_key
from evolver.agents.lesson_writer import LessonWriter
from evolver.agents.offline.draw_values import DrawValues
from evolver.contracts import LessonStatus, Operator
from evolver.contracts.lesson_events import ChangeMeasured, SameClaim
from evolver.errors import UnknownName
from evolver.evaluation.parent_luck import Step, luck_of_programs
from evolver.graph import Context, arun
from evolver.graph.resolved_run import open_archive, register
from evolver.graph.sessions import CampaignSession, Sessions


@pytest.fixture
async def session(quadratic: Path, home: Path) -> CampaignSession:
    context = Context(task=str(quadratic), campaign="c", experiments=40, workers=1, home=home, sandbox="none")
    register(context)
    return await Sessions().get(context, "c")


class Log:
    """A history of made-up experiments."""

    def __init__(self, session: CampaignSession) -> None:
        self.resources = session.resources
        self.history = ChangeHistory(session.resources)
        self.writer = LessonWriter(session.resources, self.history)

    def add(self, change: str, gain: float | None, error: float = 0.5, **said: object) -> str:
        archive = self.resources.archive
        seq = archive.campaigns.counts("c").leased
        experiment = archive.leases.acquire("c", 0, seq)
        assert experiment is not None
        data = {"change": change, "operator": "draft", "gain": gain, "error": error, **said}
        archive.events.add("c", ChangeMeasured.model_validate(data), experiment.id)
        self.history.look()
        return experiment.id


def test_one_change_has_one_name_whoever_made_it() -> None:
    assert change_key("anneal") == change_key("anneal()") == change_key("Anneal ")


async def test_the_same_change_by_three_operators_is_one_lesson(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(6):
        log.add(f"other {number}", -0.1 * number)
    made = [log.add("anneal", 3.0), log.add("anneal", 3.2, operator="rewrite")]
    made.append(log.add("anneal", -2.9, operator="ablate", removed=True))
    (lesson,) = log.writer.lessons_of("anneal", {})
    assert lesson.status is LessonStatus.SUPPORTED and lesson.evidence == tuple(made) and lesson.tried == 3
    assert 2.0 < lesson.effect < 3.2 and lesson.measured == pytest.approx(3.03, abs=0.02)
    assert "anneal helps" in lesson.claim and lesson.scope == session.resources.campaign.scope != ""


async def test_a_null_and_a_failure_are_lessons_too(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(8):
        log.add(f"other {number}", (-1.5) ** (number % 3))
    for gain in (0.1, -0.2, 0.05, 0.15, -0.1, 0.0, -0.05, 0.1, -0.1):
        log.add("momentum", gain)
    (null,) = log.writer.lessons_of("momentum", {})
    assert null.status is LessonStatus.NULL and "changes nothing" in null.claim
    log.add("wide layers", None, cause="timeout: full")
    log.add("wide layers", None, cause="timeout: full")
    (failure,) = log.writer.lessons_of("wide layers", {})
    assert failure.failed == failure.tried == 2 and failure.status is LessonStatus.SUPPORTED
    assert "2 of 2 experiments (timeout: full). To avoid it: leave time to spare" in failure.claim


async def test_what_made_a_champion_is_never_retired(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(6):
        log.add("poor", -3.0 - 0.1 * number)
        log.add("crowned", -3.0 - 0.1 * number, champion=number == 0)
    assert log.writer.lessons_of("poor", {})[0].status is LessonStatus.RETIRED
    assert log.writer.lessons_of("crowned", {})[0].status is LessonStatus.SUPPORTED


async def test_contexts_are_told_apart_where_the_data_do(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(6):
        log.add(f"other {number}", 0.3 * (number - 3))
        log.add("restart", 3.0 + 0.1 * number, 0.2, context=("anneal",))
        log.add("restart", -3.0 - 0.1 * number, 0.2)
    inside, outside = log.writer.lessons_of("restart", {})
    assert (inside.context, outside.context) == ("with anneal", "without anneal")
    assert inside.effect > 2.5 and outside.effect < -2.5
    whole = inside.model_copy(update={"id": "before", "context": ""})
    assert log.writer.lessons_of("restart", {"before": whole})[-1].status is LessonStatus.RETIRED


async def test_a_process_that_reads_the_log_later_knows_the_same(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(30):
        log.add(f"change {number % 7}", 0.4 * (number % 5) - 1.0, reference=f"c-0-{max(0, number - 3)}")
    log.resources.archive.events.add("c", SameClaim(change="change 1"), "c-0-2")
    log.history.look()
    later = ChangeHistory(session.resources)
    later.look()
    for number in range(7):
        one, other = log.history.posterior(f"change {number}"), later.posterior(f"change {number}")
        assert (one.mean, one.interval()) == (other.mean, other.interval())
    assert len(later.observations("change 1")) == 6


async def test_draws_prefer_what_helped_and_leave_what_harmed(session: CampaignSession) -> None:
    log = Log(session)
    for number in range(4):
        log.add("good", 2.0, 0.3)
        log.add("bad", -2.0, 0.3, operator="edit")
        log.add(f"other {number}", 0.1 * number, 0.3, operator="edit")
    wins = {"good": 0, "bad": 0, "new": 0}
    operators = {"draft": 0, "edit": 0}
    for turn in range(200):
        values = DrawValues(log.history, f"0/{turn}")
        wins[max(wins, key=values.technique)] += 1
        operators[max(operators, key=values.operator)] += 1
    assert wins["good"] > 120 and wins["bad"] < 5 and wins["new"] > 5
    assert operators["draft"] > 120
    blank = [DrawValues(log.history, f"0/{turn}", informed=False) for turn in range(200)]
    blind = [max(("good", "bad", "new"), key=values.technique) for values in blank]
    assert all(40 < blind.count(name) < 95 for name in wins)


def test_the_luck_of_a_parent_shows_in_its_children() -> None:
    steps = {"p": Step("baseline", 2.0, 1.0), **{f"c{n}": Step("p", -1.0, 1.0) for n in range(8)}}
    effects = dict.fromkeys(steps, (0.0, 0.1))
    luck = luck_of_programs(steps, effects)
    assert 0.6 < luck["p"].mean < 1.2 and luck["p"].variance < 0.2
    exact = luck_of_programs({"p": Step("baseline", 2.0, 0.0)}, {"p": (0.0, 0.1)})
    assert exact["p"].mean == 0.0


def test_what_is_measured_from_one_level_shares_its_error() -> None:
    steps = {f"c{n}": Step("level of a", -0.5, 0.6, 0.5) for n in range(12)}
    luck = luck_of_programs(steps, dict.fromkeys(steps, (0.0, 0.1)))
    assert 0.35 < luck["level of a"].mean < 0.5 and luck["level of a"].variance < 0.1
    assert steps["c0"].own_variance == pytest.approx(0.11)
    apart = luck_of_programs({"c": Step("", -0.5, 0.6)}, {"c": (0.0, 0.1)})
    assert set(apart) == {"c"}


async def test_a_campaign_begins_with_an_earlier_one(quadratic: Path, home: Path) -> None:
    await arun(Context(task=str(quadratic), campaign="first", experiments=12, workers=1, home=home))
    context = Context(
        task=str(quadratic), campaign="second", experiments=4, workers=1, home=home, from_campaign="first"
    )
    await arun(context)
    with open_archive(home) as archive:
        champion, made = archive.experiments.champion("first"), archive.experiments.list("second")[1:]
    assert champion is not None
    recalled = [e for e in made if e.proposal and e.proposal.operator == Operator.RECALL]
    assert 1 <= len(recalled) <= 3 and recalled[0].program == champion.program
    proposal = recalled[0].proposal
    assert proposal is not None and proposal.recipe["campaign"] == "first"
    assert f"experiment {champion.number} of campaign first" in proposal.plan
    with pytest.raises(UnknownName, match="nowhere"):
        register(context.model_copy(update={"campaign": "third", "from_campaign": "nowhere"}))


async def test_memory_that_is_off_changes_nothing(quadratic: Path, home: Path) -> None:
    await arun(Context(task=str(quadratic), campaign="first", experiments=12, workers=1, home=home))
    for name in ("a", "b"):
        said = {"memory": "off"} if name == "a" else {"memory": "off", "recall": False}
        await arun(Context(task=str(quadratic), campaign=name, experiments=10, workers=1, home=home, seed=4, **said))
    with open_archive(home) as archive:
        plans = [[e.proposal.plan for e in archive.experiments.list(n) if e.proposal] for n in ("a", "b")]
        proposals = [e.proposal for e in archive.experiments.list("a") if e.proposal]
    assert plans[0] == plans[1]
    assert not any(proposal.lessons or proposal.memory for proposal in proposals)
