"""Do the offline embedders find the lesson that a question in other words is about?

    python benchmarks/embeddings.py

Twenty lessons, each with one paraphrase that shares few words with it. Every paraphrase is searched for among all
lessons. Printed by embedder: share found first (recall@1) and among the first three (recall@3), mean reciprocal rank,
and milliseconds for one text that was not seen before.
"""

from __future__ import annotations

import time

import numpy as np

from evolver.memory import Embedder, Hashing, MiniLm

PAIRS = (
    ("Cooling the temperature slowly escapes local optima", "annealing schedule to avoid getting stuck"),
    ("Smaller step sizes late in the search improve precision", "reduce the learning rate near the end"),
    ("Restarting from random points finds better basins", "multi-start with fresh initial guesses"),
    ("Placing the largest circles first packs tighter", "greedy order: big discs before small ones"),
    ("Normalising inputs speeds up convergence", "scale features to zero mean and unit variance"),
    ("Dropout above 0.5 hurts on small data", "too much regularisation makes a tiny network underfit"),
    ("Gradient clipping stops the loss from exploding", "training diverges with huge updates, bound their norm"),
    ("A cache of distances saves most of the run time", "memoise pairwise computations for speed"),
    ("Crossing two good programs seldom helps", "recombination of parents gives no gain"),
    ("Symmetric layouts beat irregular ones", "mirror the arrangement about its centre"),
    ("Averaging the last checkpoints reduces variance", "ensemble of weights from the final epochs"),
    ("Larger batches need a longer warm-up", "ramp the rate up gradually when using many samples per update"),
    ("Fitting the noise of the samples lowers held-out accuracy", "overfitting: good on train, bad on test"),
    ("Vectorised loops in numpy are ten times faster", "replace Python iteration by array operations"),
    ("Outliers dominate the squared error", "use a robust cost such as Huber or absolute value"),
    ("A tabu list prevents cycling between two states", "remember visited solutions so as not to return to them"),
    ("Polishing with a quasi-Newton method adds the final digits", "run L-BFGS from the best point found"),
    ("Penalising overlap softly works better than rejecting", "allow infeasible candidates at a cost"),
    ("Short tests on a subset rank candidates well", "a cheap low-fidelity evaluation predicts the full result"),
    ("Label smoothing improves calibration", "soften the targets so that confidence is more honest"),
)


def measure(embedder: Embedder) -> tuple[float, float, float, float]:
    """Recall@1, recall@3, mean reciprocal rank, and milliseconds a query."""
    lessons = np.stack(embedder([lesson for lesson, _ in PAIRS]))
    ranks: list[int] = []
    begin = time.perf_counter()
    for number, (_, question) in enumerate(PAIRS):
        scores = lessons @ embedder([question])[0]
        ranks.append(1 + int((scores > scores[number]).sum()))
    milliseconds = (time.perf_counter() - begin) / len(PAIRS) * 1e3
    found = np.array(ranks)
    return float((found <= 1).mean()), float((found <= 3).mean()), float((1.0 / found).mean()), milliseconds


def main() -> None:
    """Compare both."""
    print(f"{'embedder':<10} {'recall@1':>8} {'recall@3':>8} {'MRR':>6} {'ms/query':>8}")
    for embedder in (MiniLm(), Hashing()):
        first, third, mrr, milliseconds = measure(embedder)
        print(f"{type(embedder).__name__:<10} {first:>8.2f} {third:>8.2f} {mrr:>6.2f} {milliseconds:>8.2f}")


if __name__ == "__main__":
    main()
