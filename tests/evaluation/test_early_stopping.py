"""Rules of early stopping: hopeless curves, stages that promote the best share, and what a campaign makes of them."""

from __future__ import annotations

import math
import random
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from evolver.contracts import Direction, Experiment, Metric, Standing, Trial, TrialStatus, VerdictKind
from evolver.evaluation.learning_curve import Point
from evolver.evaluation.promotion import objection
from evolver.evaluation.pruning import CurveRules, forecast, value_at
from evolver.evaluation.reliability import reliability_of
from evolver.graph.sessions import CampaignSession
from evolver.graph.summary import summarise
from evolver.tasks.stopping_rules import PromotionSpec, PruningSpec
from evolver.web.charts import training_plot

LOSS = Metric(name="loss", direction="minimize")


def curve(level: float, speed: float = 0.5, last: int = 60, noise: float = 0.0, seed: int = 0) -> list[Point]:
    rng = random.Random(seed)
    return [(s, level + 2.0 * s**-speed + noise * rng.gauss(0.0, 1.0)) for s in range(1, last + 1)]


def trial(points: list[Point] | None = None, score: float | None = 1.0, stage: str = "full") -> Trial:
    status = TrialStatus.FAILED if score is None else TrialStatus.OK
    metrics = {} if score is None else {"loss": score}
    return Trial(
        experiment="e", program="p", stage=stage, seed=0, status=status, metrics=metrics, curve=tuple(points or ())
    )  # fmt: skip


def stopped_at(rules: CurveRules, points: list[Point]) -> tuple[int, str]:
    for count in range(1, len(points) + 1):
        if said := rules(points[:count]):
            return points[count - 1][0], said
    return 0, ""


OTHERS = [trial(curve(level)) for level in (1.0, 1.1, 1.2, 1.3)]


def test_a_curve_behind_the_median_is_hopeless_after_the_warm_up() -> None:
    spec = PruningSpec(rules=("median",), warmup_steps=10, interval_steps=4)
    step, said = stopped_at(CurveRules(spec, "minimize", OTHERS), curve(1.6))
    assert step == 10
    assert said == f"its best value {1.6 + 2.0 * 10**-0.5:.4g} by step 10 is behind the median of 4 trials"
    assert stopped_at(CurveRules(spec, "minimize", OTHERS), curve(1.1)) == (0, "")


def test_values_may_be_better_the_higher_they_are() -> None:
    others = [trial([(s, -v) for s, v in curve(level)]) for level in (1.0, 1.1, 1.2, 1.3)]
    rules = CurveRules(PruningSpec(rules=("median",)), "maximize", others)
    assert stopped_at(rules, [(s, -v) for s, v in curve(1.6)])[0] == 1
    assert stopped_at(CurveRules(PruningSpec(), "maximize", others), [(s, -v) for s, v in curve(1.05)]) == (0, "")


def test_nothing_is_stopped_before_enough_trials_have_a_curve_and_a_score() -> None:
    others = [*OTHERS[:3], trial(curve(1.0), score=None), trial([])]
    rules = CurveRules(PruningSpec(startup_trials=4), "minimize", others)
    assert not rules.can_stop
    assert stopped_at(rules, curve(100.0)) == (0, "")


def test_another_percentile_keeps_more_or_fewer() -> None:
    strict, lenient = (PruningSpec(rules=("median",), percentile=share) for share in (10.0, 90.0))
    assert stopped_at(CurveRules(strict, "minimize", OTHERS), curve(1.15))[0] == 1
    assert stopped_at(CurveRules(lenient, "minimize", OTHERS), curve(1.25)) == (0, "")


