"""Models on the command line: options and their mistakes, cost on every surface, and replaying without a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import CampaignStatus, Standing, Verdict, VerdictKind
from evolver.graph.resolved_run import open_archive
from evolver.memory import Conclusion
from tests.support import improver
from tests.support.endpoint import Endpoint, failed

Cli = Any


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL", "EVOLVER_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")
    monkeypatch.setenv("EVOLVER_OUTAGE_SECONDS", "0.1")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(improver.answer) as opened:
        yield opened


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--team", "llm"), "--team llm needs a model; add --model PROVIDER:NAME"),
        (("--team", "hybrid"), "--team hybrid needs a model"),
        (("--team", "fast"), "--team fast: choose one of offline, llm, hybrid"),
        (("--team", "offline", "--model", "openai:m"), "--team offline asks no model"),
        (("--model", "openai:gpt-5-mini"), "no key; set OPENAI_API_KEY"),
        (("--model", "researcher=openai:m", "--base-url", "http://127.0.0.1:9/v1"), "no model for the coder"),
        (("--model", "some-model"), "cannot tell whose model"),
        (("--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--cost", "1"), "no price is known"),
        (("--model", "openai:m", "--base-url", "http://ada:sesame-1@127.0.0.1:9/v1"), "key or a password in it"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    cli: Cli, home: Path, quadratic: Path, words: tuple[str, ...], said: str
) -> None:
    result = cli("run", quadratic, *words, check=2)
    assert said in result.stderr and "Traceback" not in result.stderr
    with open_archive(home) as archive:
        assert archive.campaigns.list() == []


def test_cost_is_on_every_surface(cli: Cli, endpoint: Endpoint, quadratic: Path, home: Path, tmp_path: Path) -> None:
    home.mkdir()
    (home / "prices.json").write_text(json.dumps({"models": {"openai:m": {"input": 1.0, "output": 10.0}}}))
    words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "llm", "--cost", "5", "-w", "1")
    summary = json.loads(cli("run", quadratic, "-n", "3", *words, "--json").stdout)
    cost = summary["cost"]
    assert summary["team"] == "llm" and cost["unknown"] is False and cost["usd"] > 0
    assert cost["usd"] == pytest.approx((cost["tokens_in"] + 10 * cost["tokens_out"]) / 1e6)
    assert cost["calls"] == len(endpoint.requests)
    assert sum(role["usd"] for role in cost["by_role"].values()) == pytest.approx(cost["usd"])
    dollars = f"${cost['usd']:.4f}"
    assert dollars in cli("show", "quadratic-1").stdout
    assert dollars in cli("list").stdout
    assert json.loads(cli("list", "--json").stdout)["campaigns"][0]["cost"] == cost
    one = cli("show", "quadratic-1", "1").stdout
    assert "by" in one and "researcher (propose) by openai:m: $" in one
    cli("export", "quadratic-1", "-o", tmp_path / "out")
    calls = [json.loads(line) for line in (tmp_path / "out" / "calls.jsonl").read_text().splitlines()]
    assert len(calls) == cost["calls"] and all(call["messages"] and call["reply"] for call in calls)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["cost"] == cost


def test_an_unknown_price_is_unknown_and_never_nothing(cli: Cli, endpoint: Endpoint, quadratic: Path) -> None:
    words = ("--model", "openai:m", "--base-url", endpoint.url, "-n", "8", "-w", "1")
    ran = cli("run", quadratic, *words)
    assert "price unknown" in ran.stdout and "hybrid: openai:m" in ran.stdout
    assert "price unknown" in cli("list").stdout
    assert json.loads(cli("show", "quadratic-1", "--json").stdout)["summary"]["cost"]["usd"] is None


def test_a_dry_run_says_what_models_may_cost(cli: Cli, quadratic: Path, home: Path) -> None:
    words = ("run", quadratic, "-n", "10", "--dry-run", "--json", "--team", "llm")
    known = json.loads(cli(*words, "--model", "openai:gpt-5-mini").stdout)["cost"]  # it asks nothing: no key is needed
    assert known["unknown"] is False and 0 < known["least"]["usd"] < known["typical"]["usd"] < known["most"]["usd"]
    assert 10 * 500 < known["least"]["tokens"] < known["most"]["tokens"]
    local = ("--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1")
    unknown = json.loads(cli(*words, *local, "--tokens", "50000").stdout)["cost"]
    assert unknown["unknown"] is True and unknown["least"]["usd"] is None and unknown["most"]["tokens"] == 50_000
    assert "50,000, price unknown (the cap)" in cli(*words[:5], *local, "--tokens", "50000").stdout
    assert json.loads(cli(*words[:6]).stdout)["cost"]["most"] == {"tokens": 0, "usd": 0.0}
    assert not home.exists() or not list(home.glob("archive*"))


def test_the_environment_names_a_model_for_new_campaigns(
    cli: Cli, endpoint: Endpoint, quadratic: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_MODEL", "openai:m")
    monkeypatch.setenv("EVOLVER_BASE_URL", endpoint.url)
    assert json.loads(cli("run", quadratic, "-n", "3", "--json").stdout)["models"] == ["openai:m"]
    offline = json.loads(cli("run", quadratic, "-n", "2", "--team", "offline", "--json").stdout)
    assert (offline["team"], offline["models"], offline["cost"]["calls"]) == ("offline", [], 0)


@pytest.mark.slow
def test_a_spent_budget_and_an_outage_are_told(cli: Cli, endpoint: Endpoint, quadratic: Path) -> None:
    words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "llm", "-w", "1")
    spent = cli("run", quadratic, "-n", "40", "--tokens", "15000", *words).stdout
    assert "No more proposals: the token budget is spent" in spent and "Ended early: the token budget" in spent
    assert "re-tested" in spent
    with Endpoint([failed(503, "overloaded")]) as down:
        gone = cli("resume", "quadratic-1", "--tokens", "90000", "--base-url", down.url, check=1)
    assert "gives no answers" in gone.stdout and "resume the campaign when it is back" in gone.stderr
    assert "Traceback" not in gone.stderr
    back = cli("resume", "quadratic-1", "-n", "8", "--base-url", endpoint.url)
    assert "quadratic-1 is finished" in back.stdout


@pytest.mark.slow
@pytest.mark.parametrize("team", ["llm", "hybrid"])
def test_a_replay_without_the_model_gives_the_same_campaign(cli: Cli, quadratic: Path, home: Path, team: str) -> None:
    cli("run", quadratic, "-n", "3", "--seed", "5")  # what earlier campaigns taught is known to both
    with Endpoint(improver.wordy) as endpoint:
        words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", team)
        cli("run", quadratic, "-n", "8", "-w", "1", "-c", "first", *words)
        asked = len(endpoint.requests)
    assert asked
    said = cli("replay", "first").stdout
    assert "first-replay agrees with first: the same proposals, programs and verdicts in 9 experiments" in said
    with open_archive(home) as archive:
        pairs = zip(archive.experiments.list("first"), archive.experiments.list("first-replay"), strict=True)
        assert all((a.program, a.score) == (b.program, b.score) for a, b in pairs)
        calls = (archive.calls.list("first"), archive.calls.list("first-replay"))
        assert [c.reply for c in calls[0]] == [c.reply for c in calls[1]]
        assert len({e.number for e in archive.experiments.list("first-replay")}) == 9
    assert "exists already" in cli("replay", "first", check=2).stderr
    assert "is no name for a campaign" in cli("replay", _renamed(home, "first", "a" * 60), check=2).stderr
    assert cli("list").stdout
    fresh = json.loads(cli("replay", "first", "-c", "again", "--fresh", "--json").stdout)
    assert fresh["differences"] == [] and fresh["replay"] == "again"


@pytest.mark.slow
def test_a_replay_says_what_differs(cli: Cli, quadratic: Path, home: Path) -> None:
    with Endpoint(improver.answer) as endpoint:
        words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "llm")
        cli("run", quadratic, "-n", "3", "-w", "1", "-c", "first", *words)
    with open_archive(home) as archive:
        found = archive.calls.list("first", "first-0-1", "coder")[0]
        forged = found.model_copy(update={"reply": found.reply.replace("X = ", "X = 1", 1)})
        archive.calls.add(forged)
    result = cli("replay", "first", check=1)
    assert "first-replay differs from first" in result.stdout and "experiment 2, program:" in result.stdout
    assert "nothing to replay" in cli("replay", _empty(home), check=2).stderr


def _renamed(home: Path, campaign: str, name: str) -> str:
    """A campaign of another name that has one experiment with a verdict."""
    with open_archive(home) as archive:
        changes = {"name": name, "status": CampaignStatus.RUNNING}
        archive.campaigns.add(archive.campaigns.get(campaign).model_copy(update=changes))
        place = archive.leases.acquire(name, 0, 0)
        assert place is not None
        verdict = Verdict(kind=VerdictKind.UNUSABLE, reason="no program was written")
        archive.experiments.conclude(Conclusion(experiment=place.id, verdict=verdict, standing=Standing.UNUSABLE))
    return name


def _empty(home: Path) -> str:
    with open_archive(home) as archive:
        archive.campaigns.add(archive.campaigns.get("first").model_copy(update={"name": "empty"}))
    return "empty"
