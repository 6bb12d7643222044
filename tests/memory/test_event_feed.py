"""Following a campaign: every event once and in order, heartbeats while nothing happens, an end that loses nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise

import pytest

from evolver.contracts import Campaign
from evolver.contracts.campaign_events import LanesOpened
from evolver.memory import Archive
from evolver.memory.event_feed import BATCH
from tests.memory.conftest import MakeCampaign

COUNT = 40


@pytest.fixture
def campaign(archive: Archive, make_campaign: MakeCampaign) -> Campaign:
    made: Campaign = make_campaign()
    archive.campaigns.add(made)
    return made


def _write(archive: Archive, first: int = 1, count: int = COUNT) -> None:
    for number in range(first, first + count):
        archive.events.add("c", LanesOpened(count=number))


def _numbers(events: object) -> list[int]:
    assert isinstance(events, list)
    return [event.data.count for event in events if isinstance(event.data, LanesOpened)]


def test_events_are_given_once_and_in_order_while_another_thread_writes(archive: Archive, campaign: Campaign) -> None:
    feed, given = archive.follow("c", every=0.001), list[int]()

    def write() -> None:
        _write(archive)
        feed.stop()

    writer = threading.Thread(target=write)
    writer.start()
    for events in feed:
        given += _numbers(events)
    writer.join()
    assert given == list(range(1, COUNT + 1)), "none twice, none left out, those before the end among them"


async def test_a_coroutine_follows_without_holding_up_its_loop(archive: Archive, campaign: Campaign) -> None:
    feed, given, turns = archive.follow("c", every=0.001), list[int](), 0

    async def work() -> None:
        nonlocal turns
        for number in range(1, 6):
            await archive.run(_write, archive, number, 1)
            turns += 1
        feed.stop()

    writing = asyncio.ensure_future(work())
    async for events in feed:
        given += _numbers(events)
    await writing
    assert turns == 5 and given == [1, 2, 3, 4, 5]


def test_it_begins_where_it_is_asked_to(archive: Archive, campaign: Campaign) -> None:
    _write(archive, 1, 3)
    known = archive.events.list("c")
    later, earlier, whole = archive.follow("c"), archive.follow("c", known[-2].id), archive.follow("c", 0)
    _write(archive, 4, 1)
    assert _numbers(next(later)) == [4], "what happens from now on"
    assert _numbers(next(earlier)) == [3, 4]
    assert _numbers(next(whole)) == [1, 2, 3, 4]


def test_an_empty_batch_says_that_nothing_came(archive: Archive, campaign: Campaign) -> None:
    feed = archive.follow("c", every=0.001)
    assert [len(next(feed)) for _ in range(3)] == [0, 0, 0]
    _write(archive, 1, 1)
    assert _numbers(next(feed)) == [1]


def test_a_campaign_at_rest_is_looked_at_less_and_less_often(archive: Archive, campaign: Campaign) -> None:
    feed, looks = archive.follow("c", every=0.002), list[float]()
    for _ in range(12):
        next(feed)
        looks.append(time.monotonic())
    pauses = [later - earlier for earlier, later in pairwise(looks)]
    assert min(pauses[:4]) < min(pauses[-2:]), pauses
    _write(archive, 1, 1)
    next(feed)
    began = time.monotonic()
    next(feed)
    assert time.monotonic() - began < max(pauses), "something happened, so more may"


def test_a_long_log_is_read_to_its_end_without_pauses(archive: Archive, campaign: Campaign) -> None:
    _write(archive, 1, 3)
    with archive.events._database.write() as connection:  # many, quickly
        from evolver.memory import mappers

        for number in range(4, BATCH + 10):
            mappers.add_event(connection, "c", LanesOpened(count=number))
    feed = archive.follow("c", 0, every=60.0)
    feed_given = _numbers(next(feed)) + _numbers(next(feed))
    assert feed_given == list(range(1, BATCH + 10))


def test_a_stopped_feed_gives_what_came_until_then_and_ends(archive: Archive, campaign: Campaign) -> None:
    feed = archive.follow("c", every=60.0)
    assert list(next(feed)) == []
    _write(archive, 1, 2)
    feed.stop()
    assert [_numbers(events) for events in feed] == [[1, 2]]
