"""What a task's stage can see: the baseline and the task's references over several seeds, sandbox and judge included.

    python benchmarks/noise.py TASK [--stage S] [--seeds 5] [--first 0] [--workers 1] [--sandbox auto]
                                    [--only NAME ...] [--save FILE.json] [--read FILE.json] [--write]

Printed for each program: mean score, standard deviation over seeds, CPU seconds of a trial with its judge, the paired
difference from the baseline, and how many replicates the verdict rule needs to call that difference an improvement
four times out of five. Then the smallest difference that the stage's replicates can see with that power, and the rank
correlation with the order in references/published.yaml. `--first` is the first seed: where settings were
chosen by looking at some seeds, others must confirm them. `--write` puts the table into the task's README, between its
noise markers; `--save` keeps the raw scores and `--read` takes those of an earlier run.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import platform
import re
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter
from scipy import optimize, stats

from evolver.contracts import Metric, Program, Record, Trial
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.screen import ENOUGH
from evolver.evaluation.trial import run_trial
from evolver.registry import SANDBOXES
from evolver.sandbox import Kind
from evolver.tasks import Task, load_task

BASELINE = "baseline"
LEVEL, POWER = 0.05, 0.8
"""One-sided level of the verdict rule, and the chance of seeing a difference that is there."""
FEWEST, MOST_REPLICATES = ENOUGH, 100
"""No race calls an improvement with fewer; nobody pays for more."""
MARKERS = re.compile(r"<!-- noise -->.*?<!-- /noise -->", re.DOTALL)

Kept = dict[str, list[Trial]]


class Study(Record):
    """What was measured, and where."""

    machine: str
    trials: Kept


class Published(Record):
    """references/published.yaml: what the literature says of these methods."""

    order: Annotated[tuple[str, ...], Field(min_length=2)]
    """From the best to the worst."""
    source: str


async def run(task: Task, programs: Mapping[str, Program], stage: str, seeds: range, workers: int, kind: Kind) -> Kept:
    """Every program on every seed."""
    sandbox = sandbox_for(task, kind, workers, stage=stage)
    with tempfile.TemporaryDirectory(prefix="evolver-noise-") as folder:

        async def trial(name: str, seed: int) -> Trial:
            scratch = Path(folder) / name / str(seed)
            result = await run_trial(sandbox, task, programs[name], stage, seed, scratch, experiment=f"noise-{name}")
            print(f"{name}, seed {seed}: {result.metrics or f'{result.status}: {result.reason}'}", flush=True)
            return result

        try:
            work = {name: [trial(name, seed) for seed in seeds] for name in programs}
            return {name: list(await asyncio.gather(*trials)) for name, trials in work.items()}
        finally:
            await sandbox.close()


def machine() -> str:
    """Processor and versions."""
    models = re.findall(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    words = [f"one core of {models[0] if models else platform.machine()}", f"Python {platform.python_version()}"]
    for package in ("torch", "scikit-learn"):
        with suppress(metadata.PackageNotFoundError):
            words.append(f"{package} {metadata.version(package)}")
    return ", ".join(words)


def scores(trials: Sequence[Trial], metric: Metric) -> dict[int, float]:
    """The deciding metric by seed."""
    return {trial.seed: trial.metrics[metric.name] for trial in trials if trial.metrics}


def power(effect: float, deviation: float, replicates: int, prior: int) -> float:
    """Chance that a paired one-sided t test calls a true effect an improvement.

    `deviation` is that of one paired difference; `prior` the degrees of freedom that the baseline's own replicates add.
    """
    freedom = replicates - 1 + prior
    bar = stats.t.ppf(1.0 - LEVEL, freedom)
    return float(1.0 - stats.nct.cdf(bar, freedom, effect * math.sqrt(replicates) / deviation))


def replicates_needed(effect: float, deviation: float, prior: int) -> int | None:
    """The fewest replicates with which an effect is seen; None where a hundred are too few."""
    if effect <= 0.0:
        return None
    if deviation == 0.0:
        return FEWEST
    counts = range(FEWEST, MOST_REPLICATES + 1)
    return next((count for count in counts if power(effect, deviation, count, prior) >= POWER), None)


def smallest_visible(deviation: float, replicates: int, prior: int) -> float:
    """The smallest true effect that so many replicates see."""
    if deviation == 0.0:
        return 0.0
    return float(
        optimize.brentq(lambda d: power(d * deviation, deviation, replicates, prior) - POWER, 1e-3, 1e3) * deviation
    )


def paired(ours: Mapping[int, float], base: Mapping[int, float], metric: Metric) -> list[float]:
    """Gain over the baseline on each seed that both have."""
    return [metric.gain(ours[seed], base[seed]) for seed in sorted(ours.keys() & base.keys())]


def table(task: Task, stage: str, kept: Kept) -> list[str]:
    """The rows of the report, in markdown."""
    metric, base = task.metric, scores(kept[BASELINE], task.metric)
    by_name = {name: scores(trials, metric) for name, trials in kept.items()}
    gains = {name: paired(ours, base, metric) for name, ours in by_name.items() if name != BASELINE}
    spreads = [statistics.variance(values) for values in gains.values() if len(values) > 1]
    deviation = math.sqrt(statistics.mean(spreads)) if spreads else math.sqrt(2.0) * statistics.stdev(base.values())
    prior, replicates = len(base) - 1, task.stage(stage).replicates
    better = sorted(by_name, key=lambda name: _mean(by_name[name]), reverse=metric.direction == "maximize")
    lines = [
        f"| program | {metric.name} | deviation | CPU s, judge included | gain over the baseline | replicates needed |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in better:
        values = by_name[name]
        if not values:
            lines.append(f"| {name} | no score: {kept[name][0].status} | | | | |")
            continue
        seconds = statistics.mean(t.cpu_seconds + t.judge_cpu_seconds for t in kept[name] if t.metrics)
        spread = statistics.stdev(values.values()) if len(values) > 1 else 0.0
        row = f"| {name} | {_mean(values):.4g} | {spread:.2g} | {seconds:.1f} |"
        if name == BASELINE:
            lines.append(f"{row} | |")
            continue
        effect = statistics.mean(gains[name])
        own = statistics.stdev(gains[name]) if len(gains[name]) > 1 else deviation
        needed = replicates_needed(effect, deviation, prior)
        many = str(needed) if needed else "" if effect <= 0.0 else f"over {MOST_REPLICATES}"
        lines.append(f"{row} {effect:+.3g} ± {own:.2g} | {many} |")
    lines += [
        "",
        f"Stage `{stage}`, seeds {min(base)} to {max(base)}; ± is the deviation of the paired difference. With its "
        f"{replicates} replicates the stage sees a gain of {smallest_visible(deviation, replicates, prior):.2g} four "
        f"times out of five ({LEVEL:g} one-sided).",
    ]
    return [*lines, *_ranks(task, by_name)]


def _ranks(task: Task, by_name: Mapping[str, Mapping[int, float]]) -> list[str]:
    path = task.root / "references" / "published.yaml"
    if not path.is_file():
        return []
    published = TypeAdapter(Published).validate_python(yaml.safe_load(path.read_text()))
    known = [name for name in published.order if by_name.get(name)]
    if len(known) < 3:
        return []
    sign = 1.0 if task.metric.direction == "maximize" else -1.0
    measured = [sign * _mean(by_name[name]) for name in known]
    rank = stats.spearmanr(range(len(known), 0, -1), measured).statistic
    return [
        f"Published order, best first: {', '.join(known)} ({published.source.strip()}). Rank correlation with it: "
        f"{rank:.2f} over {len(known)} programs."
    ]


def _mean(values: Mapping[int, float]) -> float:
    return statistics.mean(values.values()) if values else math.nan


def write(task: Task, lines: Sequence[str], command: str, place: str) -> None:
    """Put the table between the README's markers; raises SystemExit where there are none."""
    readme = task.root / "README.md"
    text = readme.read_text()
    if not MARKERS.search(text):
        raise SystemExit(f"{readme} has no <!-- noise --> and <!-- /noise --> markers")
    inside = "\n".join(["<!-- noise -->", *lines, f"Made by `{command}` ({place}).", "<!-- /noise -->"])
    readme.write_text(MARKERS.sub(lambda _: inside, text))


