"""Steering a campaign that runs: what is said shows in the next proposals, from another thread as from another process."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus, Directive, Experiment, Operator, Proposal
from evolver.contracts.experiment_events import Leased
from evolver.contracts.review_events import Verified
from evolver.contracts.steering_events import DirectiveGiven
from evolver.graph import Context, arun
from evolver.graph.campaign_graph import lanes_for
from evolver.graph.campaign_lock import is_running
from evolver.graph.message_handler import send
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive

EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.fixture
def slow(slow: Path) -> Path:
    """With a second technique in its notes."""
    (slow / "notes" / "turn.md").write_text(
        "# Turning the compass\n\n```python\ndef rotate(x, y):\n    x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y\n"
        "    return x, y\n```\n"
    )
    return slow


async def _until(holds: Callable[[], bool], within: float = 300.0) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.2)  # each look opens the archive


def _done(home: Path, name: str) -> int:
    with open_archive(home) as archive:
        return archive.campaigns.counts(name).finished if any(c.name == name for c in archive.campaigns.list()) else -1


async def _say(home: Path, text: str, who: str = "ann") -> list[str]:
    return await asyncio.to_thread(send, home, "c", text, who)


def _directive(home: Path, kind: str) -> Directive:
    with open_archive(home) as archive:
        return next(d for d in archive.directives.list("c") if d.kind == kind)


async def test_a_directive_shows_in_the_next_proposal_of_each_lane(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=60, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 6)
    assert await _say(home, "avoid east") == [
        "Nothing about “east” is proposed from the next proposal of each lane on.",
        "That is, as far as I know: east().",
    ]
    await _until(lambda: {e.lane for e in _leased_since(home, "avoid")} == set(range(lanes_for(2))))
    done = _done(home, "c")
    await _until(lambda: _done(home, "c") >= done + 4)
    await _say(home, "stop now")
    summary = await run
    assert summary.status is CampaignStatus.FINISHED
    assert summary.experiments < 60
    assert "ann" in summary.ended
    directive = _directive(home, "avoid")
    with open_archive(home) as archive:
        under = archive.directives.uses(directive.id)
        assert {e.id for e in under} >= {e.id for e in _leased_since(home, "avoid")}, "the very next of each lane"
        assert directive.uses == len(under)
        for experiment in under:
            assert experiment.proposal is not None
            assert directive.id in experiment.proposal.directives
            assert "east" not in _about(experiment.proposal), experiment.proposal.plan
            parents = experiment.proposal.parents
            if parents:
                assert _uses_of_east(archive, experiment) <= _uses_of_east(archive, archive.experiments.get(parents[0]))


def _leased_since(home: Path, kind: str) -> list[Experiment]:
    """Experiments with a proposal that a lane took up after the directive was in the archive."""
    directive = _directive(home, kind)
    with open_archive(home) as archive:
        said = next(e.id for e in archive.events.list("c", kind=DirectiveGiven) if e.data.directive == directive.id)
        leased = {e.experiment for e in archive.events.list("c", kind=Leased) if e.id > said}
        return [e for e in archive.experiments.list("c") if e.id in leased and e.proposal is not None]


def _about(proposal: Proposal) -> list[str]:
    """The words for what a proposal changes; the statement that an insertion stands beside is not among them."""
    inserts = proposal.operator == Operator.DRAFT
    return re.findall(r"\w+", proposal.component if inserts else f"{proposal.component} {proposal.plan}")


def _uses_of_east(archive: Archive, experiment: Experiment) -> int:
    files = archive.programs.get(experiment.program).files if experiment.program else {}
    return sum(len(re.findall(r"\beast\b", text)) for text in files.values())


async def test_a_focus_gets_most_of_the_proposals(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=36, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 4)
    replies = await _say(home, "focus on rotate")
    assert "rotate()" in replies[1]
    with open_archive(home) as archive:
        said = archive.campaigns.counts("c").leased
    await run
    with open_archive(home) as archive:
        later = [e.proposal for e in archive.experiments.list("c") if e.number > said and e.proposal is not None]
        before = [e.proposal for e in archive.experiments.list("c") if 0 < e.number <= said and e.proposal is not None]
    about = [p for p in later if "rotate" in f"{p.plan} {p.component}"]
    share, base = len(about) / len(later), sum("rotate" in p.plan for p in before) / len(before)
    assert share > 0.5 and share > base, (share, base)


async def test_a_pin_gives_most_proposals_their_parent(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=30, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 4)
    assert "experiment 0" in (await _say(home, "pin experiment 0"))[0]
    with open_archive(home) as archive:
        said = archive.campaigns.counts("c").leased
    await run
    with open_archive(home) as archive:
        later = [e.proposal for e in archive.experiments.list("c") if e.number > said and e.proposal is not None]
    pinned = [p for p in later if p.parents and p.parents[0] == "c-baseline"]
    assert len(pinned) > 0.6 * len(later)


async def test_a_pause_stops_the_clock_and_the_same_process_goes_on(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(
        arun(Context(task=str(slow), campaign="c", experiments=16, seconds=600, workers=2, home=home))
    )
    await _until(lambda: _done(home, "c") >= 2)
    assert "Paused" in (await _say(home, "pause"))[0]
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.PAUSED
    await _until(lambda: not _in_work(home))  # what ran is finished
    before = _leased_and_trials(home)
    await asyncio.sleep(1.5)
    assert _leased_and_trials(home) == before
    assert is_running(home, "c")
    assert not run.done()
    assert await _say(home, "go on") == ["The campaign continues."]
    summary = await run
    assert summary.experiments == 16
    assert summary.status is CampaignStatus.FINISHED


def _in_work(home: Path) -> int:
    with open_archive(home) as archive:
        return len(archive.leases.unfinished("c"))


def _leased_and_trials(home: Path) -> tuple[int, int]:
    with open_archive(home) as archive:
        counts = archive.campaigns.counts("c")
    return counts.leased, sum(counts.trials.values())


async def test_the_budget_and_the_workers_change_while_it_runs(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=8, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 2)
    replies = await asyncio.gather(_say(home, "4 more experiments"), _say(home, "3 more experiments", "bob"))
    assert any("15 experiments" in line for said in replies for line in said), "two people at once: both count"
    assert "3 trials" in (await _say(home, "use 3 workers"))[0]
    summary = await run
    assert summary.experiments == 15
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").workers == 3
        assert sorted(d.who for d in archive.directives.list("c") if d.kind == "budget") == ["ann", "bob"]


async def test_a_note_with_code_becomes_a_technique(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=30, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 3)
    note = "note: halving is quicker\n```python\ndef halve(x):\n    x = 0.5 * x\n    return x\n```"
    assert "technique" in (await _say(home, note))[0]
    await _say(home, "focus on halve")
    await run
    with open_archive(home) as archive:
        assert any(n.source == "said by ann" for n in archive.notes.list("quadratic"))
        plans = [e.proposal.plan for e in archive.experiments.list("c") if e.proposal]
    assert any("halve(" in plan for plan in plans)


async def test_verify_and_ablate_run_between_experiments(slow: Path, home: Path) -> None:
    run = asyncio.ensure_future(arun(Context(task=str(slow), campaign="c", experiments=24, workers=2, home=home)))
    await _until(lambda: _done(home, "c") >= 12)
    with open_archive(home) as archive:
        champion = archive.experiments.champion("c")
    assert champion is not None
    await _say(home, f"verify {champion.number}")
    await _say(home, f"what does {champion.number or 1} owe its gain to?")
    await run
    verified = _directive(home, "verify")
    assert verified.status == "done"
    assert "1 fresh run" in verified.outcome, verified.outcome
    with open_archive(home) as archive:
        assert archive.events.list("c", kind=Verified)
    ablated = _directive(home, "ablate")
    assert ablated.status == "done"
    assert "Each change taken back, and alone" in ablated.outcome or "failed" in ablated.outcome, ablated.outcome


async def test_later_wins_and_both_stay_listed(slow: Path, home: Path) -> None:
    await arun(Context(task=str(slow), campaign="c", experiments=2, workers=1, home=home))
    await asyncio.gather(*(_say(home, "focus on the rotation", who) for who in ("ann", "bob")))
    await _say(home, "avoid rotation", "cy")
    with open_archive(home) as archive:
        known = archive.directives.list("c")
        assert [d.kind for d in archive.directives.in_force("c")] == ["avoid"]
    assert [d.kind for d in known] == ["focus", "focus", "avoid"]
    assert {d.status for d in known[:2]} == {"withdrawn"}
    assert [d.number for d in known] == [1, 2, 3]
    assert "Withdrawn" in (await _say(home, "withdraw 3"))[0]
    assert "no directive 3" in (await _say(home, "withdraw 3"))[0]


@pytest.mark.slow
def test_a_message_reaches_a_campaign_of_another_process_and_go_on_starts_one(
    slow: Path, home: Path, tmp_path: Path
) -> None:
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    words = [str(EVOLVER), "run", str(slow), "--campaign", "c", "-n", "200", "-w", "2", "--json"]
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 300
        while _done(home, "c") < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert (
            "is done" in " ".join(send(home, "c", "how far?", "ann"))
            or "are done" in send(home, "c", "how far?", "a")[0]
        )
        send(home, "c", "stop", "ann")
        assert process.wait(timeout=300) == 0
    finally:
        process.kill()
    done = _done(home, "c")
    assert done < 200
    assert "No process" in " ".join(send(home, "c", f"budget {done + 3}", "ann"))
    assert send(home, "c", "go on", "ann") == ["The campaign continues in a process of its own."]
    deadline = time.monotonic() + 300
    while is_running(home, "c") or _done(home, "c") < done + 3:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.FINISHED
