"""What counts as a job's own time: CPU and sleep do, waiting for a CPU that others have does not, up to a ceiling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.sandbox import Ending, Limits
from evolver.sandbox.cpu_contention import CEILING, seconds_left
from evolver.sandbox.resource_monitor import out_of_time


@pytest.mark.parametrize(
    ("wall", "cpu", "waited", "left"),
    [
        (8.0, 8.0, 0.0, 0.0),  # it had the CPU all the time
        (8.0, 2.0, 6.0, 6.0),  # others had it for three quarters of the time
        (8.0, 0.0, 0.0, 0.0),  # it slept: its own time
        (8.0, 2.0, 3.0, 3.0),  # it worked, slept and waited
        (32.0, 0.0, 32.0, 0.0),  # the ceiling
        (31.0, 0.0, 31.0, 1.0),
        (8.0, 2.0, None, 0.0),  # nobody counted
    ],
)
def test_waiting_for_a_cpu_is_not_a_jobs_own_time(wall: float, cpu: float, waited: float | None, left: float) -> None:
    assert seconds_left(8.0, wall, cpu, waited, 1) == pytest.approx(left)


def test_threads_that_wait_for_each_other_gain_nothing() -> None:
    assert seconds_left(8.0, 8.0, 16.0, 48.0, 2) == 0.0, "eight threads on two CPUs that they had all the time"
    assert seconds_left(8.0, 8.0, 8.0, 56.0, 2) == 4.0, "half of them"


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(0, 1e6), st.integers(1, 64))
def test_the_ceiling_holds_whatever_is_counted(wall: float, cpu: float, waited: float, cpus: int) -> None:
    left = seconds_left(10.0, wall, cpu, waited, cpus)
    assert left <= CEILING * 10.0 - wall
    assert left <= 10.0 - cpu / cpus


def test_the_ceiling_is_the_machines_fault() -> None:
    limits = Limits(wall_seconds=2.0)
    assert out_of_time(limits, 2.5)[0] is Ending.TIMEOUT
    ending, reason = out_of_time(limits, 8.1)
    assert ending is Ending.STARVED and "CPUs" in reason
