"""`evolver chat` at a real terminal and in a pipe, and `evolver verify` and `evolver ablate`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import open_archive
from tests.support.preloaded_command import PreloadedCommand
from tests.support.terminal import Terminal

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.fixture
def piped(home: Path, tmp_path: Path, preloaded: PreloadedCommand) -> Callable[..., str]:
    """What `evolver chat` prints for lines from a pipe."""

    def talk(text: str, *words: str, check: int = 0) -> str:
        environment = {**os.environ, "EVOLVER_HOME": str(home)}
        result = preloaded.run(["chat", *words], cwd=tmp_path, environment=environment, given=text)
        assert result.returncode == check, result.stderr
        assert "Traceback" not in result.stderr
        return result.stdout + result.stderr

    return talk


@pytest.fixture
def stopped(home: Path) -> Iterator[None]:
    """No campaign outlives its test."""
    yield
    with open_archive(home) as archive:
        names = [c.name for c in archive.campaigns.list()]
        for name in names:
            archive.campaigns.update(name, status=CampaignStatus.RUNNING)
    for name in names:
        if is_running(home, name):
            subprocess.run(
                [EVOLVER, "chat", name],
                input="stop",
                text=True,
                env={**os.environ, "EVOLVER_HOME": str(home)},
                check=True,
                capture_output=True,
            )
    deadline = time.monotonic() + 120
    while any(is_running(home, name) for name in names) and time.monotonic() < deadline:
        time.sleep(0.1)


@pytest.mark.slow
def test_lines_from_a_pipe_start_steer_and_end_a_campaign(
    piped: Callable[..., str], slow: Path, home: Path, stopped: None
) -> None:
    assert "no campaign here yet" in piped("how far?\n")
    said = piped(f"start {slow} with 40 experiments and 2 workers\nfocus on east\nhow far?\n", "--as", "ann")
    assert "> focus on east\nMost proposals are about “east” from the next proposal of each lane on." in said
    assert "quadratic-1: " in said
    rows = [json.loads(line) for line in piped("pause\n\nwhat waits?\n", "quadratic-1", "--json").splitlines()]
    assert [row["message"] for row in rows] == ["pause", "what waits?"]
    assert rows[0]["campaign"] == "quadratic-1" and rows[0]["replies"][0].startswith("Paused")
    note = "note: halving is quicker\n```python\ndef halve(x):\n    x = 0.5 * x\n    return x\n```\nstop\n"
    said = piped(note)
    assert "technique" in said, "a fenced piece of code belongs to the line before it"
    assert "No more proposals" in said
    assert "nothing" in piped("hello\n", "nothing", check=2)
    with open_archive(home) as archive:
        kept = [d for d in archive.directives.list("quadratic-1") if d.kind != "ask"]
    assert [d.kind for d in kept] == ["focus", "pause", "note", "stop"]
    assert kept[0].who == "ann"


@pytest.mark.slow
def test_a_conversation_at_a_terminal(slow: Path, home: Path, tmp_path: Path, stopped: None) -> None:
    environment = {**os.environ, "EVOLVER_HOME": str(home), "TERM": "xterm-256color"}
    ann = Terminal(["chat", "--as", "ann"], tmp_path, environment)
    ann.until(r"no campaign here yet[^\n]*\n(?:.*\n)*>")
    ann.type(f"start {slow} with 60 experiments and 2 workers")
    ann.until("quadratic-1 has begun")
    first = ann.until(r"── quadratic-1: running +\d+/60 +best [\d.]+ \(experiment \d+\)")
    assert re.search(r"\n   \d+ +\S+[^\n]*\n(?:   \d+[^\n]*\n)*>", first), "what is in work, above the input"
    done = int(re.findall(r"(\d+)/60", first)[-1])
    ann.until("|".join(f"{n}/60" for n in range(done + 1, 61)))  # renewed while nothing is typed
    ann.type("avoid east")
    ann.until("Nothing about “east”")
    ann.type("wibble")
    ann.until("Did you mean")
    ann.child.send("\x1b[A\x1b[A")
    ann.until(r"\n> avoid east\n")  # history
    ann.child.send("\r")
    ann.until("That replaces what was said before")
    ann.child.send("\x03")
    ann.until("Press Ctrl-C again")
    ann.child.send("\x03")
    assert "The campaign continues. Come back with: evolver chat quadratic-1" in ann.until("Come back with")
    assert ann.ended() == 0
    assert is_running(home, "quadratic-1")
    # Somebody else joins, sees what was said, and leaves with Ctrl-D.
    bob = Terminal(["chat", "--as", "bob"], tmp_path, environment)
    assert re.search(
        r"2\. ann: avoid east \(withdrawn\)|1\. ann: avoid east \(withdrawn\)", bob.until("ann: avoid east")
    )
    bob.type("stop")
    bob.until("No more proposals")
    bob.child.send("\x04")
    assert bob.ended() == 0


@pytest.mark.slow
def test_verify_and_ablate(cli: Cli, quadratic: Path) -> None:
    summary = json.loads(cli("run", quadratic, "-c", "c", "-n", "8", "-w", "1", "--json").stdout)
    best = summary["best"]["number"]
    assert best > 0
    said = cli("verify", "c", best).stdout
    assert f"Experiment {best}: squared_distance" in said and "1 fresh run" in said and "against the baseline" in said
    ablated = json.loads(cli("ablate", "c", best, "--json").stdout)
    assert ablated["parts"], "a champion has changes"
    assert ablated["total"] > 0
    assert {"change", "gain", "interval", "alone", "alone_interval"} <= ablated["parts"][0].keys()
    assert any(part["alone"] for part in ablated["parts"]), "some change helps by itself"
    again = json.loads(cli("reproduce", "c", best, "--json").stdout)
    assert again["exact"] and again["agrees"] and again["differs"] == {}
    assert again["recorded"]["packages"]["evolver"]
    simplified = json.loads(cli("ablate", "c", best, "--simplify", "-o", "small", "--json").stdout)["simplified"]
    assert simplified["delta"] >= -simplified["resolution"]
    assert simplified["lines_after"] <= simplified["lines_before"]
    assert "exists" in cli("ablate", "c", best, "--simplify", "-o", "small", check=2).stderr
    assert "choose baseline or parent" in cli("ablate", "c", best, "--against", "x", check=2).stderr
    listed = json.loads(cli("show", "c", "--json").stdout)["directives"]
    kinds = [("verify", "done"), ("ablate", "done"), ("ablate", "done")]
    assert [(d["kind"], d["status"]) for d in listed] == kinds
    assert all(d["outcome"] for d in listed)