def command(task: str, stage: str, kept: Kept, only: Sequence[str]) -> str:
    """The words that measure the same again."""
    seeds = [trial.seed for trial in kept[BASELINE]]
    words = [task, "--stage", stage, "--first", str(min(seeds)), "--seeds", str(len(seeds))]
    return " ".join(["python benchmarks/noise.py", *words, *(["--only", *only] if only else [])])


def main() -> None:
    """Measure, or read what was measured, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("--stage", default="")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sandbox", default="auto", choices=SANDBOXES.choices())
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="references to run; all if unsaid")
    parser.add_argument("--save", type=Path)
    parser.add_argument("--read", type=Path, nargs="*", default=[])
    parser.add_argument("--write", action="store_true")
    said = parser.parse_args()
    task = load_task(said.task)
    stage = said.stage or task.deciding_stage.name
    programs = {BASELINE: task.baseline(), **task.references()}
    programs = {name: program for name, program in programs.items() if not said.only or name in (*said.only, BASELINE)}
    kept: Kept = {}
    places = []
    for path in said.read:
        study = Study.model_validate_json(path.read_bytes())
        kept |= study.trials
        places.append(study.machine)
    if not said.read:
        seeds = range(said.first, said.first + said.seeds)
        kept = asyncio.run(run(task, programs, stage, seeds, said.workers, said.sandbox))
        places.append(machine())
    place = "; ".join(dict.fromkeys(places))
    if said.save:
        said.save.write_text(Study(machine=place, trials=kept).model_dump_json(indent=1) + "\n")
    lines = table(task, stage, kept)
    print(f"\n{task.name} on {place}\n")
    print("\n".join(lines))
    if said.write:
        write(task, lines, command(task.name, stage, kept, said.only), place)


if __name__ == "__main__":
    main()
