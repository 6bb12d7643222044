"""What the offline team reaches on circle-packing, over several search seeds.

    python benchmarks/circle_packing.py [--seeds 5] [--experiments 60] [--workers 2] [--sandbox bubblewrap docker]

Each seed is a campaign in an empty home (no lessons from before). Printed: the best score, after how many experiments
2.60 and 2.62 were first passed, wall time, CPU seconds in trials, and trials by status; then minimum and median. Of
several sandboxes each runs every seed, in turns; the last line compares their times.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

LEVELS = (2.60, 2.62)
EVOLVER = Path(sys.executable).parent / "evolver"


def evolver(home: str, *words: str) -> dict[str, object]:
    """One command with --json."""
    environment = {**os.environ, "EVOLVER_HOME": home}
    done = subprocess.run(
        [EVOLVER, *words, "--json"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def reached(champions: list[dict[str, float]], level: float) -> str:
    """Number of the first champion above a level."""
    return next((str(int(e["number"])) for e in champions if e["score"] >= level), "-")


def main() -> None:
    """Run the campaigns one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--experiments", type=int, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sandbox", nargs="+", default=["auto"])
    options = parser.parse_args()
    levels = "".join(f"{f'to {level}':>10}" for level in LEVELS)
    print(f"{'sandbox':12}{'seed':>4}{'best':>12}{levels}{'wall s':>9}{'CPU s':>8}  trials")
    best: dict[str, list[float]] = {name: [] for name in options.sandbox}
    seconds = dict.fromkeys(options.sandbox, 0.0)
    for seed in range(options.seeds):
        for name in options.sandbox:
            with tempfile.TemporaryDirectory(prefix="evolver-circles-") as home:
                words = ["--experiments", str(options.experiments), "--workers", str(options.workers)]
                words += ["--seed", str(seed), "--sandbox", name]
                summary = evolver(home, "run", "circle-packing", *words)
                shown = evolver(home, "show", str(summary["campaign"]))
            best[name].append(summary["best"]["mean"])  # type: ignore[index]
            seconds[name] += summary["seconds"]  # type: ignore[operator]
            levels = "".join(f"{reached(shown['champions'], level):>10}" for level in LEVELS)  # type: ignore[arg-type]
            trials = ", ".join(f"{n} {status}" for status, n in summary["trials"].items())  # type: ignore[attr-defined]
            print(
                f"{name:12}{seed:4}{best[name][-1]:12.6f}{levels}{summary['seconds']:9.0f}"
                f"{summary['cpu_seconds']:8.0f}  {trials}",
                flush=True,
            )
    for name, found in best.items():
        print(f"{name}: least {min(found):.6f}, median {statistics.median(found):.6f} of {len(found)} seeds")
    first, *others = options.sandbox
    for name in others:
        print(f"time of {name} over {first}: {seconds[name] / seconds[first]:.2f}")


if __name__ == "__main__":
    main()
