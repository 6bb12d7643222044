"""Whole campaigns of the product whose trials are drawn: what the labs share; each brings its trials and its team.

Graph, archive and critic are the product's own. No trial reaches the sandbox, and the search index finds nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evolver.agents.roles import Team
from evolver.contracts import Trial
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.graph.campaign_graph import MOST_STEPS, build_graph
from evolver.graph.context import Context
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.memory.database import Database
from evolver.memory.trials import TrialRepository
from evolver.sandbox.subprocess_backend import SubprocessSandbox

if TYPE_CHECKING:
    from evolver.memory import Memory

TeamMaker = Callable[[CampaignResources], Team]


class NoIndex:
    """In place of the search index: keeps nothing and finds nothing."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_given, **_named: []


class AtOnce(ThreadPoolExecutor):
    """In place of threads: does the work where it is asked for, which spares the waiting."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """What the work came to."""
        done = Future[Any]()
        try:
            done.set_result(work(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


class TrialsAtHand(TrialRepository):
    """Trials that were read once are not read again: a lab is the only writer of its archive."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._known: dict[str, Sequence[Trial]] = {}

    def add(self, trial: Trial, task_version: str) -> None:
        """Keep a trial."""
        super().add(trial, task_version)
        self._known.pop(trial.experiment, None)

    def list(self, experiment_id: str) -> Sequence[Trial]:
        """An experiment's trials."""
        if experiment_id not in self._known:
            self._known[experiment_id] = super().list(experiment_id)
        return self._known[experiment_id]


class DrawnSessions(Sessions):
    """Opens campaigns with a lab's team; the sandbox starts nothing."""

    def __init__(self, make_team: TeamMaker) -> None:
        super().__init__()
        self._make_team = make_team

    async def get(self, context: Context, campaign: str) -> CampaignSession:
        """The campaign's session."""
        key = (context.home.absolute(), campaign)
        if key not in self._open:
            run = self._runs[key]
            run.archive._thread, run.archive.trials = AtOnce(), TrialsAtHand(run.archive._database)
            resources = CampaignResources(
                name=campaign,
                home=run.home,
                archive=run.archive,
                memory=cast("Memory", NoIndex()),
                task=run.task,
                sandbox=SubprocessSandbox(1),
            )
            team = self._make_team(resources)
            self._open[key] = CampaignSession(resources=resources, team=team, spent_before=0.0)
        return self._open[key]


def run_to_the_end(make_team: TeamMaker, **said: Any) -> Context:
    """Run a campaign with the options said, and return its context."""
    context = Context.model_validate({"workers": 1, "sandbox": "none", "team": "offline", **said})
    asyncio.run(_run(make_team, context))
    return context


async def _run(make_team: TeamMaker, context: Context) -> None:
    asyncio.get_running_loop().set_default_executor(AtOnce())
    graph = build_graph(DrawnSessions(make_team))
    await graph.ainvoke({"campaign": context.campaign}, {"recursion_limit": MOST_STEPS}, context=context)


def write_task(folder: Path, task: str, baseline: str, notes: Mapping[str, str] | None = None) -> Path:
    """A task's folder, with notes by the names of their files; harness and judge are there, and are never run."""
    files = {
        "task.yaml": task,
        "harness.py": 'def run(trial):\n    """Never run: trials are drawn."""\n',
        "judge.py": 'def judge(out, private, stage, seed):\n    """Never run: trials are drawn."""\n',
        "baseline/program.py": baseline,
        **{f"notes/{name}": text for name, text in (notes or {}).items()},
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def quick_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed after its `with` block; in memory, where the system offers that."""
    return tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None)
