"""Whole campaigns of models against a scripted endpoint: caps, outages, wrong keys, useless models, resuming, secrets."""

from __future__ import annotations

import asyncio
import functools
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import RunControl

from evolver.contracts import CampaignStatus, VerdictKind
from evolver.contracts.model_events import ProviderFellSilent
from evolver.errors import ModelError, UsageError
from evolver.graph import Context, arun
from evolver.graph.failure_guard import MOST
from evolver.graph.resolved_run import open_archive
from evolver.llm import ProviderDown, RetryPolicy
from evolver.memory import Archive
from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step, failed

KEY = "sk-test-0123456789abcdef0123"
Start = Callable[..., Context]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests reach no real provider, and do not wait long."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL", "EVOLVER_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")
    monkeypatch.setenv("EVOLVER_OUTAGE_SECONDS", "0.5")
    quick = functools.partial(RetryPolicy, attempts=2, pause=0.02, probe=0.05, longest_probe=0.2)
    monkeypatch.setattr("evolver.llm.client.RetryPolicy", quick)


@pytest.fixture
def start(quadratic: Path, home: Path) -> Start:
    """A campaign of a scripted model."""

    def make(endpoint: Endpoint, **options: Any) -> Context:
        given = {"task": str(quadratic), "experiments": 6, "workers": 1, "home": home, "models": ("openai:m",)}
        return Context.model_validate({**given, "base_url": endpoint.url, "team": "llm", **options})

    return make


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    home.mkdir(exist_ok=True)
    with open_archive(home) as opened:
        yield opened


async def test_models_alone_improve_a_program_and_their_cost_is_told(start: Start, archive: Archive) -> None:
    with Endpoint(improver.answer) as endpoint:
        summary = await arun(start(endpoint, workers=2, experiments=8))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == 8
    assert summary.best is not None and summary.baseline is not None and summary.best.mean < 1.0 < summary.baseline.mean
    assert summary.fresh is not None
    experiments = archive.experiments.list(summary.campaign)[1:]
    assert {e.proposal.author for e in experiments if e.proposal} == {"openai:m"}
    cost = summary.cost
    assert cost.usd is None and cost.unknown, "nobody knows what a server of one's own costs"
    assert cost.calls == len(endpoint.requests) and cost.tokens_in > cost.tokens_out > 0
    assert set(cost.by_role) == {"researcher", "coder", "critic"} and set(cost.by_model) == {"openai:m"}
    assert sum(share.calls for share in cost.by_role.values()) == cost.calls


async def test_a_token_cap_ends_the_proposals_and_can_be_raised(start: Start, archive: Archive) -> None:
    with Endpoint(improver.answer) as endpoint:
        summary = await arun(start(endpoint, workers=2, experiments=50, tokens=30_000))
        paid = len(endpoint.requests)
        assert summary.status is CampaignStatus.FINISHED
        assert 2 <= summary.experiments < 50 and summary.cost.tokens <= 30_000
        assert "token budget is spent" in summary.ended
        assert summary.fresh is not None, "the champion is tested again all the same"
        again = await arun(start(endpoint, campaign=summary.campaign, workers=2, experiments=None, tokens=60_000))
    assert again.experiments > summary.experiments and again.cost.tokens <= 60_000
    assert len(endpoint.requests) > paid
    asked = [(c.experiment, c.role, c.purpose, c.ordinal) for c in archive.calls.list(summary.campaign)]
    assert len(asked) == len(set(asked)) == len(endpoint.requests), "nothing was asked and paid twice"


async def test_an_outage_stops_the_campaign_and_resuming_goes_on(start: Start, archive: Archive) -> None:
    broken = False

    def script(seen: Seen) -> Step:
        nonlocal broken
        broken = broken or seen.number == 7
        return failed(503, "overloaded") if broken else improver.answer(seen)

    with Endpoint(script) as endpoint:
        with pytest.raises(ProviderDown, match=r"overloaded.*resume"):
            await arun(start(endpoint))
        name = archive.campaigns.list()[0].name
        assert archive.campaigns.get(name).status is CampaignStatus.PAUSED
        done = archive.campaigns.counts(name).finished
        assert 0 < done < 6
        kinds = [event.kind for event in archive.events.list(name)]
        assert "provider_down" in kinds and "retested" not in kinds
    with Endpoint(improver.answer) as endpoint:
        summary = await arun(start(endpoint, campaign=name))
        assert summary.status is CampaignStatus.FINISHED and summary.experiments == 6
        assert len(endpoint.requests) <= 3 * (6 - done)


