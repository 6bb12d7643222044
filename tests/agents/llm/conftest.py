"""A campaign on the quadratic task with its baseline measured, and a language team that asks a scripted endpoint."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evolver.agents.llm import llm_team
from evolver.agents.roles import Team
from evolver.contracts import Budget, Campaign, Event, Experiment, Verdict
from evolver.contracts.event import D_co
from evolver.evaluation.baseline import establish_baseline
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, ModelClient, RetryPolicy, parse_models
from evolver.memory import Archive, Memory, read_notes
from evolver.sandbox import open_sandbox
from evolver.settings import Settings
from evolver.tasks import load_task
from tests.support.endpoint import Endpoint, Seen, Step, good

QUICK = RetryPolicy(request=5.0, attempts=2, pause=0.02, longest_pause=0.1, outage=1.0, probe=0.05, longest_probe=0.2)
NAME = "c"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests reach no real provider, whatever the environment holds."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_PRICES", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def task_folder(quadratic: Path, tmp_path: Path) -> Path:
    """A copy of the quadratic task that a test may change before the campaign is opened."""
    return Path(shutil.copytree(quadratic, tmp_path / "quadratic"))


@pytest.fixture
async def opened(home: Path, task_folder: Path) -> AsyncIterator[Callable[..., Any]]:
    """opened(workers=2, experiments=20) -> CampaignResources with a measured baseline; a second call continues the campaign."""
    sessions: list[CampaignResources] = []

    async def open_(workers: int = 2, experiments: int = 20, seed: int = 0) -> CampaignResources:
        home.mkdir(exist_ok=True)
        archive = Archive.open(f"sqlite:///{home / 'archive.sqlite'}")
        task = load_task(task_folder)
        if NAME not in {campaign.name for campaign in archive.campaigns.list()}:
            archive.campaigns.add(
                Campaign(
                    name=NAME,
                    task=str(task_folder),
                    task_version=task.version,
                    metric=task.metric,
                    stage=task.deciding_stage.name,
                    seed=seed,
                    workers=workers,
                    sandbox="bubblewrap",
                    budget=Budget(experiments=experiments),
                )
            )
        memory = Memory.open(home / "memory")
        notes = read_notes([task_folder / "notes"], task.name)
        archive.notes.save(notes)
        memory.add_notes(notes)
        sandbox = open_sandbox("bubblewrap", workers, hidden=(home, task.root))
        resources = CampaignResources(name=NAME, home=home, archive=archive, memory=memory, task=task, sandbox=sandbox)
        sessions.append(resources)
        await establish_baseline(resources, llm_team(resources, _caller(resources, "http://127.0.0.1:1")).runner)
        return resources

    yield open_
    for resources in sessions:
        await resources.close()


def _caller(resources: CampaignResources, url: str, *models: str) -> ModelClient:
    return ModelClient(
        resources.archive,
        NAME,
        parse_models(models or ("openai:m",), url),
        retry_policy=QUICK,
        settings=Settings(home=resources.home, answer_tokens=2000),
    )


@dataclass
class Lab:
    """A campaign whose team asks an endpoint."""

    resources: CampaignResources
    endpoint: Endpoint
    conversation: Conversation
    team: Team
    places: dict[int, int] = field(default_factory=dict)

    @property
    def archive(self) -> Archive:
        return self.resources.archive

    def lease(self, lane: int = 0) -> Experiment:
        """The next experiment of a lane."""
        seq = self.places.get(lane, 0)
        self.places[lane] = seq + 1
        experiment = self.archive.leases.acquire(NAME, lane, seq)
        assert experiment is not None
        return experiment

    async def run(self, lane: int = 0, lease: Experiment | None = None) -> tuple[Experiment, Verdict]:
        """One experiment from the proposal to the verdict."""
        experiment = lease or self.lease(lane)
        await self.team.researcher.propose(experiment.id)
        await self.team.coder.code(experiment.id)
        await self.team.runner.run(experiment.id)
        verdict = await self.team.critic.conclude(experiment.id)
        return self.archive.experiments.get(experiment.id), verdict

    def events(self, kind: type[D_co]) -> Sequence[Event[D_co]]:
        """Lines of the log of one kind."""
        return self.archive.events.list(NAME, kind=kind)

    def asked(self, role: str) -> list[Seen]:
        """What a role was asked, by the first words of its system message."""
        return [seen for seen in self.endpoint.requests if f"You are the {role}" in seen.body["messages"][0]["content"]]


@pytest.fixture
def lab(opened: Callable[..., Any]) -> Callable[..., Any]:
    """lab(endpoint, *models, workers=2) -> Lab."""

    async def make(endpoint: Endpoint, *models: str, **options: Any) -> Lab:
        resources = await opened(**options)
        conversation = _caller(resources, endpoint.url, *models)
        return Lab(resources, endpoint, conversation, llm_team(resources, conversation))

    return make


def idea(plan: str = "Set X to 3.7.", parent: int = 0, **more: Any) -> dict[str, Any]:
    """What a researcher answers."""
    return {
        "hypothesis": more.pop("hypothesis", "The hidden point lies further east, so a larger X is nearer to it."),
        "plan": plan,
        "parent": parent,
        "others": [],
        "component": "east coordinate",
        "notes": [],
        "lessons": [],
        "novelty": "nothing was tried yet",
        **more,
    }


OBSERVATION = {
    "claim": "Moving the point east brings it nearer to the target.",
    "component": "east coordinate",
    "mechanism": "the target lies east of the baseline",
    "caution": "the other coordinate was not moved",
}


def edit(old: str, new: str, path: str = "program.py") -> str:
    """What a coder answers."""
    return f"{path}\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def whole(text: str, path: str = "program.py") -> str:
    """What a coder answers who writes the whole file."""
    return f"{path}\n```python\n{text}\n```\n"


def point(x: float, y: float, *, before: str = "", inside: str = "") -> str:
    """A program of the quadratic task."""
    return f"{before}\n\ndef point():\n{inside}    return [{x}, {y}]\n"


Answer = dict[str, Any] | str | Step


class Script:
    """Answers by role, each in order, the last one again and again; steps are sent as they are."""

    def __init__(self, researcher: list[Answer], coder: list[Answer], critic: list[Answer] | None = None) -> None:
        self._answers = {"researcher": researcher, "coder": coder, "critic": critic or [OBSERVATION]}
        self._next = dict.fromkeys(self._answers, 0)

    def __call__(self, seen: Seen) -> Step:
        system = str(seen.body["messages"][0]["content"])
        role = next(role for role in self._answers if f"You are the {role}" in system)
        answers, at = self._answers[role], self._next[role]
        self._next[role] += 1
        answer = answers[min(at, len(answers) - 1)]
        return answer if isinstance(answer, Step) else good(answer)
