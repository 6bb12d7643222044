"""What follows from a verdict: standing, pool, champion, credits, lessons and counts, all or nothing."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from evolver.contracts import Campaign, Experiment, Lesson, LessonStatus, Program, Standing, Verdict, VerdictKind
from evolver.contracts.lesson_events import LessonLearned
from evolver.errors import UnknownName
from evolver.memory import Archive, Conclusion, Credit
from evolver.memory.elite_pool import POOL_SIZE

IMPROVED = Verdict(
    kind=VerdictKind.IMPROVED, delta=0.5, interval=(0.1, 0.9), seeds=(0, 1, 2), reference="c-baseline", reason="better"
)


def _conclusion(experiment: str, **fields: Any) -> Conclusion:
    return Conclusion(
        **{
            "experiment": experiment,
            "verdict": IMPROVED,
            "standing": Standing.CONFIRMED,
            "score": 2.0,
            "interval": (1.5, 2.5),
            **fields,
        }
    )


def test_everything_that_follows_is_recorded(
    archive: Archive, make_campaign: Callable[..., Campaign], make_lesson: Callable[..., Lesson]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    lesson = make_lesson()
    assert archive.experiments.conclude(
        _conclusion("c-0-0", lessons=(lesson,), credits={"operator:tune": 1.0, "technique:anneal": 0.3}, champion=True)
    )
    experiment = archive.experiments.get("c-0-0")
    assert experiment.verdict == IMPROVED
    assert (experiment.standing, experiment.score, experiment.interval) == (Standing.CONFIRMED, 2.0, (1.5, 2.5))
    assert experiment.finished is not None
    assert experiment.finished >= experiment.created
    assert archive.experiments.champion("c") == experiment
    assert archive.campaigns.get("c").champion == "c-0-0"
    assert archive.lessons.get("l1") == lesson
    assert archive.search.credits("c") == {
        "operator:tune": Credit(pulls=1, total=1.0, squares=1.0),
        "technique:anneal": Credit(pulls=1, total=0.3, squares=0.3**2),
    }
    assert archive.experiments.pool("c") == [experiment]
    assert [e.data.claim for e in archive.events.list("c", kind=LessonLearned)] == [lesson.claim]


def test_concluding_again_changes_nothing(
    archive: Archive, make_campaign: Callable[..., Campaign], make_lesson: Callable[..., Lesson]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    archive.experiments.conclude(_conclusion("c-0-0", credits={"a": 1.0}))
    before = (
        archive.experiments.get("c-0-0"),
        archive.campaigns.counts("c"),
        archive.search.credits("c"),
        archive.events.list("c"),
    )
    again = _conclusion("c-0-0", score=9.0, credits={"a": 1.0}, champion=True, lessons=(make_lesson(),))
    assert archive.experiments.conclude(again) is False
    assert (
        archive.experiments.get("c-0-0"),
        archive.campaigns.counts("c"),
        archive.search.credits("c"),
        archive.events.list("c"),
    ) == before
    assert archive.experiments.champion("c") is None
    assert archive.lessons.list() == []


def test_a_conclusion_that_fails_half_way_leaves_no_trace(
    archive: Archive, make_campaign: Callable[..., Campaign], make_lesson: Callable[..., Lesson]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    homeless = make_lesson(campaign="no such campaign")
    with pytest.raises(IntegrityError):
        archive.experiments.conclude(
            _conclusion("c-0-0", lessons=(make_lesson("l0"), homeless), credits={"a": 1.0}, champion=True)
        )
    assert archive.experiments.get("c-0-0").verdict is None
    assert archive.experiments.champion("c") is None
    assert archive.search.credits("c") == {}
    assert archive.lessons.list() == []
    assert archive.campaigns.counts("c").finished == 0
    assert archive.experiments.conclude(_conclusion("c-0-0"))


def test_an_unknown_experiment_cannot_be_concluded(archive: Archive) -> None:
    with pytest.raises(UnknownName, match="c-7-7"):
        archive.experiments.conclude(_conclusion("c-7-7"))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_score_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        _conclusion("c-0-0", score=value)


def test_an_infinite_interval_comes_back_as_it_was(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    verdict = Verdict(kind=VerdictKind.INDECISIVE, delta=0.1, interval=(-math.inf, math.inf))
    archive.experiments.conclude(_conclusion("c-0-0", verdict=verdict, interval=(-math.inf, math.inf)))
    experiment = archive.experiments.get("c-0-0")
    assert experiment.verdict == verdict
    assert experiment.interval == (-math.inf, math.inf)


def test_credits_add_up_over_conclusions(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    for seq, reward in enumerate((1.0, 0.0, 0.3)):
        finish(archive, seq, credits={"a": reward})
    credit = archive.search.credits("c")["a"]
    assert credit.pulls == 3
    assert credit.total == pytest.approx(1.3)


def test_counts_are_what_counting_gives(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    finish(archive, 0, lane=-1, standing=Standing.CONFIRMED, champion=True)
    finish(archive, 0)
    finish(archive, 1, score=None, standing=Standing.UNUSABLE)
    archive.leases.acquire("c", 0, 2)
    counts = archive.campaigns.counts("c")
    assert (counts.leased, counts.finished) == (3, 2), "the baseline is no part of the budget"
    assert counts.standings == {"promising": 1, "unusable": 1}
    assert counts.trials == {"ok": 2, "failed": 1}
    assert counts.seconds == pytest.approx(6.0)
    assert counts.cpu_seconds == pytest.approx(4.5)


def _expected_pool(experiments: Sequence[Experiment], sign: float) -> list[str]:
    """The definition: best first, at most two of a skeleton, at most forty."""
    chosen: list[Experiment] = []
    usable = [e for e in experiments if e.standing in (Standing.PROMISING, Standing.CONFIRMED) and e.score is not None]
    for experiment in sorted(usable, key=lambda e: (-sign * (e.score or 0.0), e.number)):
        if sum(1 for e in chosen if e.skeleton == experiment.skeleton) < 2:
            chosen.append(experiment)
    return [e.id for e in chosen[:40]]


@pytest.mark.parametrize(("direction", "sign"), [("maximize", 1.0), ("minimize", -1.0)])
def test_the_pool_keeps_to_its_definition(
    archive: Archive,
    make_campaign: Callable[..., Campaign],
    finish: Callable[..., Experiment],
    direction: str,
    sign: float,
) -> None:
    archive.campaigns.add(make_campaign(direction=direction))
    rng = random.Random(1)
    for seq in range(150):
        failed = rng.random() < 0.2
        score = None if failed else float(rng.randrange(10_000))
        standing = Standing.UNUSABLE if failed else rng.choice([Standing.PROMISING, Standing.CONFIRMED])
        finish(archive, seq, score=score, standing=standing, skeleton=f"s{rng.randrange(45)}")
        if seq in (5, 60, 149):
            assert [e.id for e in archive.experiments.pool("c")] == _expected_pool(archive.experiments.list("c"), sign)
    assert len(archive.experiments.pool("c")) == 40


def test_pools_of_campaigns_are_separate(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign("c"))
    archive.campaigns.add(make_campaign("d"))
    mine = finish(archive, 0, campaign="c", skeleton="s")
    finish(archive, 0, campaign="d", skeleton="s", score=5.0)
    assert [e.id for e in archive.experiments.pool("c")] == [mine.id]


def test_a_lesson_again_replaces_itself(
    archive: Archive,
    make_campaign: Callable[..., Campaign],
    make_lesson: Callable[..., Lesson],
    finish: Callable[..., Experiment],
) -> None:
    archive.campaigns.add(make_campaign())
    finish(archive, 0, lessons=(make_lesson(),))
    renewed = make_lesson(status=LessonStatus.SUPPORTED, evidence=("c-0-0", "c-0-1"), effect=0.7)
    finish(archive, 1, lessons=(renewed,))
    assert archive.lessons.list(campaign="c") == [renewed]


def test_each_niche_keeps_its_best_and_each_pool_has_room_of_its_own(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    for seq, (niche, score) in enumerate(
        [("island 0/a", 1.0), ("island 0/a", 3.0), ("island 0/b", 2.0), ("island 1/a", 0.5), (None, 0.1)]
    ):
        archive.leases.acquire("c", 0, seq)
        archive.experiments.conclude(_conclusion(f"c-0-{seq}", niche=niche, score=score))
    assert [e.id for e in archive.experiments.pool("c")] == ["c-0-1", "c-0-2", "c-0-3", "c-0-4"]
    for seq in range(5, 5 + POOL_SIZE + 3):
        archive.leases.acquire("c", 0, seq)
        archive.experiments.conclude(_conclusion(f"c-0-{seq}", niche=f"island 0/s{seq}", score=10.0 + seq))
    pool = {e.id for e in archive.experiments.pool("c")}
    assert len(pool) == POOL_SIZE + 2 and {"c-0-3", "c-0-4"} <= pool, "island 0 crowds out nobody else"


def test_a_shorter_program_takes_the_place_of_the_one_that_does_the_same(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    for seq in range(2):
        archive.leases.acquire("c", 0, seq)
        archive.experiments.add_program(f"c-0-{seq}", Program(files={"a.py": f"x = {seq}\n"}), f"s{seq}")
    archive.experiments.conclude(_conclusion("c-0-0", champion=True, niche="island 1/s0"))
    archive.experiments.conclude(_conclusion("c-0-1", standing=Standing.PROMISING, replaces="c-0-0"))
    [shorter] = archive.experiments.pool("c")
    assert (shorter.id, shorter.skeleton) == ("c-0-1", "s0")
    assert archive.campaigns.get("c").champion == "c-0-0"