def test_a_curve_that_is_good_now_and_going_nowhere_is_extrapolated() -> None:
    """It falls fast to a level that the others pass later: no median sees that in time."""
    spec = PruningSpec(rules=("extrapolation",))
    flat = [(s, 1.2 + 0.2 * s**-1.0) for s in range(1, 61)]
    others = [trial(curve(0.8, last=60)) for _ in range(4)]
    assert value_at(others[0].curve, 20) > flat[19][1]
    step, said = stopped_at(CurveRules(spec, "minimize", others), flat)
    assert 8 <= step < 20
    assert "extrapolated from step" in said and "behind the median of 4 trials" in said
    assert stopped_at(CurveRules(PruningSpec(rules=("median",)), "minimize", others), flat)[0] > step


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.3])
def test_forecasts_are_seldom_worse_than_what_comes(noise: float) -> None:
    """Where a law is found, what comes passes the optimistic end of its interval in few cases."""
    last, passed, errors = 200, 0, list[float]()
    for seed in range(30):
        found = forecast(curve(1.0, last=60, noise=noise, seed=seed), last)
        if found is not None:
            mean, error = found
            value = 1.0 + 2.0 * last**-0.5 + noise * random.Random(seed + 1000).gauss(0.0, 1.0)
            passed += value < mean - 1.645 * error
            errors.append(abs(mean - value))
    assert len(errors) >= 20
    assert passed <= 0.2 * len(errors)
    assert sorted(errors)[len(errors) // 2] < 4 * noise


def test_what_cannot_be_fitted_is_not_forecast() -> None:
    assert forecast([(s, 1.0) for s in range(8)], 100) in (None, (1.0, 0.0))
    found = forecast([(s, 1e308 * (-1) ** s) for s in range(9)], 100)
    assert found is None or all(map(math.isfinite, found)) or found[1] == math.inf


def test_steps_that_others_did_not_report_are_read_between_theirs() -> None:
    points = [(10, 1.0), (20, 3.0)]
    assert [value_at(points, step) for step in (5, 10, 15, 20, 30)] == [1.0, 1.0, 2.0, 3.0, 3.0]
    others = [trial([(10 * s, v) for s, v in curve(level, last=6)]) for level in (1.0, 1.1, 1.2, 1.3)]
    assert stopped_at(CurveRules(PruningSpec(rules=("median",)), "minimize", others), [(3, 9.0)])[0] == 3


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_stage_promotes_the_best_share(direction: Direction) -> None:
    metric = Metric(name="loss", direction=direction)
    sign = 1.0 if direction == "minimize" else -1.0
    others = [trial(score=sign * value, stage="proxy") for value in (1.0, 2.0, 3.0, 4.0, 5.0)]
    rule = PromotionSpec(reduction_factor=3, startup=4)
    promoted = [value for value in (0.5, 1.5, 2.5, 9.0) if not objection(
        trial(score=sign * value, stage="proxy"), others, rule, metric)]  # fmt: skip
    assert promoted == [0.5, 1.5]
    said = objection(trial(score=sign * 2.5, stage="proxy"), others, rule, metric)
    assert said == f"not promoted: loss {sign * 2.5:g} at the proxy stage is number 3 of 6, and one in 3 goes on"


def test_every_experiment_is_promoted_at_first_and_failures_say_nothing() -> None:
    rule = PromotionSpec(startup=4)
    few = [trial(score=1.0, stage="proxy")] * 3 + [trial(score=None, stage="proxy")] * 9
    assert objection(trial(score=9.0, stage="proxy"), few, rule, LOSS) == ""
    assert objection(trial(score=9.0, stage="proxy"), [*few, few[0]], rule, LOSS)


# In a campaign

SPEC = """stages:
  - {name: proxy, seconds: 5, promotion: {reduction_factor: 2, startup: 3, audit: AUDIT}}
  - {name: full, seconds: 5, replicates: 3}
pruning: {rules: [median], startup_trials: 3, warmup_steps: 2, audit: AUDIT}
"""
HARNESS = """
def run(trial):
    x, y = trial.load('program.py').point()
    for step in range(1, 5):
        trial.report(step, abs(x - 1.0) * (trial.stage == 'full') + 1.0 / step)
    trial.save_json('point.json', [float(x), float(y)])
"""
Add = Callable[..., Awaitable[Experiment]]


@pytest.fixture
def noisy(quadratic: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The quadratic task in two stages, with rules of early stopping that audit all or nothing."""
    task = Path(shutil.copytree(quadratic, tmp_path / "staged"))
    audit = "1.0" if getattr(request, "param", "") == "audited" else "0.0"
    stages = "stages:\n  - {name: full, seconds: 5, replicates: 1}\n"
    spec = (task / "task.yaml").read_text()
    assert stages in spec
    (task / "task.yaml").write_text(spec.replace(stages, SPEC.replace("AUDIT", audit)))
    (task / "harness.py").write_text(HARNESS)
    judge = (task / "judge.py").read_text()
    (task / "judge.py").write_text(judge.replace("sum((a", "0.1 * (seed % 3) + sum((a"))
    return task


def kinds(trials: Sequence[Trial]) -> list[tuple[str, int, TrialStatus]]:
    return [(trial.stage, trial.seed, trial.status) for trial in trials]


async def test_a_campaign_gives_up_what_is_hopeless_and_says_so(session: CampaignSession, add: Add) -> None:
    archive = session.resources.archive
    for x in (3.0, 3.1):
        assert (await add(x)).score is not None
    dropped = await add(6.0)
    assert (dropped.standing, dropped.score) == (Standing.PRUNED, None)
    assert dropped.verdict is not None and (dropped.verdict.kind, dropped.verdict.delta) == (VerdictKind.PRUNED, None)
    why = "not promoted: squared_distance 5.29 at the proxy stage is number 3 of 4, and one in 2 goes on"
    assert dropped.verdict.reason == f"given up without a score that decides (proxy stage): {why}"
    assert kinds(archive.trials.list(dropped.id)) == [("proxy", 0, TrialStatus.OK)]
    # The best at the proxy stage; at the full one its curve lies above the median, step by step.
    stopped = await add(3.7)
    assert (stopped.standing, stopped.score) == (Standing.PRUNED, None)
    assert kinds(archive.trials.list(stopped.id)) == [("proxy", 0, TrialStatus.OK), ("full", 0, TrialStatus.PRUNED)]
    trial = archive.trials.list(stopped.id)[-1]
    assert (len(trial.curve), trial.metrics) == (2, {})
    assert trial.reason == "its best value 3.2 by step 2 is behind the median of 3 trials"
    # Nothing of what it left counts anywhere: the tuner, the repairs, the pool and the rate of failures.
    assert stopped.id not in {e.id for e in archive.experiments.pool("c")}
    assert archive.experiments.failures("c", 10) == []
    assert reliability_of([trial]) is None
    found = summarise(archive, "c")
    assert found.stages.stopping is not None
    assert (found.stages.stopping.pruned, found.stages.stopping.not_promoted, found.stages.stopping.audited) == (
        1,
        1,
        0,
    )
    assert found.experiments_by_standing["pruned"] == 2 and found.trials["pruned"] == 1
    plot = training_plot(archive.trials.list(stopped.id))
    assert plot is not None and [one.pruned for one in plot.curves] == [False, True]
    assert (plot.last, training_plot([trial.model_copy(update={"curve": ()})])) == (4, None)


@pytest.mark.parametrize("noisy", ["audited"], indirect=True)
async def test_what_is_audited_runs_to_its_end_and_says_what_a_rule_would_have_done(
    session: CampaignSession, add: Add
) -> None:
    archive = session.resources.archive
    for x in (3.0, 3.1):
        await add(x)
    kept = await add(3.7)
    assert kept.score is not None and kept.verdict is not None and kept.verdict.kind is VerdictKind.IMPROVED
    first = next(trial for trial in archive.trials.list(kept.id) if trial.stage == "full")
    assert (first.audited, first.pruning) == (True, "its best value 3.2 by step 2 is behind the median of 3 trials")
    assert len(first.curve) == 4
    others = [trial for trial in archive.trials.list(kept.id) if trial.stage == "full"][1:]
    assert others and not any(trial.pruning for trial in others)