async def test_who_stops_a_campaign_need_not_wait_for_the_end_of_an_outage(
    start: Start, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVOLVER_OUTAGE_SECONDS", "600")
    control = RunControl()
    with Endpoint([failed(503, "overloaded")]) as endpoint:
        work = asyncio.ensure_future(arun(start(endpoint, workers=2), control=control))
        while not archive.campaigns.list() or not archive.events.list(
            archive.campaigns.list()[0].name, kind=ProviderFellSilent
        ):
            await asyncio.sleep(0.05)
        control.request_drain("interrupted")
        stopped = await asyncio.wait_for(work, 20)
    assert stopped.status is CampaignStatus.PAUSED and stopped.experiments == 0
    with Endpoint(improver.answer) as endpoint:
        again = await arun(start(endpoint, campaign=stopped.campaign, workers=2))
    assert again.status is CampaignStatus.FINISHED and again.experiments == 6


async def test_a_wrong_key_stops_at_once_and_a_right_one_goes_on(
    start: Start, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Endpoint(improver.answer, key=KEY) as endpoint:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789abcdef")
        with pytest.raises(UsageError, match=r"does not accept the key; check OPENAI_API_KEY"):
            await arun(start(endpoint, workers=2))
        name = archive.campaigns.list()[0].name
        assert archive.campaigns.get(name).status is CampaignStatus.PAUSED
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        summary = await arun(start(endpoint, campaign=name, workers=2))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == 6


async def test_answers_that_cannot_be_used_cost_an_experiment_each(start: Start, archive: Archive) -> None:
    def script(seen: Seen) -> Step:
        return improver.useless(seen) if "You propose experiment 2;" in seen.prompt else improver.answer(seen)

    with Endpoint(script) as endpoint:
        summary = await arun(start(endpoint))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == 6
    lost = archive.experiments.by_number(summary.campaign, 2).verdict
    assert lost is not None and lost.kind is VerdictKind.UNUSABLE and "openai:m: no usable answer" in lost.reason
    assert summary.cost.by_role["researcher"].lost == 1


async def test_a_useless_model_stops_its_campaign_but_not_the_hybrid_teams(start: Start, archive: Archive) -> None:
    with Endpoint(improver.useless) as endpoint:
        with pytest.raises(ModelError, match=rf"openai:m gave no usable answer in {MOST} experiments in a row"):
            await arun(start(endpoint, experiments=30))
        name = archive.campaigns.list()[0].name
        assert archive.campaigns.counts(name).finished == MOST
        assert archive.campaigns.get(name).status is CampaignStatus.PAUSED
        summary = await arun(start(endpoint, team="hybrid", experiments=16))
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == 16
    assert summary.experiments_by_standing.get("unusable", 0) == 0, "the offline operators stand in"
    assert 0 < summary.cost.by_role["researcher"].lost < 8


async def test_an_offline_campaign_can_be_given_a_model_later(start: Start, archive: Archive, quadratic: Path) -> None:
    first = await arun(Context(task=str(quadratic), experiments=3, workers=1, home=start(Endpoint([])).home))
    assert first.team == "offline" and first.cost.calls == 0 and first.cost.usd == 0.0
    with Endpoint(improver.answer) as endpoint:
        options = {"campaign": first.campaign, "team": None, "experiments": 16}
        later = await arun(start(endpoint, **options))
    assert later.team == "hybrid" and later.cost.calls > 0


PLANTED = {
    "OPENAI_API_KEY": KEY,
    "ANTHROPIC_API_KEY": "sk-ant-api03-planted-456789abcdef",
    "MY_SERVICE_TOKEN": "correct horse battery staple",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}


def number_of(seen: Seen) -> int:
    """The experiment that a coder is asked about."""
    return int(re.findall(r"# Proposal (\d+)", seen.prompt)[0])


def test_no_secret_is_kept_or_shown(cli: Any, home: Path, tmp_path: Path, quadratic: Path) -> None:
    """Keys in the environment, in answers, in programs and in what programs print."""
    leak = f"{KEY} {PLANTED['MY_SERVICE_TOKEN']}"

    def script(seen: Seen) -> Step:
        step = improver.answer(seen)
        role = improver.role_of(seen)
        if role == "researcher":
            said = json.loads(step.text)
            return Step(json.dumps({**said, "hypothesis": f"{said['hypothesis']} {leak}"}))
        if role == "coder":
            wrong = "# Proposal" in seen.prompt and number_of(seen) % 2  # a program that is sent back is put right
            print_it = "print('sk-test-0123456789' + 'abcdef0123')"
            raise_it = "    raise RuntimeError('correct horse ' + 'battery staple')\n" if wrong else ""
            return Step(step.text.replace("def point():\n", f"def point():\n    {print_it}\n{raise_it}", 1))
        return step

    saved = dict(os.environ)
    os.environ.update(PLANTED)
    try:
        with Endpoint(script, key=KEY) as endpoint:
            words = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "llm")
            ran = cli("run", quadratic, "-n", "5", "-w", "1", *words)
            shown = [
                cli("show", "quadratic-1"),
                cli("show", "quadratic-1", "1"),
                cli("list"),
                cli("lessons", "quadratic-1"),
            ]
            exported = cli("export", "quadratic-1", "-o", tmp_path / "taken")
            reported = cli("report", "quadratic-1", "-o", tmp_path / "report.html")
            replayed = cli("replay", "quadratic-1")
        wrong = cli("run", quadratic, "-n", "2", "--model", f"openai:{KEY}", check=2)
        address = cli("run", quadratic, "--model", "openai:m", "--base-url", "http://ada:sesame-1@127.0.0.1:9", check=2)
    finally:
        os.environ.clear()
        os.environ.update(saved)
    told = "".join(r.stdout + r.stderr for r in (ran, *shown, exported, reported, replayed, wrong, address))
    files = {p: p.read_bytes() for folder in (home, tmp_path) for p in folder.rglob("*") if p.is_file()}
    for name in ("taken/trials.jsonl", "taken/experiments.jsonl", "taken/calls.jsonl", "report.html"):
        assert b"secret removed" in files[tmp_path / name], f"the leak was there, and is marked in {name}"
    assert [path for path in files if "checkpoint" in path.name], "checkpoints are looked through too"
    for name, secret in {**PLANTED, "password": "sesame-1"}.items():
        assert secret not in told, name
        for path, content in files.items():
            assert secret.encode() not in content, f"{name} is in {path}"
