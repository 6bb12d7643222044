"""How much of an offline campaign goes to experiments without effect, and what it costs to reach a score.

    python benchmarks/no_effect.py [--tasks function-fitting circle-packing] [--seeds 5] [--experiments 60]
        [--evolver PATH] [--home .no-effect] [--targets circle-packing=2.6355] --json

Campaigns that are in --home already are read and not run again, so that the work can be stopped and taken up;
`--evolver` names another version's command, to compare with. An experiment is without effect if its program scores as
an earlier one to 1e-12 on every replicate that both have. Printed for each task:

    experiments, trials, cpu_seconds   of all its campaigns, without the baseline's and those of confirmations
    without_effect, trials_without, cpu_without   shares of them that went to experiments without effect
    same_first   experiments that score as an earlier one on the first replicate, and ran on others too
    wrong_stops  of them, those that score differently there: what a stop after one replicate would have missed
    to_target    CPU seconds of all trials until a score as good as the target, by seed; null where there is none
    best         scores of the last champions, by seed
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from evolver.contracts import Campaign, Trial
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive

FRESH = 1000
"""First of the seeds that no search uses."""
SAME = 1e-12


def run(evolver: str, task: str, seed: int, experiments: int, home: Path) -> None:
    """A campaign, unless it is there already."""
    if (home / "done").exists():
        return
    shutil.rmtree(home, ignore_errors=True)
    command = [evolver, "run", task, "-n", str(experiments), "-w", "1", "-s", str(seed), "--json"]
    environment = {**os.environ, "EVOLVER_HOME": str(home)}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    (home / "done").touch()


def read(home: Path, target: float | None) -> dict[str, Any]:
    """What became of the campaign of a data folder; another version's archive is read from a copy."""
    with tempfile.TemporaryDirectory(prefix="evolver-no-effect-") as folder:
        for file in home.glob("archive.sqlite*"):
            shutil.copy(file, folder)
        with open_archive(Path(folder)) as archive:
            [campaign] = archive.campaigns.list()
            return counted(archive, campaign, target)


def counted(archive: Archive, campaign: Campaign, target: float | None) -> dict[str, Any]:
    """The counts of one campaign."""
    found: dict[str, Any] = Counter()
    reached, spent, earlier = None, 0.0, list[dict[int, float]]()
    for experiment in archive.experiments.list(campaign.name):
        ran = archive.trials.list(experiment.id)
        trials = [trial for trial in ran if trial.seed < FRESH]
        scores = scores_of(campaign, trials)
        spent += sum(trial.cpu_seconds + trial.judge_cpu_seconds for trial in ran)
        score = experiment.score
        if reached is None and score is not None and target is not None and campaign.metric.gain(score, target) >= 0.0:
            reached = round(spent, 1)
        if experiment.number:
            same = any(is_same(scores, other) for other in earlier)
            first = [other for other in earlier if 0 in scores and 0 in other and is_close(scores[0], other[0])]
            cpu = sum(trial.cpu_seconds for trial in trials)
            found.update(experiments=1, trials=len(trials), cpu_seconds=cpu)
            found.update(without_effect=same, trials_without=same * len(trials), cpu_without=same * cpu)
            found.update(same_first=bool(first) and len(scores) > 1, wrong_stops=bool(first) and not same)
        earlier.append(scores)
    champion = archive.experiments.champion(campaign.name)
    return {**found, "to_target": reached, "best": champion.score if champion else None}


def scores_of(campaign: Campaign, trials: list[Trial]) -> dict[int, float]:
    """The deciding metric by replicate."""
    decided = [trial for trial in trials if trial.stage == campaign.stage and trial.metrics]
    return {trial.seed: trial.metrics[campaign.metric.name] for trial in decided}


def is_same(mine: dict[int, float], theirs: dict[int, float]) -> bool:
    """Whether two programs score the same on every replicate that both have."""
    shared = mine.keys() & theirs.keys()
    return bool(shared) and all(is_close(mine[seed], theirs[seed]) for seed in shared)


def is_close(one: float, other: float) -> bool:
    """Whether two scores are the same but for rounding."""
    return abs(one - other) <= SAME * max(1.0, abs(one))


def summed(outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """All campaigns of a task."""
    total = Counter[str]()
    for outcome in outcomes:
        total.update({name: value for name, value in outcome.items() if name not in ("to_target", "best")})
    return {
        **{name: round(total[name], 1) for name in ("experiments", "trials", "cpu_seconds")},
        "without_effect": round(total["without_effect"] / total["experiments"], 3),
        "trials_without": round(total["trials_without"] / total["trials"], 3),
        "cpu_without": round(total["cpu_without"] / total["cpu_seconds"], 3),
        "same_first": total["same_first"],
        "wrong_stops": total["wrong_stops"],
        "to_target": [outcome["to_target"] for outcome in outcomes],
        "best": [outcome["best"] for outcome in outcomes],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["function-fitting", "circle-packing"])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--evolver", default="evolver", help="command of the version to measure")
    parser.add_argument("--home", type=Path, default=Path(".no-effect"), help="where campaigns are kept")
    parser.add_argument("--targets", nargs="*", default=["circle-packing=2.6355"], help="scores to reach, by task")
    parser.add_argument("--json", action="store_true", help="print one object and nothing else")
    given = parser.parse_args()
    targets = {task: float(score) for task, _, score in (target.partition("=") for target in given.targets)}
    found = {}
    for task in given.tasks:
        outcomes = []
        for seed in range(given.seeds):
            home = given.home.absolute() / f"{task}-{seed}"
            run(given.evolver, task, seed, given.experiments, home)
            outcomes.append(read(home, targets.get(task)))
            if not given.json:
                print(f"\r{task}: {seed + 1} of {given.seeds} campaigns", end="", file=sys.stderr, flush=True)
        found[task] = summed(outcomes)
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
