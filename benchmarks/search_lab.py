"""How well does the offline team search? Whole campaigns on three landscapes of programs with a known optimum.

    python benchmarks/search_lab.py --landscape constants|operators|techniques
        --arm evolver|evolution|greedy|random --experiments 60 --seeds 10 --json

    constants    six constants, start and optimum up to a factor of ten apart: squared distance in logarithms
    operators    an expression with six wrong operators and calls: squared distance of its values, as log10(1 + d)
    techniques   thirty techniques in the notes, of which eight help: points, more is better

Graph, researcher, coder, runner, critic and archive are the product's own; a trial runs the program in this process
instead of a sandbox, so that sixty experiments take seconds. `evolver` is the product as it is by default, `evolution`
the same with the evolution strategy for constants, `greedy` applies an operator drawn at random to the best program,
`random` draws constants at random around the start. Printed: the median and quartiles over seeds of the best true
value, and for `--against ARM` the mean of the paired differences with a 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
import statistics
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from drawn_campaigns import quick_folder, run_to_the_end, write_task  # type: ignore[import-not-found]

from evolver.agents.change_history import ChangeHistory
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.researcher import OfflineResearcher
from evolver.agents.offline.team import offline_team
from evolver.agents.roles import Team
from evolver.contracts import Experiment, Operator, Program, Proposal, Trial, TrialStatus
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.race import Runner
from evolver.graph.resolved_run import open_archive

if TYPE_CHECKING:
    from evolver.tasks import Task

LandscapeName = Literal["constants", "operators", "techniques"]
Arm = Literal["evolver", "evolution", "greedy", "random"]
NAME = "lab"
TASK = """\
name: {name}
summary: Find what the judge knows.
metric: {{name: value, direction: {direction}, range: [null, null], resolution: 1.0e-9}}
program: {{files: [program.py], entry: ["program.py:{entry}"], interface: "{entry}() gives what is judged."}}
stages: [{{name: full, seconds: 60, replicates: 1}}]
"""
NAMES = ("rate", "width", "depth", "decay", "share", "noise")
RIGHT = """\
import math


def expression(x):
    a = x * 1.7 + 0.4
    b = math.sin(a) - x / 2.0
    c = max(a, b) * 0.8
    d = c - b * a
    if d > x:
        d = d + 1.5
    return math.floor(d) + min(c, x) - a
