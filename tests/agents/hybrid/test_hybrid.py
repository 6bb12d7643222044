"""The bandit of the hybrid team on arms with known gains and costs, and the team on a real campaign."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import evolver
from evolver.agents.hybrid.bandit import OFFLINE, Pull, TeamBandit
from evolver.contracts import Experiment, Operator, VerdictKind
from evolver.contracts.experiment_events import ArmChosen
from evolver.graph import Context
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive
from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step

GOOD, DEAR = "model:good", "model:dear"


def simulate(
    gains: Mapping[str, float], costs: Mapping[str, float | None], pulls: int = 400, seed: int = 0, **caps: Any
) -> Counter[str]:
    """How often each arm is pulled where a pull gives a champion with the chance in `gains`."""
    rng = random.Random(seed)
    arms, counts = TeamBandit(tuple(arm for arm in gains if arm != OFFLINE), **caps), Counter[str]()
    for _ in range(pulls):
        arm, _ = arms.choose({}, rng)
        counts[arm] += 1
        champion = rng.random() < gains[arm]
        arms.settle(Pull(arm, float(champion), champion, usd=costs[arm], seconds=10.0 if arm == DEAR else 1.0))
    return counts


def test_every_arm_is_tried_and_the_offline_one_first() -> None:
    arms, rng = TeamBandit((GOOD, DEAR)), random.Random(0)
    assert arms.choose({}, rng)[0] == OFFLINE
    assert {arms.choose({OFFLINE: 1}, rng)[0] for _ in range(50)} == {GOOD, DEAR}
    assert arms.choose({OFFLINE: 1, GOOD: 1}, rng)[0] == DEAR
    assert arms.choose({OFFLINE: 1}, rng, without={GOOD, DEAR})[0] == OFFLINE


def test_the_offline_arm_has_a_head_start() -> None:
    arms, rng = TeamBandit((GOOD,), head_start=3), random.Random(0)
    arms.settle(Pull(OFFLINE))
    assert arms.choose({OFFLINE: 1}, rng)[0] == OFFLINE
    assert arms.choose({OFFLINE: 2}, rng)[0] == GOOD


def test_a_model_that_finds_more_is_asked_more() -> None:
    counts = simulate({OFFLINE: 0.05, GOOD: 0.5}, {OFFLINE: 0.0, GOOD: 0.01}, usd=0.05)
    assert counts[GOOD] > 3 * counts[OFFLINE] > 0


@pytest.mark.parametrize("seed", range(5))
def test_a_useless_model_costs_few_experiments_and_is_not_forgotten(seed: int) -> None:
    counts = simulate({OFFLINE: 0.3, GOOD: 0.0}, {OFFLINE: 0.0, GOOD: 0.01}, seed=seed)
    assert 5 < counts[GOOD] < 0.1 * counts[OFFLINE]


def test_of_two_models_that_find_the_same_the_cheaper_one_is_asked_more() -> None:
    gains, costs = {OFFLINE: 0.02, GOOD: 0.3, DEAR: 0.3}, {OFFLINE: 0.0, GOOD: 0.01, DEAR: 0.1}
    counts = simulate(gains, costs)
    assert counts[GOOD] > 1.5 * counts[DEAR]


def test_a_dear_model_is_asked_less_the_smaller_the_cap() -> None:
    gains, costs = {OFFLINE: 0.1, GOOD: 0.3}, {OFFLINE: 0.0, GOOD: 0.05}
    rich, poor = (simulate(gains, costs, usd=cap)[GOOD] for cap in (1.0, 0.01))
    assert rich > 2 * poor


def test_unknown_prices_are_counted_in_seconds() -> None:
    gains = {OFFLINE: 0.02, GOOD: 0.3, DEAR: 0.3}
    counts = simulate(gains, {OFFLINE: 0.0, GOOD: 5.0, DEAR: None})
    assert counts[GOOD] > 1.5 * counts[DEAR], "dollars say the opposite, but are not known of all"


def test_an_arm_without_a_champion_for_long_gives_way() -> None:
    arms, rng = TeamBandit((GOOD,), plateau=6), random.Random(0)
    for _ in range(6):
        arms.settle(Pull(OFFLINE, 0.3, operator=Operator.TUNE))
    arms.settle(Pull(GOOD))
    assert arms.is_exhausted(OFFLINE) and not arms.is_exhausted(GOOD)
    assert arms.choose({}, rng)[0] == GOOD, "although the offline arm has gained more"
    assert arms.stale_operators() == set(), "tuning still beats the parents"
    for _ in range(6):
        arms.settle(Pull(GOOD, usd=0.01))
        arms.settle(Pull(OFFLINE, operator=Operator.TUNE))
    assert arms.stale_operators() == {Operator.TUNE}
    assert arms.choose({}, rng)[0] == OFFLINE, "with all exhausted, the cheaper one goes on"
    arms.settle(Pull(OFFLINE, 1.0, improved=True))
    assert not arms.is_exhausted(OFFLINE)


def test_an_arm_does_not_give_way_to_one_that_brings_nothing() -> None:
    arms, rng = TeamBandit((GOOD,), plateau=6), random.Random(0)
    for _ in range(6):
        arms.settle(Pull(OFFLINE, 0.3, operator=Operator.TUNE))
        arms.settle(Pull(OFFLINE, operator=Operator.EDIT))
    for _ in range(2):
        arms.settle(Pull(GOOD, brought=False, usd=0.01))
    assert arms.is_exhausted(OFFLINE) and not arms.is_exhausted(GOOD)
    arm, indices = arms.choose({}, rng)
    assert arm == OFFLINE and set(indices) == {OFFLINE, GOOD}, "the model competes by its index alone"
    assert arms.stale_operators() == set(), "it searches as the offline team does"
    arms.settle(Pull(GOOD, usd=0.01))
    assert arms.choose({}, rng)[0] == GOOD
    assert arms.stale_operators() == {Operator.EDIT}


Campaign = tuple[evolver.Summary, Sequence[Experiment], Archive]


@pytest.fixture(scope="module")
def run(quadratic: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Campaign]]:
    """Runs a hybrid campaign with scripted models; gives its summary, its experiments and its archive."""
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.ExitStack() as stack:
        for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL", "EVOLVER_PRICES"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")

        def go(script: Any, *models: str, home: Path | None = None, **options: Any) -> Campaign:
            home = home or tmp_path_factory.mktemp("home")
            with Endpoint(script) as endpoint:
                given = {"task": str(quadratic), "experiments": 20, "workers": 1, "home": home}
                team_spec = {"team": "hybrid", "models": models or ("openai:m",), "base_url": endpoint.url}
                summary = evolver.run(Context.model_validate({**given, **team_spec, **options}))
            archive = stack.enter_context(open_archive(home))
            return summary, archive.experiments.list(summary.campaign)[1:], archive

        yield go


@pytest.fixture(scope="module")
def helped(run: Callable[..., Campaign]) -> Campaign:
    """A campaign with a model whose programs are better."""
    return run(improver.answer, workers=2, experiments=30)


@pytest.fixture(scope="module")
def useless(run: Callable[..., Campaign]) -> Campaign:
    """A campaign with a model whose answers are no programs."""
    return run(improver.useless)


@pytest.fixture(scope="module")
def alone(quadratic: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str | None]:
    """The programs of the offline team, in their order."""
    home = tmp_path_factory.mktemp("alone")
    summary = evolver.run(Context(task=str(quadratic), experiments=20, workers=1, home=home))
    with open_archive(home) as archive:
        return [e.program for e in archive.experiments.list(summary.campaign)[1:]]


def test_the_arm_is_written_down_before_anything_is_asked(helped: Campaign) -> None:
    summary, experiments, archive = helped
    events = archive.events.list(summary.campaign, kind=ArmChosen)
    first_call = {c.experiment: c.created for c in reversed(archive.calls.list(summary.campaign))}
    arms = {e.experiment: e.data.arm for e in events}
    chosen = {e.experiment: e.when for e in events}
    assert set(arms) == {e.id for e in experiments}
    assert all(chosen[key] <= moment for key, moment in first_call.items())
    for experiment in experiments:
        assert experiment.proposal is not None
        expected = f"model:{experiment.proposal.author}" if experiment.proposal.author else OFFLINE
        assert arms[experiment.id] == expected
        assert bool(experiment.proposal.recipe) is not bool(experiment.proposal.author)
        assert (experiment.id in first_call) is bool(experiment.proposal.author)
    assert set(arms.values()) == {OFFLINE, "model:openai:m"}


def test_constants_of_a_models_good_program_are_tuned_offline(helped: Campaign) -> None:
    summary, experiments, archive = helped
    by_model = {e.id for e in experiments if e.proposal and e.proposal.author}
    champions = {e.id for e in experiments if e.verdict and e.verdict.kind is VerdictKind.IMPROVED}
    assert by_model & champions
    tuned = Counter(e.data.tunes for e in archive.events.list(summary.campaign, kind=ArmChosen) if e.data.tunes)
    assert tuned and set(tuned) <= by_model and max(tuned.values()) <= 4
    children = [e for e in experiments if e.proposal and e.proposal.parents[:1] and e.proposal.parents[0] in tuned]
    assert any(e.proposal.operator == Operator.TUNE and not e.proposal.author for e in children if e.proposal)


def test_a_useless_model_loses_no_experiment_and_is_asked_rarely(useless: Campaign) -> None:
    summary, experiments, archive = useless
    assert summary.status == "finished" and len(experiments) == 20
    assert all(e.verdict is not None and e.program is not None for e in experiments)
    asked = {c.experiment for c in archive.calls.list(summary.campaign)}
    assert 1 <= len(asked) <= 6
    assert all(e.proposal is not None and not e.proposal.author for e in experiments)


def test_the_offline_operators_are_not_thrown_off_by_a_model_without_programs(
    useless: Campaign, alone: list[str | None]
) -> None:
    assert_found_as_alone(useless[1], alone)


def test_the_offline_operators_are_not_thrown_off_by_a_model_whose_programs_break(
    run: Callable[..., Campaign], alone: list[str | None]
) -> None:
    assert_found_as_alone(run(improver.broken)[1], alone)


def assert_found_as_alone(experiments: Sequence[Experiment], alone: list[str | None]) -> None:
    found = [e.program for e in experiments if e.proposal and not e.proposal.author]
    assert len(found) >= 14
    assert found == alone[: len(found)], "the same programs in the same order"


def test_of_two_models_the_one_that_helps_is_asked_more(run: Callable[..., Campaign]) -> None:
    def script(seen: Seen) -> Step:
        return improver.useless(seen) if seen.body["model"] == "bad" else improver.answer(seen)

    summary, *_ = run(script, "researcher=openai:good", "researcher=openai:bad", "openai:good", experiments=30)
    calls = summary.cost.by_model
    assert calls["openai:good"].lost == 0 < calls["openai:bad"].lost
    researchers = {m: share.calls for m, share in calls.items()}
    assert researchers["openai:good"] > researchers["openai:bad"]


def test_a_resumed_campaign_remembers_what_arms_earned(run: Callable[..., Campaign], home: Path) -> None:
    first, _, archive = run(improver.useless, experiments=12, home=home)
    asked = len({c.experiment for c in archive.calls.list(first.campaign)})
    run(improver.useless, campaign=first.campaign, experiments=16, home=home)
    again = len({c.experiment for c in archive.calls.list(first.campaign)})
    assert again - asked <= 2, "a fresh bandit would begin with the model again"
    resumed = archive.events.list(first.campaign, kind=ArmChosen)[12:]
    assert len(resumed) == 4
    assert all(e.data.indices for e in resumed), "a fresh bandit would begin with a head start, where none competes"
