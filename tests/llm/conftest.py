"""A campaign in a new archive, and a caller for a scripted endpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Budget, Campaign, Message, Metric, Record
from evolver.llm import ModelClient, Prices, RetryPolicy, parse_models
from evolver.memory import Archive
from evolver.settings import Settings
from tests.support.endpoint import Endpoint

PROMPT = (
    Message(role="system", text="You improve programs."),
    Message(role="user", text="Propose one change."),
)
QUICK = RetryPolicy(request=5.0, attempts=3, pause=0.02, longest_pause=0.1, outage=2.0, probe=0.05, longest_probe=0.2)


class Idea(Record):
    """What the tests ask for."""

    hypothesis: str
    plan: str


IDEA = {"hypothesis": "smaller steps help", "plan": "halve the step"}
MakeCaller = Callable[..., ModelClient]


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests reach no real provider, whatever the environment holds."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_PRICES", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    home.mkdir()
    with Archive.open(f"sqlite:///{home / 'archive.sqlite'}") as opened:
        yield opened


@pytest.fixture
def campaign(archive: Archive) -> Callable[..., Campaign]:
    """Registers a campaign with a budget."""

    def make(name: str = "c", **budget: Any) -> Campaign:
        made = Campaign(
            name=name,
            task="packing",
            task_version="v1",
            metric=Metric(name="area", direction="maximize"),
            stage="full",
            seed=0,
            workers=2,
            sandbox="auto",
            budget=Budget(experiments=10, **budget),
        )
        archive.campaigns.add(made)
        return made

    return make


@pytest.fixture
def caller(archive: Archive, home: Path) -> MakeCaller:
    """A caller of campaign `c` whose models are served by an endpoint."""

    def make(
        endpoint: Endpoint | str,
        *models: str,
        retry_policy: RetryPolicy = QUICK,
        prices: Prices | None = None,
        answer_tokens: int = 500,
        name: str = "c",
    ) -> ModelClient:
        url = endpoint if isinstance(endpoint, str) else endpoint.url
        return ModelClient(
            archive,
            name,
            parse_models(models or ("openai:m",), url),
            retry_policy=retry_policy,
            prices=prices,
            settings=Settings(home=home, answer_tokens=answer_tokens),
        )

    return make
