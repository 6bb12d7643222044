"""What program search adds to a tuner: champions on digits-tuning by both at equal trials and equal CPU seconds.

    python benchmarks/tuning.py search [--experiments 25] [--seed 0] [--tuner evolution]
    python benchmarks/tuning.py tpe | random [--seed 0]
    python benchmarks/tuning.py report [--seeds 8] [--write]

`search` is a campaign of the offline team; the other arms take configurations from the declared space of
compare/tree_parzen.py, one trial each, until they have had as many trials and as many CPU seconds as the campaign.
Every arm can be stopped (--for SECONDS) and started again, and keeps what it has in --home (default .tuning). The
report runs each winner again on fresh seeds: what was best of many in a search looks better there than it is.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, TypeAdapter

from evolver.contracts import Program, Trial
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.graph import Context, arun
from evolver.graph.resolved_run import open_archive
from evolver.tasks import load_task

TASK = load_task("digits-tuning")
METRIC, STAGE = TASK.metric, TASK.deciding_stage.name
SPACE = "tree_parzen"
FRESH = 1000
"""First of the seeds that no search uses."""
MARKERS = re.compile(r"<!-- tuning -->.*?<!-- /tuning -->", re.DOTALL)
NAMES = {"search": "program search", "tpe": "Optuna TPE", "random": "random search"}
ArmName = Literal["search", "tpe", "random"]


class Point(BaseModel):
    """A configuration that was tried; no score is a failure."""

    params: dict[str, Any]
    score: float | None
    cpu_seconds: float


Points = TypeAdapter(list[Point])
Fresh = TypeAdapter(dict[str, dict[int, tuple[float | None, float]]])
"""Score and CPU seconds by program and seed."""


class Winner(BaseModel):
    """The best program of an arm within a budget."""

    arm: str
    program: Program
    trials: int
    cpu_seconds: float
    score: float


class Bench:
    """The arms and what they have measured, in a folder."""

    def __init__(self, home: Path, campaign: str, seconds: float) -> None:
        self.home, self.campaign = home, campaign
        home.mkdir(parents=True, exist_ok=True)
        self._until = time.monotonic() + seconds
        self._sandbox = sandbox_for(TASK, "auto", 1)

    @property
    def out_of_time(self) -> bool:
        """Whether this process has had its share."""
        return time.monotonic() > self._until

    def points(self, arm: str) -> list[Point]:
        """What an arm has tried beside this campaign."""
        file = self._file(arm)
        return Points.validate_json(file.read_text()) if file.exists() else []

    def keep(self, arm: str, points: list[Point]) -> None:
        """Write down what an arm has tried."""
        self._file(arm).write_bytes(Points.dump_json(points))

    def _file(self, arm: str) -> Path:
        return self.home / f"{self.campaign}-{arm}.json"

    async def close(self) -> None:
        """Stop what runs."""
        await self._sandbox.close()

    async def trial(self, program: Program, seed: int) -> Trial:
        """One trial of a program."""
        with tempfile.TemporaryDirectory(prefix="evolver-tuning-") as folder:
            return await run_trial(self._sandbox, TASK, program, STAGE, seed, Path(folder) / "t" / "1", experiment="t")

    async def fresh(self, program: Program, seeds: int) -> tuple[list[float], list[float]]:
        """Scores and CPU seconds on fresh seeds; what is known is not run again."""
        file = self._file("fresh")
        kept = Fresh.validate_json(file.read_text()) if file.exists() else {}
        known = kept.setdefault(program.id, {})
        for seed in range(FRESH, FRESH + seeds):
            if seed not in known and not self.out_of_time:
                trial = await self.trial(program, seed)
                known[seed] = (trial.metrics.get(METRIC.name), trial.cpu_seconds)
                file.write_bytes(Fresh.dump_json(kept))
        scored = [(score, seconds) for score, seconds in known.values() if score is not None]
        return [score for score, _ in scored], [seconds for _, seconds in scored]


async def search(bench: Bench, seed: int, experiments: int, tuner: str) -> None:
    """A campaign, or the rest of it."""
    context = {"task": TASK.name, "campaign": bench.campaign, "experiments": experiments, "workers": 1,
               "seed": seed, "home": bench.home, "tuner": tuner}  # fmt: skip
    await arun(Context.model_validate(context))


def spent(bench: Bench) -> tuple[int, float]:
    """Trials and CPU seconds of the campaign's search. Raises SystemExit before there is one."""
    with open_archive(bench.home) as archive:
        if bench.campaign not in {campaign.name for campaign in archive.campaigns.list()}:
            raise SystemExit("run the arm `search` first: it sets the budget")
        trials = [
            t for e in archive.experiments.list(bench.campaign) for t in archive.trials.list(e.id) if t.seed < FRESH
        ]
    return len(trials), sum(trial.cpu_seconds for trial in trials)


def configured(params: dict[str, Any]) -> Program:
    """The declared space's program with one configuration."""
    [(name, text)] = TASK.comparisons()[SPACE].files.items()
    assert "\nCHOSEN = None\n" in text
    return Program(files={name: text.replace("\nCHOSEN = None\n", f"\nCHOSEN = {params!r}\n", 1)})


