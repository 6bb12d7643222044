"""What lessons are worth, and how far they hold: campaigns of the offline team on thirty techniques of known worth.

    python benchmarks/lessons_lab.py --experiments 60 --campaigns 12 --rho 0 --json

Team, graph, critic and archive are the product's own, on real programs; a trial is a draw around the program's true
value, which is the sum of what the techniques that it calls are worth: eight help, ten do nothing, twelve harm.

Printed, over all campaigns:

    told_about_nothing   share of supported lessons whose change is worth exactly nothing
    coverage             share of lessons whose 90 % interval holds the true effect
    inflation            mean size of the effects that supported lessons tell, over the true ones
    nulls_known          share of the nulls that nine experiments or more have tried which are known as nulls
    false_nulls          mean true effect of what is called a null, in sigma
    worth                experiments to 75 % and 90 % of the optimum without memory over those with it, with intervals
    recall               the same of a campaign that follows another, without recall over with it
    shares               of experiments by operator, in the first and in the last third of the campaigns with memory
"""

from __future__ import annotations

import argparse
import ast
import json
import math
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from drawn_campaigns import quick_folder, run_to_the_end, write_task  # type: ignore[import-not-found]

from evolver.agents.offline.team import offline_team
from evolver.agents.roles import Team
from evolver.contracts import Lesson, LessonStatus, Program, Trial, TrialStatus
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.graph.resolved_run import open_archive

TECHNIQUES, HELP, NULLS = 30, 8, 10
TASK = """\
name: techniques
summary: Find the techniques that help.
metric: {name: score, direction: maximize}
program: {files: [program.py], entry: ["program.py:solve"], interface: "solve(x) returns x, improved."}
stages: [{name: full, seconds: 60, replicates: 8}]
"""
BASELINE = "def solve(x):\n    x = abs(x)\n    return x\n"
GOALS = (0.75, 0.9)


class Landscape:
    """What each technique is worth, in standard deviations of one score."""

    def __init__(self, seed: int, rho: float) -> None:
        rng = random.Random(f"landscape {seed}")
        worths = [rng.uniform(0.5, 2.0) for _ in range(HELP)] + [0.0] * NULLS
        worths += [-rng.uniform(0.3, 2.0) for _ in range(TECHNIQUES - HELP - NULLS)]
        rng.shuffle(worths)
        self.worth = {f"technique_{place:02d}": worth for place, worth in enumerate(worths)}
        self.best = sum(worth for worth in worths if worth > 0.0)
        self.seed, self.rho = seed, rho

    def value(self, text: str) -> float:
        """The true value of a program: of every technique that `solve` comes to, once."""
        functions = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)}
        seen, waiting = set[str](), ["solve"]
        while waiting:
            name = waiting.pop()
            if name not in seen and name in functions:
                seen.add(name)
                waiting += [
                    node.func.id
                    for node in ast.walk(functions[name])
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                ]
        return sum(self.worth.get(name, 0.0) for name in seen)

    def score(self, program: Program, replicate: int) -> float:
        """What a program scores on one replicate."""
        shared = random.Random(f"{self.seed}/{replicate}").gauss(0.0, 1.0)
        own = random.Random(f"{self.seed}/{replicate}/{program.id}").gauss(0.0, 1.0)
        noise = math.sqrt(self.rho) * shared + math.sqrt(1.0 - self.rho) * own
        return self.value(program.files["program.py"]) + noise


class Draws:
    """Stands in for a trial: one draw around the program's true value."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape

    async def __call__(
        self, _sandbox: object, _task: object, program: Program, stage: str, seed: int, _folder: Path, **given: Any
    ) -> Trial:
        """The trial of a program at a stage with a seed."""
        return Trial(
            experiment=given["experiment"],
            program=program.id,
            stage=stage,
            seed=seed,
            status=TrialStatus.OK,
            metrics={"score": self._landscape.score(program, seed)},
        )


class Run(NamedTuple):
    """What came of one campaign."""

    lessons: list[Lesson]
    reached: tuple[int, ...]
    """Experiments to each goal; the budget plus one where it was not reached."""
    operators: tuple[Counter[str], Counter[str]]
    told: int
    withheld: int


def write_techniques(folder: Path) -> Path:
    """The task's folder, with a note on each technique."""
    notes = {}
    for place in range(TECHNIQUES):
        name = f"technique_{place:02d}"
        code = f"def {name}(x):\n    x = x + 0\n    return x\n"
        notes[f"{name}.md"] = f"# Technique {place}\n\nIt may help.\n\n```python\n{code}```\n"
    task: Path = write_task(folder, TASK, BASELINE, notes)
    return task