"""
SWAPS = (
    ("x * 1.7", "x / 1.7"), ("7 + 0.4", "7 - 0.4"), ("math.sin", "math.cos"), ("- x / 2.0", "+ x / 2.0"),
    ("max(a, b)", "min(a, b)"), ("c - b * a", "c + b * a"), ("d > x", "d < x"), ("d + 1.5", "d - 1.5"),
    ("math.floor", "math.ceil"), ("min(c, x)", "max(c, x)"), ("c, x) - a", "c, x) + a"), ("b * a", "b / a"),
)  # fmt: skip
WRONG, TECHNIQUES, HELP = 6, 30, 8


class Landscape:
    """A task whose truth is known."""

    def __init__(self, name: LandscapeName, seed: int) -> None:
        self.name, self.seed = name, seed
        self._rng = random.Random(f"{name}/{seed}")
        self.direction = "maximize" if name == "techniques" else "minimize"
        self.entry = {"constants": "settings", "operators": "expression", "techniques": "compute"}[name]
        self.baseline, self.notes = getattr(self, f"_{name}")()

    def _constants(self) -> tuple[str, str]:
        starts = [round(10.0 ** self._rng.uniform(-2, 1), 4) for _ in NAMES]
        self._best = [start * 10.0 ** self._rng.uniform(-1, 1) for start in starts]
        lines = [f"{name.upper()} = {start}" for name, start in zip(NAMES, starts, strict=True)]
        names = ", ".join(name.upper() for name in NAMES)
        return "\n".join([*lines, "", "", f"def settings():\n    return [{names}]"]) + "\n", ""

    def _operators(self) -> tuple[str, str]:
        text = RIGHT
        for old, new in self._rng.sample(SWAPS, WRONG):
            text = text.replace(old, new, 1) if old in text else text
        return text, ""

    def _techniques(self) -> tuple[str, str]:
        helping = set(self._rng.sample(range(TECHNIQUES), HELP))
        self._worth = {k: self._rng.uniform(0.5, 1.5) if k in helping else 0.0 for k in range(TECHNIQUES)}
        notes = [
            f"# Technique {k}\n\n```python\n"
            f"def technique_{k}(values):\n    values = values + [{k}]\n    return values\n```\n"
            for k in range(TECHNIQUES)
        ]
        text = "def prepare(values):\n    values = list(values)\n    return values\n\n\n"
        text += "def compute():\n    values = []\n    values = prepare(values)\n    return values\n"
        return text, "\n".join(notes)

    def value(self, program: Program) -> float:
        """The true value of a program. Raises whatever the program raises."""
        names: dict[str, Any] = {"__name__": "program"}
        exec(compile(program.files["program.py"], "program.py", "exec"), names)  # made by Evolver from a text above
        return float(getattr(self, f"_value_of_{self.name}")(names[self.entry]))

    def _value_of_constants(self, settings: Any) -> float:
        return sum(
            (math.log(max(x, 1e-9)) - math.log(best)) ** 2 for x, best in zip(settings(), self._best, strict=True)
        )

    def _value_of_operators(self, expression: Any) -> float:
        right: dict[str, Any] = {}
        exec(RIGHT, right)
        points = [0.37 * k - 3.0 for k in range(20)]
        squares = sum((float(expression(x)) - right["expression"](x)) ** 2 for x in points)
        return math.log10(1.0 + squares)

    def _value_of_techniques(self, compute: Any) -> float:
        used = Counter(compute())
        if any(k not in self._worth for k in used):
            raise ValueError("no such technique")
        # Each counts once; one that does not help costs a little, and so does one that is there twice.
        return sum(self._worth[k] for k in used) - 0.1 * sum(n - (self._worth[k] > 0.0) for k, n in used.items())


class InProcess:
    """Stands in for a trial: the program runs in this process."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape

    async def __call__(
        self, _sandbox: object, task: Task, program: Program, stage: str, seed: int, _folder: Path, **given: Any
    ) -> Trial:
        """The trial of a program."""
        base = Trial(
            experiment=given["experiment"], program=program.id, stage=stage, seed=seed, status=TrialStatus.CANCELLED
        )
        try:
            value = self._landscape.value(program)
            if not math.isfinite(value):
                raise ValueError("not finite")
        except Exception as error:  # whatever a changed program raises
            return base.model_copy(update={"status": TrialStatus.FAILED, "reason": repr(error)[:200]})
        outputs = hashlib.sha256(f"{value:.9g}".encode()).hexdigest()[:16]
        metrics = {task.metric.name: value}
        return base.model_copy(update={"status": TrialStatus.OK, "metrics": metrics, "outputs": outputs})


class Drawn(OfflineResearcher):
    """Draws without memory: any operator on the best program, or constants at random around the first ones."""

    arm: Arm = "greedy"

    def _find(self, experiment: Experiment) -> Proposal:
        resources = self._resources
        rng = random.Random(f"{resources.campaign.seed}/{experiment.number}")
        pool = resources.archive.experiments.pool(resources.name)
        for _ in range(60):
            parent = pool[0] if self.arm == "greedy" else pool[-1]
            operator = rng.choice(resources.operators.of_parents) if self.arm == "greedy" else "tune"
            others = [e for e in pool[1:4] if e.program != parent.program]
            recipe = resources.operators.draw(
                operator, resources.program(parent), rng, others=[resources.program(e) for e in others], sigma=1.0
            )
            program = None if recipe is None else self._coder.make(recipe, (parent, *others))
            known = program is None or resources.archive.experiments.with_program(resources.name, program.id)
            if recipe is None or program is None or known:
                continue
            plan, component = resources.operators.describe(recipe)
            parents = (parent.id, *(e.id for e in others if e.program == recipe.get("other")))
            proposal = Proposal(
                hypothesis=plan, plan=plan, operator=operator, parents=parents, component=component, recipe=recipe
            )
            resources.archive.experiments.add_proposal(experiment.id, proposal)
            return proposal
        nothing = Proposal(hypothesis="nothing", plan="nothing to run", operator=Operator.EDIT)
        resources.archive.experiments.add_proposal(experiment.id, nothing)
        return nothing


