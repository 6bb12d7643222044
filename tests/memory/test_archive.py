"""The archive's campaigns, leases, proposals, programs and trials."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert

from evolver.contracts import (
    Budget,
    Campaign,
    CampaignStatus,
    EventKind,
    Experiment,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    now,
)
from evolver.contracts.campaign_events import StatusChanged
from evolver.contracts.champion_events import ChampionCrowned, Compared, Retested
from evolver.contracts.event_data import UnknownData
from evolver.contracts.experiment_events import Leased, Proposed
from evolver.errors import UnknownName, UsageError
from evolver.memory import Archive
from evolver.memory.schema import EventRow

TUNE = Proposal(hypothesis="smaller steps help", plan="halve the step", operator=Operator.TUNE, recipe={"sigma": 0.5})


def _trial(
    experiment: str, program: str = "p", status: TrialStatus = TrialStatus.OK, seed: int = 0, **fields: Any
) -> Trial:
    metrics = {"area": 1.0} if status is TrialStatus.OK else {}
    return Trial(
        experiment=experiment, program=program, stage="full", seed=seed, status=status, metrics=metrics, **fields
    )


def test_a_campaign_comes_back_as_it_was_put_in(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    campaign = make_campaign(
        notes=("/notes",), noise=0.25, noise_replicates=5, budget=Budget(experiments=7, seconds=60.0)
    )
    archive.campaigns.add(campaign)
    assert archive.campaigns.get("c") == campaign
    assert archive.campaigns.list() == [campaign]


def test_a_taken_name_is_refused_and_the_campaign_is_kept(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign(seed=1))
    with pytest.raises(UsageError, match="exists"):
        archive.campaigns.add(make_campaign(seed=2))
    assert archive.campaigns.get("c").seed == 1


def test_an_unknown_campaign_is_answered_with_near_names(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign("circle-packing-1"))
    with pytest.raises(UnknownName, match="circle-packing-1"):
        archive.campaigns.get("circle-pakcing-1")
    with pytest.raises(UnknownName, match="evolver list"):
        archive.campaigns.get("zebra")
    for ask in (archive.campaigns.counts, archive.experiments.pool, lambda name: archive.leases.acquire(name, 0, 0)):
        with pytest.raises(UnknownName, match="zebra"):
            ask("zebra")


def test_free_names_count_up_and_skip_what_is_taken(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    assert archive.campaigns.free_name("circle-packing") == "circle-packing-1"
    archive.campaigns.add(make_campaign("circle-packing-1"))
    archive.campaigns.add(make_campaign("circle-packing-3"))
    assert archive.campaigns.free_name("circle-packing") == "circle-packing-2"


def test_updates_are_validated_and_a_new_status_is_an_event(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    changed = archive.campaigns.update("c", status=CampaignStatus.PAUSED, seconds=12.5)
    assert (changed.status, changed.seconds) == (CampaignStatus.PAUSED, 12.5)
    assert archive.campaigns.get("c") == changed
    archive.campaigns.update("c", seconds=13.0)
    assert len(archive.events.list("c", kind=StatusChanged)) == 1
    with pytest.raises(ValueError, match="speed"):
        archive.campaigns.update("c", speed=3)
    with pytest.raises(UnknownName):
        archive.campaigns.update("other", seconds=1.0)


def test_leases_are_numbered_in_order_and_the_baseline_is_free(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign(experiments=3))
    leased = [archive.leases.acquire("c", lane, seq) for lane, seq in ((-1, 0), (0, 0), (1, 0), (0, 1), (1, 1))]
    assert [(e.id, e.number) if e else None for e in leased] == [
        ("c-baseline", 0),
        ("c-0-0", 1),
        ("c-1-0", 2),
        ("c-0-1", 3),
        None,
    ]
    assert archive.campaigns.counts("c").leased == 3


def test_leasing_again_returns_the_same_experiment_even_when_nothing_is_left(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign(experiments=1))
    first = archive.leases.acquire("c", 0, 0)
    assert archive.leases.acquire("c", 0, 0) == first
    archive.campaigns.update("c", status=CampaignStatus.PAUSED)
    assert archive.leases.acquire("c", 0, 0) == first
    assert archive.campaigns.counts("c").leased == 1
    assert len(archive.events.list("c", kind=Leased)) == 1


def test_a_campaign_that_does_not_run_leases_nothing(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    archive.campaigns.update("c", status=CampaignStatus.PAUSED)
    assert archive.leases.acquire("c", 0, 0) is None
    archive.campaigns.update("c", status=CampaignStatus.RUNNING)
    assert archive.leases.acquire("c", 0, 0) is not None


def test_a_raised_budget_leases_on(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign(experiments=1))
    assert archive.leases.acquire("c", 0, 0) is not None
    assert archive.leases.acquire("c", 0, 1) is None
    archive.campaigns.update("c", budget=Budget(experiments=2))
    second = archive.leases.acquire("c", 0, 1)
    assert second is not None
    assert second.number == 2


def test_campaigns_whose_names_look_alike_do_not_share_experiments(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign("c"))
    archive.campaigns.add(make_campaign("c-1"))
    first, second = archive.leases.acquire("c", 1, 0), archive.leases.acquire("c-1", 0, 0)
    assert first is not None
    assert second is not None
    assert (first.campaign, second.campaign) == ("c", "c-1")
    assert (first.number, second.number) == (1, 1)


def test_threads_get_distinct_numbers_and_keep_the_budget(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    budget, threads = 60, 4
    archive.campaigns.add(make_campaign(experiments=budget))
    got: list[int] = []
    start = threading.Barrier(threads)

    def lease(lane: int) -> None:
        start.wait()
        for seq in range(budget):
            experiment = archive.leases.acquire("c", lane, seq)
            if experiment is None:
                return
            got.append(experiment.number)

    workers = [threading.Thread(target=lease, args=(lane,)) for lane in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(got) == list(range(1, budget + 1))
    assert [e.number for e in archive.experiments.list("c")] == list(range(1, budget + 1))


def test_threads_that_race_for_one_place_share_one_experiment(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    ids: list[str] = []

    def lease() -> None:
        experiment = archive.leases.acquire("c", 0, 0)
        assert experiment is not None
        ids.append(experiment.id)

    workers = [threading.Thread(target=lease) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert ids == ["c-0-0"] * 6
    assert archive.campaigns.counts("c").leased == 1


def test_lanes_go_on_where_they_were(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", -1, 0)
    finish(archive, 0, lane=0)
    finish(archive, 1, lane=0)
    finish(archive, 0, lane=2)
    archive.leases.acquire("c", 2, 1)
    positions = archive.leases.positions("c")
    assert positions[0] == 2
    assert positions[2] == 1
    assert 1 not in positions
    assert "c-2-1" in [e.id for e in archive.leases.unfinished("c")]
    assert not {"c-0-0", "c-0-1", "c-2-0"} & {e.id for e in archive.leases.unfinished("c")}


def test_experiments_are_found_by_id_number_and_page(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", -1, 0)
    for seq in range(5):
        archive.leases.acquire("c", 0, seq)
    assert archive.experiments.by_number("c", 3).id == archive.experiments.get("c-0-2").id == "c-0-2"
    assert [e.number for e in archive.experiments.list("c")] == [0, 1, 2, 3, 4, 5]
    assert [e.number for e in archive.experiments.list("c", after=1, limit=2)] == [2, 3]
    with pytest.raises(UnknownName, match="99"):
        archive.experiments.by_number("c", 99)
    with pytest.raises(UnknownName, match="c-9-9"):
        archive.experiments.get("c-9-9")


def test_the_first_proposal_stays_and_visits_its_first_parent_once(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    finish(archive, 0)
    finish(archive, 1)
    archive.leases.acquire("c", 0, 2)
    proposal = TUNE.model_copy(update={"parents": ("c-0-0", "c-0-1")})
    for attempt in (proposal, TUNE.model_copy(update={"parents": ("c-0-1",)})):
        recorded = archive.experiments.add_proposal(
            "c-0-2", attempt, [("s", "anneal"), ("s", "anneal"), ("s", "restart")]
        )
        assert recorded.proposal == proposal
    assert archive.experiments.get("c-0-2").proposal == proposal
    assert [archive.experiments.get(key).visits for key in ("c-0-0", "c-0-1")] == [1, 0]
    assert archive.search.covered("c", "s") == {"anneal", "restart"}
    assert archive.search.covered("c", "other") == set()
    assert len([e for e in archive.events.list("c", kind=Proposed) if e.experiment == "c-0-2"]) == 1


def test_programs_are_kept_once_by_content_and_the_first_one_stays(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    archive.leases.acquire("c", 0, 1)
    program = Program(files={"a.py": "X = 1\n", "lib/b.py": "Y = 'é'\n"})
    recorded = archive.experiments.add_program("c-0-0", program, "skeleton")
    assert (recorded.program, recorded.skeleton) == (program.id, "skeleton")
    assert archive.experiments.add_program("c-0-0", Program(files={"a.py": "X = 2\n"}), "other").program == program.id
    archive.experiments.add_program("c-0-1", program, "skeleton")
    assert archive.programs.get(program.id) == program
    assert [e.id for e in archive.experiments.with_program("c", program.id)] == ["c-0-0", "c-0-1"]
    assert archive.experiments.with_program("other", program.id) == []
    with pytest.raises(UnknownName, match="feed"):
        archive.programs.get("feed")


def test_a_trial_again_replaces_itself_and_is_counted_once(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    archive.trials.add(_trial("c-0-0", status=TrialStatus.TIMEOUT, seconds=30.0, cpu_seconds=20.0), "v1")
    archive.trials.add(_trial("c-0-0", seed=1, seconds=4.0, cpu_seconds=3.0), "v1")
    again = _trial("c-0-0", seconds=2.0, cpu_seconds=1.0)
    for _ in range(2):
        archive.trials.add(again, "v1")
    assert {t.seed: t for t in archive.trials.list("c-0-0")}[0] == again
    counts = archive.campaigns.counts("c")
    assert counts.trials == {"ok": 2}
    assert counts.seconds == pytest.approx(6.0)
    assert counts.cpu_seconds == pytest.approx(4.0)


def test_a_log_with_odd_characters_is_kept(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    trial = _trial("c-0-0", status=TrialStatus.FAILED, log_tail="nul \x00, bell \x07, ünï, 🎲", reason="bad \x00 byte")
    archive.trials.add(trial, "v1")
    assert archive.trials.list("c-0-0")[0].log_tail.startswith("nul ")


@pytest.mark.parametrize("status", list(TrialStatus))
def test_only_what_says_something_of_the_program_is_remembered(
    archive: Archive, make_campaign: Callable[..., Campaign], status: TrialStatus
) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    trial = _trial("c-0-0", status=status)
    archive.trials.add(trial, "v1")
    known = archive.trials.finished("p", "v1", "full", 0)
    of_others = (TrialStatus.CANCELLED, TrialStatus.TAMPERED, TrialStatus.MACHINE_TROUBLE, TrialStatus.PRUNED)
    assert known == (None if status in of_others else trial)
    for other in (("q", "v1", "full", 0), ("p", "v2", "full", 0), ("p", "v1", "smoke", 0), ("p", "v1", "full", 1)):
        assert archive.trials.finished(*other) is None


def test_a_tampered_trial_does_not_hide_a_clean_one(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    archive.leases.acquire("c", 0, 0)
    archive.leases.acquire("c", 0, 1)
    archive.trials.add(_trial("c-0-0", status=TrialStatus.TAMPERED), "v1")
    archive.trials.add(_trial("c-0-1"), "v1")
    known = archive.trials.finished("p", "v1", "full", 0)
    assert known is not None
    assert known.experiment == "c-0-1"


def test_a_trial_of_an_unknown_experiment_is_refused(archive: Archive, make_campaign: Callable[..., Campaign]) -> None:
    archive.campaigns.add(make_campaign())
    with pytest.raises(UnknownName, match="nobody"):
        archive.trials.add(_trial("nobody"), "v1")


def test_recent_failures_come_newest_first_and_only_with_a_program(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    for seq in range(6):
        finish(
            archive, seq, score=None if seq % 2 else 1.0, standing=Standing.UNUSABLE if seq % 2 else Standing.PROMISING
        )
    assert [e.number for e in archive.experiments.failures("c", limit=2)] == [6, 4]


def test_the_log_is_in_order_and_can_be_asked_by_kind_and_by_age(
    archive: Archive, make_campaign: Callable[..., Campaign], finish: Callable[..., Experiment]
) -> None:
    archive.campaigns.add(make_campaign())
    archive.campaigns.add(make_campaign("d"))
    finish(archive, 0, champion=True)
    archive.events.add("d", Compared(name="grid", score=2.0, cpu_seconds=1.0))
    retested = Retested(mean=1.5, baseline=1.0, delta=0.5, interval=(0.25, 0.75))
    archive.events.add("c", retested, "c-0-0")
    events = archive.events.list("c")
    assert [e.id for e in events] == sorted({e.id for e in events})
    kinds = Counter(e.kind for e in events)
    assert all(kinds[kind] == 1 for kind in ("leased", "proposed", "trial", "concluded", "champion", "retested")), kinds
    assert "compared" not in kinds
    last = archive.events.list("c", newest=1)
    assert [e.kind for e in last] == ["retested"]
    assert last[0].data == retested
    assert last[0].experiment == "c-0-0"
    assert archive.events.list("c", after=events[1].id, limit=2) == events[2:4]
    assert archive.events.list("c", after=last[0].id) == []
    assert [e.experiment for e in archive.events.list("c", kind=ChampionCrowned)] == ["c-0-0"]


def test_events_of_another_version_are_read_and_never_written(
    archive: Archive, make_campaign: Callable[..., Campaign]
) -> None:
    archive.campaigns.add(make_campaign())
    place = {"campaign": "c", "happened": now(), "experiment": None}
    with archive._database.write() as connection:
        connection.execute(insert(EventRow), {**place, "kind": "teleported", "data": {"where": "Mars"}})
        connection.execute(insert(EventRow), {**place, "kind": EventKind.LEASED, "data": {"number": 3, "mood": "good"}})
        connection.execute(insert(EventRow), {**place, "kind": EventKind.LEASED, "data": {"number": "many"}})
    _, unknown, leased, odd = archive.events.list("c")
    assert unknown.kind == "teleported" and unknown.data.model_dump() == {"where": "Mars"}
    assert leased.data == Leased(number=3)
    assert isinstance(odd.data, UnknownData)
    assert [event.data.number for event in archive.events.list("c", kind=Leased)] == [3]
    with pytest.raises(TypeError, match="never written"):
        archive.events.add("c", unknown.data)
    assert len(archive.events.list("c")) == 4


async def test_what_fails_while_it_is_cancelled_is_not_asked_for_again(archive: Archive) -> None:
    begun, may_fail, said = threading.Event(), threading.Event(), list[dict[str, object]]()

    def work() -> None:
        begun.set()
        may_fail.wait()
        raise OSError("the disk is full")

    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    task = asyncio.ensure_future(archive.run(work))
    await asyncio.to_thread(begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    may_fail.set()
    await asyncio.wait([task])
    assert task.cancelled()
    del task
    gc.collect()
    assert not said
