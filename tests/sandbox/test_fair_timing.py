"""Jobs beside each other have their own CPUs, and every outcome says how long its threads waited for one."""

from __future__ import annotations

import ast
import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from evolver.sandbox import THREADS, Limits, processors
from evolver.sandbox.cpu_contention import CpuContention
from evolver.sandbox.resource_locks import take

Bench = Any

BUSY = """
print(sorted(os.sched_getaffinity(0)), flush=True)
end = time.monotonic() + {seconds}
while time.monotonic() < end: pass
"""
MANY = """
for _ in range({count} - 1):
    if os.fork() == 0: break
end = time.monotonic() + {seconds}
while time.monotonic() < end: pass
"""
CPUS = os.sched_getaffinity(0)

pytestmark = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU cannot be shared out")


@pytest.fixture(autouse=True)
def _claims_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests run beside this one and hold CPUs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_cpus_are_given_out_once_and_come_back() -> None:
    everything = [processors.claim(1, 1) for _ in CPUS]
    names = {name for held in everything if held is not None for name in held.names}
    assert names == set(map(str, CPUS))
    assert processors.claim(1, 1) is None, "no CPU is left: the job shares"
    assert everything[0] is not None
    everything[0].release()
    again = processors.claim(1, 1)
    assert again is not None and again.names == everything[0].names
    assert processors.claim_again((int(again.names[0]),)) is None
    for held in (again, *everything[1:]):
        assert held is not None
        held.release()


def test_nobody_is_pinned_where_not_all_fit() -> None:
    assert processors.fit(len(CPUS), 1) and not processors.fit(len(CPUS) + 1, 1)
    assert processors.claim(1, len(CPUS) + 1) is None
    assert processors.claim(len(CPUS) + 1, 1) is None


async def test_two_busy_jobs_at_once_have_cpus_of_their_own(bench: Bench) -> None:
    code = BUSY.format(seconds=0.6)
    limits = Limits(wall_seconds=120, cpus=1)
    handles = [await bench.sandbox.start(bench.job(code, limits=limits)) for _ in range(2)]
    outcomes = await asyncio.gather(*map(bench.sandbox.wait, handles))
    pinned = [ast.literal_eval(outcome.log.splitlines()[0]) for outcome in outcomes]
    assert all(len(cpus) == 1 for cpus in pinned) and pinned[0] != pinned[1]
    assert [list(outcome.processors) for outcome in outcomes] == pinned
    assert all(outcome.waited_seconds is not None for outcome in outcomes)
    once_more, _ = await bench.run(code, limits=limits)
    assert once_more.processors, "CPUs come back when jobs have ended"


async def test_jobs_that_do_not_fit_share_all_cpus_and_say_so(bench: Bench) -> None:
    outcome, _ = await bench.run(BUSY.format(seconds=0.1), limits=Limits(wall_seconds=120, cpus=len(CPUS)))
    assert outcome.processors == () and ast.literal_eval(outcome.log.splitlines()[0]) == sorted(CPUS)


async def test_a_job_beside_those_of_another_process_shares(bench: Bench) -> None:
    others = take(processors.KIND, map(str, sorted(CPUS)), len(CPUS))
    assert others is not None
    outcome, _ = await bench.run(BUSY.format(seconds=0.1))
    others.release()
    assert outcome.processors == ()


async def test_waiting_is_reported(bench: Bench) -> None:
    """Four processes on the one CPU of their job: three of them wait at any time, whoever else runs here."""
    crowded, _ = await bench.run(MANY.format(count=4, seconds=1.2), limits=Limits(wall_seconds=120, cpus=1))
    assert crowded.processors and crowded.waited_seconds > 1.5
    assert crowded.waited_seconds / (crowded.waited_seconds + crowded.cpu_seconds) > 0.5
    idle, _ = await bench.run("time.sleep(0.6)")
    assert 0.0 <= idle.waited_seconds < 0.5


async def test_libraries_are_told_how_many_cpus_there_are(bench: Bench) -> None:
    code = f"print(*(os.environ[name] for name in {THREADS!r}))"
    outcome, _ = await bench.run(code, limits=Limits(wall_seconds=120, cpus=2))
    assert set(outcome.log.split()) == {"2"}


def test_threads_that_have_gone_stay_in_the_sum() -> None:
    waiting = CpuContention()
    assert waiting.seconds is None
    waiting.look([os.getpid()])
    before = waiting.seconds
    assert before is not None
    waiting.look([])
    assert waiting.seconds == before