def team_of(resources: CampaignResources, landscape: Landscape, arm: Arm) -> Team:
    """The offline team with trials in this process, and the arm's researcher."""
    team = replace(offline_team(resources), runner=Runner(resources, InProcess(landscape)))
    if arm not in ("greedy", "random"):
        return team
    drawn = Drawn(resources, OfflineCoder(resources), ChangeHistory(resources))
    drawn.arm = arm
    return replace(team, researcher=drawn)


def run_campaign(name: LandscapeName, seed: int, arm: Arm, experiments: int, tuner: str = "") -> dict[str, Any]:
    """One campaign to its end: the best true value, and what it took."""
    began, landscape = time.process_time(), Landscape(name, seed)
    given = {"tuner": "evolution"} if arm != "evolver" else {"tuner": tuner} if tuner else {}
    spec = TASK.format(name=name, direction=landscape.direction, entry=landscape.entry)
    with quick_folder() as folder:
        notes = {"notes.md": landscape.notes} if landscape.notes else {}
        context = run_to_the_end(
            lambda resources: team_of(resources, landscape, arm),
            task=str(write_task(Path(folder, name), spec, landscape.baseline, notes)),
            campaign=NAME,
            experiments=experiments,
            seed=seed,
            home=Path(folder, "home"),
            **given,
        )
        with open_archive(context.home) as archive:
            made = [e for e in archive.experiments.list(NAME) if e.program is not None]
            values = [e.score for e in made if e.score is not None]
            operators = Counter(str(e.proposal.operator) for e in made if e.proposal and e.number)
            best = max(values) if landscape.direction == "maximize" else min(values)
    return {"best": best, "operators": dict(operators), "cpu_seconds": time.process_time() - began}


def paired(mine: list[float], theirs: list[float]) -> dict[str, Any]:
    """Mean of the paired differences with a 95 % interval by the bootstrap over seeds."""
    differences, rng = [a - b for a, b in zip(mine, theirs, strict=True)], random.Random(0)
    means = sorted(statistics.fmean(rng.choices(differences, k=len(differences))) for _ in range(4000))
    return {
        "difference": round(statistics.fmean(differences), 4),
        "interval": [round(means[99], 4), round(means[3899], 4)],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", choices=get_args(LandscapeName), default="constants")
    parser.add_argument("--arm", choices=get_args(Arm), default="evolver")
    parser.add_argument("--against", choices=get_args(Arm))
    parser.add_argument("--tuner", default="", help="of the arm `evolver`, in place of the default")
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print one object and nothing else")
    given = parser.parse_args()
    arms = [given.arm, *([given.against] if given.against else [])]
    runs = {
        arm: [run_campaign(given.landscape, s, arm, given.experiments, given.tuner) for s in range(given.seeds)]
        for arm in arms
    }
    found: dict[str, Any] = {"landscape": given.landscape, "experiments": given.experiments, "seeds": given.seeds}
    for arm, outcomes in runs.items():
        values = sorted(outcome["best"] for outcome in outcomes)
        low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
        operators = sum((Counter(outcome["operators"]) for outcome in outcomes), Counter[str]())
        found[arm] = {
            "median": round(median, 4),
            "quartiles": [round(low, 4), round(high, 4)],
            "operators": {op: round(n / sum(operators.values()), 3) for op, n in operators.most_common()},
            "cpu_seconds": round(statistics.fmean(outcome["cpu_seconds"] for outcome in outcomes), 2),
        }
    if given.against:
        values_of = {arm: [outcome["best"] for outcome in outcomes] for arm, outcomes in runs.items()}
        found["paired"] = paired(values_of[given.arm], values_of[given.against])
    print(json.dumps(found) if given.json else json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
