"""Words on the command line, prices, what failures mean, what schemas can be enforced; and the table of calls."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

from evolver.contracts import Lesson, Proposal, Record
from evolver.errors import UsageError
from evolver.llm import ModelSpec, Price, models_for, parse_models
from evolver.llm.budget import TokenEstimate
from evolver.llm.capabilities import strict_schema
from evolver.llm.model_spec import in_order
from evolver.llm.pricing import load_prices
from evolver.llm.provider_errors import FailureKind, classify, retry_after
from evolver.memory import Archive, migrations
from tests.llm.conftest import Idea


@pytest.mark.parametrize(
    ("word", "role", "model", "weight"),
    [
        ("openai:gpt-5-mini", None, "openai:gpt-5-mini", 1.0),
        ("coder=anthropic:claude-x", "coder", "anthropic:claude-x", 1.0),
        ("researcher=openai:a@0.7", "researcher", "openai:a", 0.7),
        ("gpt-5-mini", None, "openai:gpt-5-mini", 1.0),
        ("claude-sonnet-4-5", None, "anthropic:claude-sonnet-4-5", 1.0),
        ("google:gemini-2.5-pro", None, "google_genai:gemini-2.5-pro", 1.0),
        ("gemini-2.5-pro", None, "google_genai:gemini-2.5-pro", 1.0),
        ("critic=ollama:llama3:8b@2", "critic", "ollama:llama3:8b", 2.0),
        ("google-vertexai:claude-3@20240229", None, "google_vertexai:claude-3@20240229", 1.0),
        ("openai:qwen3@http://127.0.0.1:8080/v1@0.5", None, "openai:qwen3", 0.5),
        ("coder=qwen3@http://127.0.0.1:8080/v1", "coder", "openai:qwen3", 1.0),
        ("openai:ft:gpt-4o:org=x:1", None, "openai:ft:gpt-4o:org=x:1", 1.0),
    ],
)
def test_words_that_name_a_model(word: str, role: str | None, model: str, weight: float) -> None:
    (choice,) = parse_models([word])
    assert (choice.role, choice.model, choice.weight) == (role, model, weight)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("llama3:8b", "ollama:llama3:8b"),
        ("driver=openai:a", "'driver' is not a role; roles are researcher, coder, critic, chat"),
        ("openai:a@0", "above 0"),
        ("openai:a@-1", "above 0"),
        ("openai:", "must follow openai:"),
        ("", "PROVIDER:NAME"),
        ("openai:a, openai:b", "once for each"),
    ],
)
def test_words_that_name_none(word: str, said: str) -> None:
    with pytest.raises(UsageError, match="--model") as caught:
        parse_models([word])
    assert said in str(caught.value)


def test_any_name_goes_to_a_server_of_ones_own() -> None:
    (choice,) = parse_models(["llama3:8b"], "http://127.0.0.1:8080/v1")
    assert choice.model == "openai:llama3:8b" and choice.server == "http://127.0.0.1:8080/v1"


def test_addresses_of_models(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["openai:a@http://127.0.0.1:1/v1", "openai:b", "anthropic:c"]
    assert [choice.base_url for choice in parse_models(words)] == ["http://127.0.0.1:1/v1", "", ""]
    monkeypatch.setenv("EVOLVER_BASE_URL", "http://127.0.0.1:2/v1")
    assert [choice.base_url for choice in parse_models(words)] == ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1", ""]


def test_estimates_learn_without_running_away() -> None:
    estimate = TokenEstimate()
    estimate.learn(100, 2, 3000)  # a provider that adds a long prompt of its own
    assert 3000 <= estimate.tokens(100, 2) <= 3100
    assert estimate.tokens(40_000, 2) < 20_000
    estimate.learn(10_000, 2, 9_900)  # digits, one token each
    assert 9_900 <= estimate.tokens(10_000, 2) < 14_000


def test_a_role_has_its_own_models_or_those_of_all() -> None:
    choices = parse_models(["openai:all", "coder=openai:own"])
    assert [choice.name for choice in models_for(choices, "coder")] == ["own"]
    assert [choice.name for choice in models_for(choices, "critic")] == ["all"]
    with pytest.raises(UsageError, match="--model critic=PROVIDER:NAME"):
        models_for(choices[1:], "critic")


def test_weights_are_kept() -> None:
    choices = parse_models(["openai:a@0.7", "openai:b@0.2", "openai:c@0.1"])
    rng = random.Random(0)
    first = Counter(in_order(choices, rng)[0].name for _ in range(4000))
    for name, share in (("a", 0.7), ("b", 0.2), ("c", 0.1)):
        assert first[name] / 4000 == pytest.approx(share, abs=0.03)


def test_prices(tmp_path: Path) -> None:
    shipped = load_prices(None)
    assert shipped.as_of

    def of(model: str, base_url: str = "") -> Price | None:
        return shipped.of(ModelSpec(model=model, base_url=base_url))

    mini = of("openai:gpt-5-mini")
    assert mini is not None and mini.cost(1_000_000, 1_000_000) == pytest.approx(2.25)
    assert mini.cost(1_000_000, 0, 1_000_000) == pytest.approx(0.025)
    assert of("openai:gpt-5-mini-2025-08-07") == mini
    assert of("anthropic:claude-sonnet-4-5-20250929") == of("anthropic:claude-sonnet-4-5-latest") is not None
    assert of("openai:gpt-5-maxi") is None and of("ollama:llama3") is None
    assert of("google_genai:gemini-2.5-flash-002") == of("google_genai:gemini-2.5-flash")
    assert of("xai:grok-4") == Price(input=3.0, output=15.0, cached_input=0.75)
    assert of("azure_openai:gpt-4o") == of("openai:gpt-4o") is not None
    assert of("openai:text-embedding-3-small") is None, "it answers nothing, so a price of answers is not known"
    assert of("deepseek:deepseek-chat") == Price(input=0.28, output=0.42, cached_input=0.028), "ours corrects the list"
    assert of("openai:gpt-5-mini", "http://127.0.0.1:1/v1") is None
    file = tmp_path / "prices.json"
    file.write_text(
        '{"models": {"openai:local": {"input": 0, "output": 0}, "openai:gpt-5-mini": {"input": 1, "output": 1}}}'
    )
    own = load_prices(file)
    assert own.of(ModelSpec(model="openai:local", base_url="http://x")) == Price(input=0, output=0)
    assert own.of(ModelSpec(model="openai:gpt-5-mini")) == Price(input=1, output=1)
    for wrong in ('{"models": {"openai:x": {"input": -1, "output": 1}}}', "[1", '{"prices": {}}'):
        file.write_text(wrong)
        with pytest.raises(UsageError, match=r"prices\.json"):
            load_prices(file)
    with pytest.raises(UsageError, match="EVOLVER_PRICES"):
        load_prices(tmp_path / "missing.json")


class _Response:
    def __init__(self, status: int) -> None:
        self.status_code, self.headers = status, {"retry-after": "3"}


class _Refused(Exception):
    """As the libraries of OpenAI and Anthropic raise it."""

    def __init__(self, message: str, status: int, param: str | None = None) -> None:
        super().__init__(message)
        self.status_code, self.response, self.param = status, _Response(status), param


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (_Refused("slow down", 429), FailureKind.TRANSIENT),
        (
            _Refused("You exceeded your current quota, please check your plan and billing details.", 429),
            FailureKind.TRANSIENT,
        ),
        (_Refused("overloaded", 529), FailureKind.TRANSIENT),
        (_Refused("Your credit balance is too low", 429), FailureKind.ACCESS),
        (_Refused("no", 403), FailureKind.ACCESS),
        (_Refused("model 'x' not found, try pulling it first", 404), FailureKind.ACCESS),
        (_Refused("The model x does not exist", 400), FailureKind.ACCESS),
        (_Refused("prompt is too long: 210000 tokens > 200000 maximum", 400), FailureKind.CONTEXT),
        (_Refused("the request exceeds the available context size", 400), FailureKind.CONTEXT),
        (
            _Refused("input token count (9) exceeds: The input token count exceeds the maximum", 400),
            FailureKind.CONTEXT,
        ),
        (_Refused("flagged by our content policy", 400), FailureKind.POLICY),
        (_Refused("temperature: not supported with this model", 400, "temperature"), FailureKind.REJECTED),
        (TimeoutError("read"), FailureKind.TRANSIENT),
        (ConnectionRefusedError("refused"), FailureKind.TRANSIENT),
        (KeyError("choices"), FailureKind.UNREADABLE),
    ],
)
def test_what_failures_mean(error: Exception, kind: FailureKind) -> None:
    failure = classify(error, str)
    assert failure.kind is kind
    assert failure.retry_after == (3.0 if isinstance(error, _Refused) else None)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:01 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, now=60.0) == seconds


def test_schemas_that_can_be_enforced() -> None:
    strict = strict_schema(Idea.model_json_schema())
    assert strict is not None and strict["required"] == ["hypothesis", "plan"]
    lesson = strict_schema(Lesson.model_json_schema())
    assert lesson is None or set(lesson["required"]) == set(lesson["properties"])
    assert strict_schema(Proposal.model_json_schema()) is None  # its recipe has free keys

    class Nested(Record):
        title: str
        idea: Idea
        others: list[Idea] = []
        note: str | None = None

    found: Any = strict_schema(Nested.model_json_schema())
    assert found["required"] == ["title", "idea", "others", "note"]
    assert found["$defs"]["Idea"]["additionalProperties"] is False and "default" not in str(found)


def test_an_archive_without_the_table_gets_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'archive.sqlite'}"
    Archive.open(url).close()
    engine, config = create_engine(url), Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert not inspect(connection).has_table("calls")
    engine.dispose()
    with Archive.open(url) as archive:
        assert (
            archive.calls.list("c") == [] and archive.calls.spent("c").tokens == 0 and archive.calls.spending("c") == []
        )
