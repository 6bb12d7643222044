"""Does an experiment cost more in a large archive?

    python benchmarks/archive_growth.py [--experiments 20000] [--url sqlite:////path/archive.sqlite]

Every experiment does what a lane does: lease, search state (pool, credits, coverage, failures, counts), proposal,
program, memo, trial, conclusion with a lesson. Printed: medians in milliseconds over the 100 experiments before each
mark, as wall time, as CPU time (better on a busy machine) and as wall time by step; then last mark / first mark.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from evolver.contracts import (
    Budget,
    Campaign,
    Lesson,
    LessonStatus,
    Metric,
    Operator,
    Program,
    Proposal,
    Standing,
    Trial,
    TrialStatus,
    Verdict,
    VerdictKind,
)
from evolver.memory import Archive, Conclusion

MARKS, WINDOW = (100, 1_000, 5_000, 20_000), 100
SKELETONS, TECHNIQUES = 200, 50


class Clock:
    """Milliseconds of named steps since the last time they were taken."""

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = defaultdict(list)
        self.cpu: list[float] = []
        self._last = self._cpu_start = 0.0

    def start(self) -> None:
        """Begin an experiment."""
        self._last, self._cpu_start = time.perf_counter(), time.process_time()

    def stop(self) -> None:
        """End it."""
        self.cpu.append((time.process_time() - self._cpu_start) * 1e3)

    def lap(self, step: str) -> None:
        """End a step."""
        moment = time.perf_counter()
        self.steps[step].append((moment - self._last) * 1e3)
        self._last = moment

    def medians(self) -> dict[str, float]:
        """Median by step over the last window."""
        return {step: statistics.median(times[-WINDOW:]) for step, times in self.steps.items()}


def _choose(archive: Archive, rng: random.Random) -> Proposal:
    """What a researcher reads before it proposes."""
    pool = archive.experiments.pool("growth")
    archive.search.credits("growth")
    archive.experiments.failures("growth", limit=5)
    archive.campaigns.counts("growth")
    parents = (rng.choice(pool).id,) if pool else ()
    if pool:
        archive.search.covered("growth", pool[0].skeleton or "")
    return Proposal(hypothesis="a smaller step", plan="halve the step", operator=Operator.TUNE, parents=parents)


def one_experiment(archive: Archive, seq: int, rng: random.Random, clock: Clock) -> None:
    """Take an experiment from its lease to its conclusion."""
    clock.start()
    leased = archive.leases.acquire("growth", 0, seq)
    assert leased is not None
    clock.lap("lease")
    proposal = _choose(archive, rng)
    clock.lap("choose")
    skeleton = f"s{seq % SKELETONS}"
    archive.experiments.add_proposal(leased.id, proposal, [(skeleton, f"t{seq % TECHNIQUES}")])
    clock.lap("proposal")
    program = Program(files={"program.py": f"STEP = {seq}\n" + "x = 1\n" * 100})
    archive.experiments.add_program(leased.id, program, skeleton)
    archive.experiments.with_program("growth", program.id)
    archive.trials.finished(program.id, "v1", "full", 0)
    clock.lap("program")
    score = None if rng.random() < 0.3 else rng.gauss(0.0, 1.0)
    status = TrialStatus.FAILED if score is None else TrialStatus.OK
    metrics = {} if score is None else {"m": score}
    archive.trials.add(
        Trial(experiment=leased.id, program=program.id, stage="full", seed=0, status=status, metrics=metrics), "v1"
    )
    clock.lap("trial")
    lesson = Lesson(
        id=f"l{seq % 500}", task="t", campaign="growth", claim="smaller steps help", component="step",
        operator=Operator.TUNE, effect=0.1, evidence=(leased.id,), confidence=0.5, status=LessonStatus.TENTATIVE,
    )  # fmt: skip
    archive.experiments.conclude(
        Conclusion(
            experiment=leased.id,
            verdict=Verdict(kind=VerdictKind.UNUSABLE if score is None else VerdictKind.INDECISIVE),
            standing=Standing.UNUSABLE if score is None else Standing.PROMISING,
            score=score,
            credits={f"arm{seq % 10}": 0.5},
            lessons=(lesson,),
        )
    )
    clock.lap("conclude")
    clock.stop()


def run(archive: Archive, experiments: int) -> None:
    """Fill the archive and print a line at each mark."""
    metric = Metric(name="m", direction="maximize")
    archive.campaigns.add(
        Campaign(
            name="growth", task="t", task_version="v1", metric=metric, stage="full", seed=0, workers=1,
            budget=Budget(experiments=experiments), sandbox="none",
        )
    )  # fmt: skip
    rng, clock, totals = random.Random(0), Clock(), list[tuple[float, float]]()
    for seq in range(experiments):
        one_experiment(archive, seq, rng, clock)
        if seq + 1 in MARKS or seq + 1 == experiments:
            medians = clock.medians()
            if not totals:
                print(f"{'experiments':>11} {'wall':>8} {'CPU':>8}  " + " ".join(f"{step:>8}" for step in medians))
            totals.append((sum(medians.values()), statistics.median(clock.cpu[-WINDOW:])))
            columns = " ".join(f"{value:>8.2f}" for value in medians.values())
            print(f"{seq + 1:>11} {totals[-1][0]:>8.2f} {totals[-1][1]:>8.2f}  {columns}", flush=True)
    wall, cpu = (last / first for first, last in zip(totals[0], totals[-1], strict=True))
    print(f"last / first: wall {wall:.2f}, CPU {cpu:.2f}")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=MARKS[-1])
    parser.add_argument("--url", help="an archive that has no campaign `growth` yet; a temporary SQLite file if absent")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'archive.sqlite'}"
        with Archive.open(url) as archive:
            run(archive, options.experiments)


if __name__ == "__main__":
    main()
