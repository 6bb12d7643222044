"""What early stopping saves and costs on a training task, with real trials in a real sandbox.

    python benchmarks/pruning.py [--seconds 6] [--candidates 30] [--orders 200] [--seed 0] [--sandbox bubblewrap] --json

The task (`tasks/training`) trains a small network; its steps are scaled so that a full trial takes about so many CPU
seconds. The real size is `--seconds 60`, the scaled one 6. The candidates draw six constants over wide ranges. Each is
run to its end once; then again under the rules of early stopping, in the same order, where they are really stopped:

    full       all candidates at the full stage
    pruning    the same, stopped by the median and extrapolation rules
    median     the same by the median rule alone
    asha       proxy stage first, one in three goes on (asynchronous successive halving)
    both       asha, with pruning at the full stage

Printed for each (`--json`: as one object): CPU seconds, the share of `full` saved, the best score that was found, its
regret (the best of `full` is better by so much) and `lost`, whether the best candidate was given up. The same over
`--orders` random orders of the candidates, from the recorded curves and costs, with the standard error of the means:
one order is luck. `agreement` is the rank agreement of the stages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.learning_curve import TrialPruner
from evolver.evaluation.promotion import objection
from evolver.evaluation.pruning import CurveRules
from evolver.evaluation.stage_agreement import agreements
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox, open_sandbox
from evolver.tasks import Task, load_task
from evolver.tasks.stopping_rules import PromotionSpec, PruningSpec

STEPS_PER_SECOND = 20_000
PROXY = 9
"""The proxy stage takes one step in so many."""
RANGES = {
    "RATE": (0.001, 2.0),
    "MOMENTUM": (0.05, 0.98),
    "WIDTH": (4, 48),
    "SCALE": (0.1, 5.0),
    "DECAY": (1e-6, 0.03),
    "BATCH": (16, 64),
}
METRIC = "cross_entropy"


@dataclass(frozen=True)
class Arm:
    """What a way of stopping early does with the candidates."""

    pruning: PruningSpec | None = None
    promotion: PromotionSpec | None = None


ARMS = {
    "full": Arm(),
    "pruning": Arm(pruning=PruningSpec(warmup_steps=2, audit=0.0)),
    "median": Arm(pruning=PruningSpec(rules=("median",), warmup_steps=2, audit=0.0)),
    "asha": Arm(promotion=PromotionSpec(audit=0.0)),
    "both": Arm(pruning=PruningSpec(warmup_steps=2, audit=0.0), promotion=PromotionSpec(audit=0.0)),
}


def candidates(task: Task, count: int, seed: int) -> list[Program]:
    """The baseline, and programs whose constants are drawn evenly on a logarithmic scale."""
    text, rng, found = task.baseline().files["program.py"], random.Random(seed), [task.baseline()]
    while len(found) < count:
        changed = text
        for name, (low, high) in RANGES.items():
            drawn = math.exp(rng.uniform(math.log(low), math.log(high)))
            value = f"{round(drawn)}" if isinstance(low, int) else f"{drawn:.4g}"
            changed = re.sub(rf"^{name} = .*$", f"{name} = {value}", changed, flags=re.MULTILINE)
        found.append(Program(files={"program.py": changed}))
    return found


@dataclass(frozen=True)
class Bench:
    """Runs the candidates of one task."""

    task: Task
    sandbox: Sandbox
    folder: Path

    async def trial(self, number: int, program: Program, stage: str, rules: CurveRules | None = None) -> Trial:
        """One trial, which may be stopped."""
        pruner = TrialPruner(rules, audits=False) if rules is not None else None
        folder = self.folder / f"{number}" / stage
        return await run_trial(
            self.sandbox, self.task, program, stage, 0, folder, experiment=f"{number}", pruner=pruner
        )  # fmt: skip

    async def arm(self, arm: Arm, programs: Sequence[Program]) -> list[Trial]:
        """All trials of the candidates, one after the other."""
        proxies, fulls = list[Trial](), list[Trial]()
        for number, program in enumerate(programs):
            if arm.promotion is not None:
                trial = await self.trial(number, program, "proxy")
                said = objection(trial, proxies, arm.promotion, self.task.metric) if trial.metrics else "failed"
                proxies.append(trial)
                if said:
                    continue
            rules = CurveRules(arm.pruning, "minimize", fulls) if arm.pruning is not None else None
            fulls.append(await self.trial(number, program, "full", rules))
        return [*proxies, *fulls]


def replayed(
    arm: Arm, proxies: Sequence[Trial], fulls: Sequence[Trial], order: Sequence[int], task: Task
) -> list[Trial]:
    """What an arm would have made of recorded trials in another order; costs are shares of the recorded ones."""
    seen_proxies, seen = list[Trial](), list[Trial]()
    for number in order:
        if arm.promotion is not None:
            trial = proxies[number]
            said = objection(trial, seen_proxies, arm.promotion, task.metric) if trial.metrics else "failed"
            seen_proxies.append(trial)
            if said:
                continue
        seen.append(_stopped(fulls[number], CurveRules(arm.pruning, "minimize", seen) if arm.pruning else None))
    return [*seen_proxies, *seen]


def _stopped(trial: Trial, rules: CurveRules | None) -> Trial:
    for count in range(1, len(trial.curve) + 1 if rules is not None else 0):
        assert rules is not None
        if said := rules(list(trial.curve[:count])):
            share = trial.curve[count - 1][0] / trial.curve[-1][0]
            changes = {"status": TrialStatus.PRUNED, "metrics": {}, "pruning": said, "curve": trial.curve[:count]}
            return trial.model_copy(update={**changes, "cpu_seconds": share * trial.cpu_seconds})
    return trial


def outcome(trials: Sequence[Trial], full: Sequence[Trial]) -> dict[str, float]:
    """Cost and regret of an arm, beside running everything."""
    cost, whole = (sum(trial.cpu_seconds for trial in those) for those in (trials, full))
    best, scores = _best(full), [t.metrics[METRIC] for t in trials if t.stage == "full" and t.metrics]
    found = min(scores)
    return {
        "cpu_seconds": round(cost, 1),
        "saved": round(1.0 - cost / whole, 3),
        "best": round(found, 5),
        "regret": round(found - best, 5),
        "lost": int(found > best),
    }


def _best(trials: Sequence[Trial]) -> float:
    return min(trial.metrics[METRIC] for trial in trials if trial.metrics)


def over_orders(
    arm: Arm, proxies: Sequence[Trial], fulls: Sequence[Trial], orders: int, task: Task
) -> dict[str, tuple[float, float]]:
    """Means over random orders, the baseline first, with their standard errors."""
    rng, rows = random.Random(1), list[dict[str, float]]()
    for _ in range(orders):
        order = [0, *rng.sample(range(1, len(fulls)), len(fulls) - 1)]
        rows.append(outcome(replayed(arm, proxies, fulls, order, task), fulls))
    found = {}
    for name in ("saved", "regret", "lost"):
        values = [row[name] for row in rows]
        mean = sum(values) / len(values)
        spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1) / len(values))
        found[name] = (round(mean, 5), round(spread, 5))
    return found


async def measure(
    seconds: float, count: int, orders: int, seed: int, backend: Literal["bubblewrap", "docker", "none"]
) -> dict[str, Any]:
    """Every arm."""
    with tempfile.TemporaryDirectory(prefix="evolver-pruning-") as place:
        root = Path(shutil.copytree(Path(__file__).parent / "tasks" / "training", Path(place) / "task"))
        steps = round(seconds * STEPS_PER_SECOND)
        (root / "public" / "steps.json").write_text(json.dumps({"proxy": steps // PROXY, "full": steps}))
        task = load_task(root)
        sandbox = open_sandbox(backend, 1, hidden=(root,), requires=task.spec.requires)
        bench, programs = Bench(task, sandbox, Path(place) / "trials"), candidates(task, count, seed)
        try:
            fulls = await bench.arm(ARMS["full"], programs)
            proxies = [await bench.trial(n, program, "proxy") for n, program in enumerate(programs)]
            ran = {name: await bench.arm(arm, programs) for name, arm in ARMS.items() if name != "full"}
        finally:
            await sandbox.close()
        scores = sorted(trial.metrics[METRIC] for trial in fulls if trial.metrics)
        return {
            "seconds": seconds,
            "candidates": count,
            "steps": steps,
            "failed": sum(not trial.metrics for trial in fulls),
            "scores": {"best": scores[0], "median": scores[len(scores) // 2], "worst": scores[-1]},
            "agreement": [str(one) for one in agreements([*proxies, *fulls], METRIC, "full")],
            "arms": {name: outcome(trials, fulls) for name, trials in {"full": fulls, **ran}.items()},
            "orders": {
                name: over_orders(arm, proxies, fulls, orders, task) for name, arm in ARMS.items() if name != "full"
            },
        }


def main() -> None:
    """Print one object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--orders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sandbox", default="bubblewrap", choices=["bubblewrap", "docker", "none"])
    parser.add_argument("--json", action="store_true", help="print one object and nothing else")
    given = parser.parse_args()
    result = asyncio.run(measure(given.seconds, given.candidates, given.orders, given.seed, given.sandbox))
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print("arm        CPU s   saved  regret    over orders: saved, regret")
    for name, found in result["arms"].items():
        (saved, saved_error), (regret, regret_error) = (
            result["orders"].get(name, {}).get(kind, (0.0, 0.0)) for kind in ("saved", "regret")
        )
        means = f"{saved:.0%} (SE {saved_error:.0%}), {regret:.4f} (SE {regret_error:.4f})"
        print(f"{name:8} {found['cpu_seconds']:7.1f}  {found['saved']:6.0%}  {found['regret']:.4f}    {means}")
    print(*result["agreement"], sep="\n")


if __name__ == "__main__":
    main()
