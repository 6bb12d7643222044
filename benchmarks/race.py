"""How often does the race accept a change that is worth nothing, and how much does it find?

    python benchmarks/race.py [--repeats 300]

Each repeat is a campaign of 300 proposals whose true effects, in units of the seed noise, are 70 % N(-2, 1),
20 % N(0, 0.2) and 10 % |N(0, 1)|.
Printed per rule: true gain of the final champion, share of acceptances that were no improvement, and by how
much the champion's score in the search exceeds its true value. `keep-if-better` takes one run of each.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable

from evolver.contracts import Metric
from evolver.evaluation.statistics import Noise, compare, decide, measure_noise

METRIC = Metric(name="score", direction="maximize")
PROPOSALS, REPLICATES = 300, 8


def true_effect(rng: random.Random) -> float:
    draw = rng.random()
    if draw < 0.7:
        return rng.gauss(-2.0, 1.0)
    return rng.gauss(0.0, 0.2) if draw < 0.9 else abs(rng.gauss(0.0, 1.0))


def replicate(value: float, rng: random.Random, shared: list[float], correlation: float) -> dict[int, float]:
    """Scores on every replicate: a shared part per seed and a private part, unit variance in all."""
    root, rest = correlation**0.5, (1.0 - correlation) ** 0.5
    return {seed: value + root * common + rest * rng.gauss(0.0, 1.0) for seed, common in enumerate(shared)}


def race(candidate: dict[int, float], champion: dict[int, float], noise: Noise) -> tuple[bool, int]:
    size = 1
    while True:
        decision = decide(
            compare({s: candidate[s] for s in range(size)}, champion, METRIC, noise), METRIC, noise, REPLICATES
        )
        if decision.kind != "continue":
            return decision.kind == "accept", size
        size = decision.size


def keep_if_better(candidate: dict[int, float], champion: dict[int, float], _: Noise) -> tuple[bool, int]:
    return candidate[0] > champion[0], 1


def campaign(
    rule: Callable[..., tuple[bool, int]], correlation: float, rng: random.Random
) -> tuple[float, int, int, int, float]:
    shared = [rng.gauss(0.0, 1.0) for _ in range(REPLICATES)]
    noise = measure_noise([rng.gauss(0.0, 1.0) for _ in range(5)])
    best, champion, used = 0.0, replicate(0.0, rng, shared, correlation), 1
    accepted = false = trials = 0
    for _ in range(PROPOSALS):
        value = best + true_effect(rng)
        candidate = replicate(value, rng, shared, correlation)
        better, size = rule(candidate, champion, noise)
        trials += size
        if better:
            accepted, false = accepted + 1, false + (value <= best)
            best, champion, used = value, candidate, size
    claimed = sum(champion[seed] - correlation**0.5 * shared[seed] for seed in range(used)) / used
    return best, accepted, false, trials, claimed - best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    repeats = parser.parse_args().repeats
    print(f"{'rule':16}{'pairing':>9}{'true gain':>11}{'false accepts':>15}{'over-claim':>12}{'runs':>8}")
    for correlation in (0.0, 0.5):
        for name, rule in (("keep-if-better", keep_if_better), ("race", race)):
            rng = random.Random(0)
            rows = [campaign(rule, correlation, rng) for _ in range(repeats)]
            accepted, false = sum(row[1] for row in rows), sum(row[2] for row in rows)
            share = false / max(accepted, 1)
            mean = [sum(row[i] for row in rows) / repeats for i in range(5)]
            print(f"{name:16}{correlation:9.1f}{mean[0]:11.2f}{share:15.1%}{mean[4]:12.2f}{mean[3]:8.0f}")


if __name__ == "__main__":
    main()
