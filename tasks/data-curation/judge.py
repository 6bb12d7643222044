"""Trains a model on what was kept, within a fixed budget of bytes, and measures it on held-out books.

What is billed is the kept text as it is, in its order; what is trained on is that text without the stretches that come
from no raw document of this seed's pool, or only from documents that give benchmark questions away.
"""

import random
import sys
from pathlib import Path

from evolver_trial import Invalid, folder, safe_json

BUDGETS = {"smoke": 300_000, "proxy": 1_300_000, "full": 1_600_000}
"""Bytes of training text. Locked pools are half as large, and so is their budget."""
FRESH = 1000
LARGEST_FILE = 48 << 20
WORST_BITS, CHANCE = 3.0, 0.25
"""Where the two parts of the score are zero."""


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    pools = folder("inputs") / "pool"
    sys.path[:0] = [str(private), str(pools)]
    import raw_pool
    from benchmark import Benchmark

    text, budget = raw_pool.read_text(pools), BUDGETS[stage]
    exam = Benchmark(private, *((20_000, 500) if stage == "smoke" else ()))
    pool = raw_pool.make_pool(text, stage, seed)
    metrics = measured(read_kept(out / "kept_pool.json"), pool, budget, stage, seed, exam)
    best = "\n\n".join(raw_pool.clean_documents(pool, random.Random(seed))).encode()[:budget]
    metrics["oracle_gap"] = examined(best, stage, seed, exam)["quality"] - metrics["quality"]
    if seed >= FRESH:
        locked = raw_pool.make_pool(text, stage, seed, locked=True)
        kept = read_kept(out / "kept_locked.json")
        metrics["locked_quality"] = measured(kept, locked, budget // 2, stage, seed, exam)["quality"]
    return metrics


def read_kept(path: Path) -> list[str]:
    kept = safe_json(path, LARGEST_FILE)
    if not isinstance(kept, list) or not all(isinstance(document, str) for document in kept):
        raise Invalid(f"{path.name} does not hold a list of documents")
    if not any(kept):
        raise Invalid("nothing was kept to train on")
    return kept


def measured(kept: list[str], pool: list, budget: int, stage: str, seed: int, exam) -> dict[str, float]:
    from provenance import only_supported

    billed = "\n\n".join(kept).encode("utf-8", "replace")[:budget]
    trained, cut = only_supported(billed, [document.raw for document in pool if document.kind != "leaked"])
    return {**examined(trained, stage, seed, exam), "filled": len(billed) / budget, "cut": cut}


def examined(trained: bytes, stage: str, seed: int, exam) -> dict[str, float]:
    model = model_of(trained, stage, seed)
    bits, accuracy = exam.bits_per_byte(model), exam.accuracy(model)
    quality = ((WORST_BITS - bits) + (accuracy - CHANCE) / (1.0 - CHANCE)) / 2.0
    return {"quality": quality, "bits_per_byte": bits, "accuracy": accuracy}


def model_of(trained: bytes, stage: str, seed: int):
    if stage != "full":
        from ngram import ByteModel

        return ByteModel(trained)
    from transformer import FULL, ByteTransformer

    return ByteTransformer(trained, seed, FULL)