async def tune(bench: Bench, arm: ArmName, seed: int) -> None:
    """Configurations of the declared space, one trial each, until the campaign's trials and CPU seconds are spent."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    trials, seconds = spent(bench)
    names: dict[str, Any] = {"__name__": "space"}
    text = TASK.comparisons()[SPACE].files["program.py"].replace("from evolver_trial import time_left\n", "")
    exec(compile(text, f"{SPACE}.py", "exec"), names)  # a file of this repository
    points = bench.points(arm)
    while (len(points) < trials or sum(p.cpu_seconds for p in points) < seconds) and not bench.out_of_time:
        # Again for each configuration, so that an arm that was stopped goes on as if it had not been.
        kind = optuna.samplers.TPESampler if arm == "tpe" else optuna.samplers.RandomSampler
        study = optuna.create_study(direction=METRIC.direction, sampler=kind(seed=1000 * seed + len(points)))
        for point in points:
            study.enqueue_trial(point.params)
            again = study.ask()
            names["suggest"](again)
            worst = max((p.score for p in points if p.score is not None), default=METRIC.range[1])
            study.tell(again, worst if point.score is None else point.score)
        if not points:
            study.enqueue_trial(names["default"]())
        params = names["suggest"](study.ask())
        trial = await bench.trial(configured(params), 0)
        points.append(Point(params=params, score=trial.metrics.get(METRIC.name), cpu_seconds=trial.cpu_seconds))
        bench.keep(arm, points)
        print(f"{arm} {len(points)}: {points[-1].score} {trial.reason}, {trial.cpu_seconds:.1f} CPU s", flush=True)


def winners(bench: Bench) -> list[Winner]:
    """The campaign's champion, and the tuners' best at its trials and at its CPU seconds."""
    trials, seconds = spent(bench)
    with open_archive(bench.home) as archive:
        champion = archive.experiments.champion(bench.campaign)
        assert champion is not None
        assert champion.program is not None
        assert champion.score is not None
        program = archive.programs.get(champion.program)
        found = [Winner(arm="search", program=program, trials=trials, cpu_seconds=seconds, score=champion.score)]
    for arm in ("tpe", "random"):
        points = bench.points(arm)
        for count in sorted({min(trials, len(points)), _within(points, seconds)} - {0}):
            tried = points[:count]
            scored = [point for point in tried if point.score is not None]
            best = min(scored, key=lambda point: METRIC.gain(0.0, point.score or 0.0))
            assert best.score is not None
            cpu = sum(point.cpu_seconds for point in tried)
            program = configured(best.params)
            found.append(Winner(arm=arm, program=program, trials=count, cpu_seconds=cpu, score=best.score))
    return found


def _within(points: Sequence[Point], seconds: float) -> int:
    """How many of the first points fit into so many CPU seconds."""
    used, count = 0.0, 0
    for point in points:
        used += point.cpu_seconds
        if used > seconds:
            break
        count += 1
    return count


async def report(bench: Bench, seeds: int) -> list[str]:
    """The table in markdown; runs what is missing of the fresh seeds."""
    lines = [
        f"| winner of | trials | CPU s | {METRIC.name} in the search | on fresh seeds | CPU s a trial |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    baseline = Winner(arm="", program=TASK.baseline(), trials=0, cpu_seconds=0.0, score=0.0)
    for winner in (baseline, *winners(bench)):
        scores, seconds = await bench.fresh(winner.program, seeds)
        if len(scores) < 2:
            continue
        row = f"{statistics.mean(scores):.4f} ± {statistics.stdev(scores):.4f} | {statistics.mean(seconds):.1f} |"
        name = NAMES.get(winner.arm)
        fit = f"{name} | {winner.trials} | {winner.cpu_seconds:.0f} | {winner.score:.4f}" if name else "baseline | | |"
        lines.append(f"| {fit} | {row}")
    return lines


async def run(arguments: argparse.Namespace) -> None:
    campaign = arguments.campaign or f"search-{arguments.seed}"
    bench = Bench(arguments.home.absolute(), campaign, arguments.seconds)
    try:
        if arguments.arm == "search":
            await search(bench, arguments.seed, arguments.experiments, arguments.tuner)
        elif arguments.arm != "report":
            await tune(bench, arguments.arm, arguments.seed)
        else:
            lines = await report(bench, arguments.seeds)
            print("\n".join(lines))
            if arguments.write:
                readme = TASK.root / "README.md"
                inside = "\n".join(["<!-- tuning -->", *lines, "<!-- /tuning -->"])
                readme.write_text(MARKERS.sub(lambda _: inside, readme.read_text()))
    finally:
        await bench.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arm", choices=["search", "tpe", "random", "report"])
    parser.add_argument("--home", type=Path, default=Path(".tuning"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--campaign", default="", help="a campaign in --home to compare with, in the place of `search`")
    parser.add_argument("--experiments", type=int, default=25)
    parser.add_argument("--tuner", default="evolution")
    parser.add_argument("--seeds", type=int, default=8, help="fresh seeds of each winner")
    parser.add_argument("--for", dest="seconds", type=float, default=1e9, help="seconds after which to stop")
    parser.add_argument("--write", action="store_true", help="put the table into the task's README")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