def run_campaign(home: Path, task: Path, landscape: Landscape, name: str, experiments: int, **said: Any) -> Run:
    """One campaign to its end, and what is true of it."""

    def team(resources: CampaignResources) -> Team:
        return replace(offline_team(resources), runner=Runner(resources, Draws(landscape)))

    run_to_the_end(team, task=str(task), campaign=name, experiments=experiments, home=home, **said)
    with open_archive(home) as archive:
        best, reached = 0.0, [experiments + 1] * len(GOALS)
        made = archive.experiments.list(name)
        for experiment in made:
            if experiment.program is not None and experiment.score is not None:
                best = max(best, landscape.value(archive.programs.get(experiment.program).files["program.py"]))
            for place, goal in enumerate(GOALS):
                if best >= goal * landscape.best:
                    reached[place] = min(reached[place], experiment.number)
        third = len(made) // 3
        named = [str(e.proposal.operator) for e in made if e.proposal and e.number]
        credits = archive.search.credits(name)
        told, held = (
            credits[f"lessons:{arm}"].pulls if f"lessons:{arm}" in credits else 0 for arm in ("told", "withheld")
        )
        lessons = list(archive.lessons.list(campaign=name))
        return Run(lessons, tuple(reached), (Counter(named[:third]), Counter(named[-third:])), told, held)


def judged(runs: Sequence[tuple[Landscape, Run]]) -> dict[str, float]:
    """The lessons of many campaigns beside the truth."""
    covered = shown = told = nothing = nulls = known = 0
    claimed = true = 0.0
    called = []
    for landscape, run in runs:
        for lesson in run.lessons:
            if lesson.measured is None or lesson.interval is None or lesson.change not in landscape.worth:
                continue
            truth, (low, high) = landscape.worth[lesson.change], lesson.interval
            shown, covered = shown + 1, covered + (low <= truth <= high)
            if low > 0.0 or high < 0.0:
                told, nothing = told + 1, nothing + (truth == 0.0)
                claimed, true = claimed + abs(lesson.effect), true + abs(truth)
            if lesson.status is LessonStatus.NULL:
                called.append(abs(truth))
            if truth == 0.0 and lesson.tried - lesson.failed >= 9:
                nulls, known = nulls + 1, known + (lesson.status is LessonStatus.NULL)
    return {
        "lessons": shown,
        "told": told,
        "told_about_nothing": round(nothing / max(told, 1), 4),
        "coverage": round(covered / max(shown, 1), 4),
        "inflation": round(claimed / max(true, 1e-9), 4),
        "nulls_tried_nine_times": nulls,
        "nulls_known": round(known / max(nulls, 1), 4),
        "false_nulls": round(statistics.fmean(called), 4) if called else 0.0,
    }


def ratio(without: Sequence[int], having: Sequence[int], rng: random.Random) -> list[float]:
    """Geometric mean of the paired ratios, with a 90 % bootstrap interval."""
    logs = [math.log(a / b) for a, b in zip(without, having, strict=True)]
    means = sorted(statistics.fmean(rng.choices(logs, k=len(logs))) for _ in range(2000))
    return [round(math.exp(value), 3) for value in (statistics.fmean(logs), means[100], means[1900])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--campaigns", type=int, default=12)
    parser.add_argument("--rho", type=float, default=0.0, help="share of the variance that replicates have in common")
    parser.add_argument("--json", action="store_true", help="print one object and nothing else")
    given = parser.parse_args()
    began = time.process_time()
    runs: dict[str, list[tuple[Landscape, Run]]] = {"on": [], "off": [], "recall": []}
    for seed in range(given.campaigns):
        landscape = Landscape(seed, given.rho)
        with quick_folder() as folder:
            task = write_techniques(Path(folder, "techniques"))
            for kind, home, said in (
                ("off", "off", {"memory": "off", "seed": seed}),
                ("on", "on", {"memory": "campaign", "seed": seed}),
                ("recall", "on", {"memory": "scope", "seed": seed + 1000}),
            ):
                run = run_campaign(Path(folder, home), task, landscape, kind, given.experiments, **said)
                runs[kind].append((landscape, run))
        if not given.json:
            print(f"\r{seed + 1} of {given.campaigns} landscapes", end="", file=sys.stderr, flush=True)
    rng = random.Random(0)
    reached = {kind: list(zip(*(run.reached for _, run in found), strict=True)) for kind, found in runs.items()}
    first, last = (sum((run.operators[place] for _, run in runs["on"]), Counter[str]()) for place in (0, 1))
    found = {
        **judged(runs["on"]),
        "worth": {str(goal): ratio(reached["off"][i], reached["on"][i], rng) for i, goal in enumerate(GOALS)},
        "recall": {str(goal): ratio(reached["on"][i], reached["recall"][i], rng) for i, goal in enumerate(GOALS)},
        "shares": [{name: round(n / total.total(), 2) for name, n in total.most_common()} for total in (first, last)],
        "decisions": [sum(run.told for _, run in runs["on"]), sum(run.withheld for _, run in runs["on"])],
        "cpu_seconds": round((time.process_time() - began) / (3 * given.campaigns), 2),
    }
    print(json.dumps(found) if given.json else "\n" + json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
