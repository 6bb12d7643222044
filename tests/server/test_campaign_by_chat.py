"""One campaign, from the first word to the export, by nothing but messages to the server; which is killed on the way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient, get_sync_client

from evolver.contracts import CampaignStatus, Directive, Experiment
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive
from evolver.steering.approval import waiting
from tests.support.server_process import BIN, ROOT, Server

LAYOUT = """# Initial layout

Where the point starts decides how far it has to go: lay it out near the middle.

```python
def initial_layout(x, y):
    x, y = 0.5 * x, 0.5 * y
    return x, y
```
"""
ANNEALING = """# Annealing

Shake the point less and less.

```python
def anneal(x, y):
    x, y = x + 0.01, y - 0.01
    return x, y
```
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """The quadratic task with two more techniques in its notes; its program takes a fifth of a second."""
    task = tmp_path / "compass"
    shutil.copytree(ROOT / "benchmarks" / "tasks" / "quadratic", task)
    program = task / "baseline" / "program.py"
    program.write_text(
        "import time\n" + program.read_text().replace("    x = east()", "    time.sleep(0.2)\n    x = east()")
    )
    spec = task / "task.yaml"
    spec.write_text(spec.read_text().replace("name: quadratic", "name: compass"))
    (task / "notes" / "layout.md").write_text(LAYOUT)
    (task / "notes" / "annealing.md").write_text(ANNEALING)
    return task


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "served")
    server.start()
    yield server
    server.kill()


class Chat:
    """A person at a chat page: one thread, one message at a time."""

    def __init__(self, client: SyncLangGraphClient, who: str) -> None:
        self._client, self._who = client, who
        self._thread = client.threads.create()["thread_id"]

    def say(self, text: str, client: SyncLangGraphClient | None = None) -> str:
        client = client or self._client
        said: dict[str, Any] = {"messages": [{"role": "human", "content": text}]}
        result = client.runs.wait(self._thread, "chat", input=said, context={"who": self._who})
        assert isinstance(result, dict) and "messages" in result, result
        return str(result["messages"][-1]["content"])


def _until(holds: Callable[[], bool], within: float = 300) -> None:
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def _changed(archive: Archive, directive: Directive) -> Sequence[Experiment]:
    changed = archive.directives.uses(directive.id)
    assert directive.uses == len(changed) > 0, directive
    assert {e.id for e in changed} >= set(directive.experiments)
    return changed


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_campaign_by_chat_alone(server: Server, task: Path, tmp_path: Path) -> None:
    home, client = server.home, get_sync_client(url=server.url, api_key=None)
    ann, bob = Chat(client, "ann"), Chat(client, "bob")

    def finished() -> int:
        with open_archive(home) as archive:
            return archive.campaigns.counts("compass-1").finished

    def leased() -> int:
        with open_archive(home) as archive:
            return archive.campaigns.counts("compass-1").leased

    # Start.
    assert "no campaign here yet" in ann.say("hello")
    assert "compass-1 has begun" in ann.say(f"start {task} with 60 experiments and 2 workers")
    assert is_running(home, "compass-1")
    _until(lambda: finished() >= 5)

    # Steer, two at once.
    done_before = finished()
    told = ann.say("focus on the initial layout")
    assert "initial_layout()" in told
    assert "anneal()" in bob.say("avoid annealing")
    at_avoid = leased()
    assert "70 experiments in all" in ann.say("10 more experiments")
    assert "Did you mean" in bob.say("wibble the frobnicator"), "unclear messages are asked back"
    _until(lambda: finished() >= at_avoid + 7)
    why = bob.say("why is the best the best?")
    with open_archive(home) as archive:
        champion = archive.experiments.champion("compass-1")
    assert champion is not None
    assert f"xperiment {champion.number}" in why or champion.number == 0, why

    # Pause: what runs is finished, nothing begins; its process lives.
    assert "Paused" in ann.say("pause")
    _until(lambda: finished() == leased())
    still = leased()
    time.sleep(1)
    assert leased() == still
    assert is_running(home, "compass-1")

    # Approval, from now on.
    assert "more than 1 s" in ann.say("ask me before experiments over 1 s")
    assert "continues" in ann.say("go on")

    def waits() -> list[int]:
        with open_archive(home) as archive:
            return [one.experiment.number for one in waiting(archive, "compass-1")]

    _until(lambda: len(waits()) >= 2)
    first, second = waits()[:2]
    assert f"approve {first}" in bob.say("what waits for approval?")
    assert f"Approved: experiment {first}" in bob.say(f"approve {first}")
    assert f"Rejected: experiment {second}" in ann.say(f"reject {second} because it looks like the last one")
    assert "Nobody is asked" in ann.say("stop asking me")
    ann.say("approve all")

    # The server is killed. The campaign does not live in it, and the conversation goes on where it was.
    time.sleep(2.5)
    server.kill()
    assert is_running(home, "compass-1"), "the campaign has a process of its own"
    with open_archive(home) as archive:
        process = archive.campaigns.get("compass-1")
    server.start()
    again = get_sync_client(url=server.url, api_key=None)
    assert "compass-1" in ann.say("how far?", again)
    assert process.status is CampaignStatus.RUNNING

    # Resume.
    ann.say("pause", again)
    _until(lambda: finished() == leased())
    last = leased() + 4
    assert f"{last} experiments in all" in ann.say(f"budget {last}", again)
    assert "continues" in bob.say("go on", again)
    _until(lambda: not is_running(home, "compass-1"))
    assert finished() == last
    again.close()

    # Export.
    out = tmp_path / "taken"
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    subprocess.run(
        [BIN / "evolver", "export", "compass-1", "-o", out], check=True, env=environment, capture_output=True
    )
    kept = [json.loads(line) for line in (out / "directives.jsonl").read_text().splitlines()]
    assert {d["kind"] for d in kept} >= {"focus", "avoid", "budget", "pause", "resume", "approve", "reject"}
    assert (out / "best" / "program" / "program.py").exists()

    # What the archive shows.
    with open_archive(home) as archive:
        assert archive.campaigns.get("compass-1").status is CampaignStatus.FINISHED
        by = {d.kind: d for d in archive.directives.list("compass-1")}
        focus, avoid = _changed(archive, by["focus"]), _changed(archive, by["avoid"])
        assert all(d.who in ("ann", "bob") and d.text for d in archive.directives.list("compass-1"))
        assert min(e.number for e in focus) > done_before
        later = [e for e in archive.experiments.list("compass-1") if e.number > at_avoid and e.proposal]
        assert {e.id for e in later} <= {e.id for e in avoid}, "from the next proposal on, in every lane"
        plans = [e.proposal.plan for e in later if e.proposal]
        brought_in = ("insert anneal(", "by anneal(", "take anneal(", "take `x, y = anneal(")
        assert not any(words in plan for plan in plans for words in brought_in)
        assert sum("initial_layout" in plan for plan in plans) >= 3
        rejected = archive.experiments.by_number("compass-1", second)
        assert rejected.verdict is not None and "looks like the last one" in rejected.verdict.reason
        assert not archive.trials.list(rejected.id)
        assert any("looks like the last one" in lesson.claim for lesson in archive.lessons.list(campaign="compass-1"))
        assert archive.trials.list(archive.experiments.by_number("compass-1", first).id)
    shown = subprocess.run(
        [BIN / "evolver", "show", "compass-1"],
        check=True,
        env={**environment, "COLUMNS": "140"},
        capture_output=True,
        text=True,
    ).stdout
    assert "focus on the initial layout" in shown
    assert "improved, before" in shown
    assert httpx.get(f"{server.url}/ok").status_code == 200
