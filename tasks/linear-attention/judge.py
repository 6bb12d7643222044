"""Scores what the trained models said of hidden questions, of which the programs never see the answers.

fitness = half of sigmoid(bits saved / BITS) + half of sigmoid(accuracy gained / ACCURACY), both against the baseline's
own mean at that stage: the baseline scores about 0.5. After the fitness of ASI-Evolve's architecture search, a
sigmoid-normalised loss and benchmark, without its part that a language model gives.
"""

import json
import math
from pathlib import Path

import numpy
from evolver_trial import Invalid, safe_json, safe_npz

BITS, ACCURACY = 0.1, 0.2
"""Differences that are worth as much as each other."""
REPORTED = {"flops_growth", "memory_growth", "time_growth", "parameters", "train_text_bits", "train_recall_bits",
            "text_tokens_per_second", "recall_tokens_per_second", "peak_memory_mib"}  # fmt: skip
"""Figures that the harness may add; they decide nothing."""


def judge(out: Path, private: Path, stage: str, seed: int) -> dict[str, float]:
    asked = json.loads((private / "asked.json").read_text())[stage]
    with numpy.load(private / "answers.npz") as stored:
        wanted = {name: stored[name] for name in asked["rows"]}
    for name, count in asked["rows"].items():
        wanted[name] = wanted[name][numpy.random.default_rng(seed).permutation(len(wanted[name]))[:count]]
    texts = {name for name in wanted if wanted[name].ndim == 1}
    said = safe_npz(out / "answers.npz",
                    shapes={name: (len(rows), 256) if name in texts else rows.shape for name, rows in wanted.items()},
                    dtype={name: "float32" if name in texts else "int64" for name in wanted})
    measured = {name: bits(said[name], rows) if name in texts else float((said[name] == rows).mean())
                for name, rows in wanted.items()}
    text, unseen, recall, longer = measured.values()
    parts = sigmoid((asked["bits"] - text) / BITS), sigmoid((recall - asked["recall"]) / ACCURACY)
    return {"fitness": sum(parts) / 2.0, "bits_per_byte": text, "recall": recall,
            "unseen_bits_per_byte": unseen, "longer_recall": longer, **reported(out / "report.json")}


def bits(logits: numpy.ndarray, answers: numpy.ndarray) -> float:
    """Mean bits that the withheld bytes cost; logits are normalised here, so that probabilities add up to one."""
    logits = logits.astype(numpy.float64)
    logits -= logits.max(axis=1, keepdims=True)
    chosen = logits[numpy.arange(len(answers)), answers]
    return float((numpy.log(numpy.exp(logits).sum(axis=1)) - chosen).mean() / math.log(2.0))


def sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, x))))


def reported(path: Path) -> dict[str, float]:
    report = safe_json(path, 1 << 16)
    if not isinstance(report, dict) or not report.keys() <= REPORTED:
        raise Invalid(f"{path.name} holds other names than {', '.join(sorted(REPORTED))}")
    if not all(type(value) in (int, float) for value in report.values()):
        raise Invalid(f"{path.name} holds something that is no number")
    return report
