"""What a run needs is made once in its process, and handed down: settings, task, archive and registration."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.cli.command_line import entry
from evolver.errors import WrongValue
from evolver.graph import Context, arun
from evolver.graph.resolved_run import ResolvedRun, open_archive, register
from evolver.memory import database
from evolver.sandbox.base import Job
from evolver.sandbox.process_backend import ProcessSandbox
from evolver.sandbox.process_handle import ProcessHandle
from evolver.settings import SandboxSettings, Settings
from evolver.tasks import loading


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each thing was made; everything works as it does without being counted."""
    counts: Counter[str] = Counter()

    def count(what: str, owner: Any, name: str) -> None:
        real: Callable[..., Any] = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[what] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count("settings", Settings, "__init__")
    count("settings of sandboxes", SandboxSettings, "__init__")
    count("tasks", loading, "_load_folder")
    count("databases", database, "create_engine")
    count("registrations", ResolvedRun, "_begun")
    count("registrations", ResolvedRun, "_continued")
    return counts


def evolver(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> None:
    """Run a command in this process."""
    monkeypatch.setattr(sys, "argv", ["evolver", *map(str, words), "--json"])
    assert entry() == 0


@pytest.mark.parametrize("sandbox", ["bubblewrap", "docker"])
def test_a_run_makes_everything_once(
    sandbox: str,
    made: Counter[str],
    quadratic: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(home))
    once = {"settings": 1, "settings of sandboxes": 1, "tasks": 1, "databases": 1, "registrations": 1}
    evolver(monkeypatch, "run", quadratic, "-n", "3", "-w", "1", "--sandbox", sandbox)
    assert json.loads(capsys.readouterr().out)["experiments"] == 3
    assert made == once
    made.clear()
    evolver(monkeypatch, "resume", "quadratic-1", "-n", "4")
    assert json.loads(capsys.readouterr().out)["experiments"] == 4
    assert made == once


def test_what_is_not_said_is_resolved_once_for_all_ways(quadratic: Path, home: Path) -> None:
    context = Context(task=str(quadratic), campaign="c", home=home)
    assert context.workers is None and context.sandbox is None
    campaign = register(context)
    cpus = len(os.sched_getaffinity(0))
    assert (campaign.workers, campaign.sandbox) == (cpus, os.environ["EVOLVER_SANDBOX"])
    register(context.model_copy(update={"workers": cpus + 3}))
    register(context)
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").workers == cpus + 3, "an existing campaign keeps its own"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"workers": 0}, "workers=0: write a whole number from 1 to 256"),
        ({"seconds": "soon"}, "seconds='soon': write a positive duration such as 90s, 10m or 2h"),
        ({"team": "fast"}, "team='fast': choose one of offline, llm, hybrid"),
        ({"sandbox": "jail"}, "sandbox='jail': there is no sandbox 'jail'"),
        ({"colour": "red"}, "there is no option colour; options are task"),
    ],
)
def test_a_wrong_value_is_told_in_one_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongValue) as told:
        Context(**given)
    assert str(told.value).startswith(said) and "\n" not in str(told.value)


@pytest.mark.parametrize("isolate", [True, False])
async def test_isolated_trials_run_one_at_a_time(
    isolate: bool, quadratic: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = list[int](), list[int]()
    begin, forget = ProcessSandbox._begun, ProcessSandbox._forget

    async def begun(sandbox: ProcessSandbox, job: Job, gpus: tuple[str, ...]) -> ProcessHandle:
        running.append(1)
        most.append(len(running))
        return await begin(sandbox, job, gpus)

    def forgotten(sandbox: ProcessSandbox, handle: ProcessHandle) -> None:
        running.pop()
        forget(sandbox, handle)

    monkeypatch.setattr(ProcessSandbox, "_begun", begun)
    monkeypatch.setattr(ProcessSandbox, "_forget", forgotten)
    context = Context(task=quadratic, workers=3, experiments=3, sandbox="bubblewrap", isolate=isolate, home=home)
    summary = await arun(context)
    assert summary.experiments == 3 and not running
    assert max(most) == 1 if isolate else max(most) > 1
