"""Whole campaigns of the product whose trials are drawn: what the labs share; each brings its trials and its team.

Graph, archive and critic are the product's own. No trial reaches the sandbox, and the search index finds nothing.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from evolver.agents.roles import Team
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.graph.campaign_graph import MOST_STEPS, build_graph
from evolver.graph.context import Context
from evolver.graph.sessions import CampaignSession, Sessions
from evolver.sandbox.subprocess_backend import SubprocessSandbox

if TYPE_CHECKING:
    from evolver.memory import Memory

TeamMaker = Callable[[CampaignResources], Team]


class NoIndex:
    """In place of the search index: keeps nothing and finds nothing."""

    def __getattr__(self, _name: str) -> Any:
        return lambda *_given, **_named: []


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
    graph = build_graph(DrawnSessions(make_team))
    asyncio.run(graph.ainvoke({"campaign": context.campaign}, {"recursion_limit": MOST_STEPS}, context=context))
    return context


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
