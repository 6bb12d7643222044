"""A process that is killed while it writes."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from evolver.contracts import Campaign, Standing
from evolver.contracts.experiment_events import Concluded
from evolver.memory import Archive

WRITER = """
import sys
from evolver.contracts import *
from evolver.memory import Archive, Conclusion

def done(word, key):
    print(word, key, flush=True)

with Archive.open(sys.argv[1]) as archive:
    seq = archive.leases.positions("c").get(0, 0)
    while (experiment := archive.leases.acquire("c", 0, seq)) is not None:
        key, program = experiment.id, Program(files={"program.py": f"VALUE = {seq}"})
        done("leased", key)
        parents = ("c-0-0",) if seq else ()
        archive.experiments.add_proposal(key, Proposal(hypothesis="h", plan="p", operator="tune", parents=parents))
        done("proposed", key)
        archive.experiments.add_program(key, program, f"s{seq % 7}")
        done("coded", key)
        archive.trials.add(Trial(experiment=key, program=program.id, stage="full", seed=0, status="ok",
                                   metrics={"area": 1.0}, seconds=1.0, cpu_seconds=0.5), "v1")
        done("tried", key)
        lesson = Lesson(id=key, task="packing", campaign="c", claim="x", component="y", operator="tune", effect=1.0,
                        evidence=(key,), confidence=0.5, status="tentative")
        archive.experiments.conclude(Conclusion(experiment=key, verdict=Verdict(kind="indecisive"), standing="promising",
                                    score=float(seq), credits={"tune": 1.0}, lessons=(lesson,)))
        done("concluded", key)
        seq += 1
"""


def _write_until_killed(url: str, seconds: float) -> list[tuple[str, str]]:
    """What the writer was told is done, up to its kill."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, url], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    first = writer.stdout.readline()
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    rest = writer.communicate()[0]
    assert writer.returncode == -signal.SIGKILL
    lines = (first + rest).splitlines(keepends=True)
    return [(word, key) for word, key in (line.split() for line in lines if line.endswith("\n"))]


@pytest.mark.slow
def test_a_kill_loses_nothing_that_was_acknowledged_and_doubles_nothing(
    url: str, make_campaign: Callable[..., Campaign]
) -> None:
    rng = random.Random(1)
    with Archive.open(url) as archive:
        archive.campaigns.add(make_campaign(experiments=1_000_000))
    told: list[tuple[str, str]] = []
    for _ in range(3):
        told += _write_until_killed(url, rng.uniform(0.1, 0.5))
        with Archive.open(url) as archive:
            _check(archive, told)


def _check(archive: Archive, told: list[tuple[str, str]]) -> None:
    experiments = {e.id: e for e in archive.experiments.list("c")}
    for word, key in told:
        experiment = experiments[key]
        assert word != "proposed" or experiment.proposal is not None
        assert word != "coded" or experiment.program is not None
        assert word != "tried" or len(archive.trials.list(key)) == 1
        assert word != "concluded" or experiment.standing is Standing.PROMISING
    numbers = [e.number for e in experiments.values()]
    assert numbers == list(range(1, len(numbers) + 1))
    finished = [e for e in experiments.values() if e.verdict is not None]
    trials = [trial for key in experiments for trial in archive.trials.list(key)]
    proposed = [e for e in experiments.values() if e.proposal is not None]
    counts = archive.campaigns.counts("c")
    assert (counts.leased, counts.finished) == (len(numbers), len(finished))
    assert counts.trials == {"ok": len(trials)}
    assert counts.seconds == len(trials)
    assert archive.search.credits("c")["tune"].pulls == len(finished)
    assert {lesson.id for lesson in archive.lessons.list()} == {e.id for e in finished}
    assert experiments["c-0-0"].visits == len(proposed) - 1
    assert len(archive.events.list("c", kind=Concluded, limit=1_000_000)) == len(finished)
    assert len(archive.leases.unfinished("c")) <= 1
