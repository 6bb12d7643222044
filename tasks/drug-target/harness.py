"""Draws the splits of a seed, trains the program on each, and has it score pairs of drugs and targets it never saw.

draw     runs no program: chooses each split's training and validation pairs among the known ones
train    fit() on the training pairs; the scores of the validation pairs give the threshold for F1
predict  predict() on the hidden pairs of each split, without labels
"""

import json
import os
import random
from dataclasses import dataclass
from typing import Any

import numpy as np
from evolver_trial import Trial, seed_random

SPLITS = {"smoke": 1, "proxy": 3, "full": 3}
SCALE = {"smoke": 1, "proxy": 1, "full": 6}
"""How much wider than on the CPU a network is to be."""
SMOKE_PAIRS = 600
KEPT, TESTED = 0.85, 0.7
"""Shares of the known families that a split trains on, and of the hidden families that it tests on."""
UNUSED, TRAINED, NEW, LOCKED = range(4)
"""What a family is to a split. Locked ones are scored every time, and never seen before a report."""
LARGEST_STATE = 256 << 20
"""Bytes of all arrays that fit() may return."""


def drawn(families, share, what, split, seed):
    """A share of the families, the same for the same seed and split; judge.py has the same."""
    names = sorted(set(families))
    return set(random.Random(f"{what} {split} {seed}").sample(names, max(1, round(share * len(names)))))


@dataclass(frozen=True)
class Setting:
    """What a program may want to know besides the data."""

    seed: int
    scale: int
    processes: int = 1
    rank: int = 0
    accelerator: Any = None
    """Accelerate's Accelerator in stages that it launches."""

    @property
    def device(self):
        """Where tensors belong."""
        return self.accelerator.device if self.accelerator else "cpu"

    def prepare(self, *parts):
        """Network and optimiser, ready to train here."""
        return self.accelerator.prepare(*parts) if self.accelerator else parts

    def backward(self, loss):
        """Add a loss's gradients, averaged over the processes that train together."""
        if self.accelerator:
            self.accelerator.backward(loss)
        else:
            loss.backward()

    def share(self, rows):
        """This process's part of a batch; all get as many rows, so that none waits for another."""
        if self.processes == 1:
            return rows
        return rows[self.rank :: self.processes][: len(rows) // self.processes] if len(rows) >= self.processes else rows


def run(trial: Trial) -> None:
    if trial.phase == "draw":
        draw(trial)
        return
    accelerator = open_accelerator() if "EVOLVER_PROCESSES" in os.environ else None
    program = trial.load("program.py")
    settings = [Setting(seed=trial.seed * 100 + split, scale=SCALE[trial.stage], processes=trial.processes,
                        rank=trial.rank, accelerator=accelerator) for split in range(SPLITS[trial.stage])]
    (train if trial.phase == "train" else predict)(trial, program, settings)
    if accelerator:
        accelerator.wait_for_everyone()
        accelerator.end_training()


def open_accelerator():
    """Accelerate with the precision and devices of the launch."""
    from accelerate import Accelerator

    return Accelerator()


def draw(trial: Trial) -> None:
    known = json.loads((trial.inputs / "pairs.json").read_text())
    drug_family, target_family = np.array(known["drug_families"]), np.array(known["target_families"])
    pairs = np.array(known["pairs"])
    for split in range(SPLITS[trial.stage]):
        drugs = np.isin(drug_family, list(drawn(drug_family, KEPT, "drug", split, trial.seed)))
        targets = np.isin(target_family, list(drawn(target_family, KEPT, "target", split, trial.seed)))
        kept = drugs[pairs[:, 0]] & targets[pairs[:, 1]]
        rows = np.random.default_rng((trial.seed, split)).permutation(np.flatnonzero(kept))
        trial.save_json(f"split-{split}.json", {
            "training": part_of(known, rows[:SMOKE_PAIRS] if trial.stage == "smoke" else rows),
            "validation": part_of(known, np.flatnonzero(~kept)),
        })


def part_of(known, rows):
    """Some of the pairs, with the drugs and targets that occur in them numbered anew."""
    pairs = np.array(known["pairs"])[rows]
    (drugs, d), (targets, t) = (np.unique(pairs[:, side], return_inverse=True) for side in (0, 1))
    return {"drugs": [known["drugs"][k] for k in drugs], "targets": [known["targets"][k] for k in targets],
            "pairs": np.column_stack([d, t]).tolist(), "labels": [known["labels"][row] for row in rows]}


def train(trial: Trial, program, settings) -> None:
    thresholds = []
    for split, setting in enumerate(settings):
        parts = json.loads((trial.artifacts / f"split-{split}.json").read_text())
        training, validation = parts["training"], parts["validation"]
        seed_random(setting.seed)
        state = program.fit(training["drugs"], training["targets"], np.array(training["pairs"], dtype=np.int64),
                            np.array(training["labels"], dtype=np.int64), setting)
        check_state(state)
        scores = scored(program, state, validation, setting)
        thresholds.append(best_threshold(scores, np.array(validation["labels"])))
        trial.save_npz(f"state-{split}.npz", **state)
    trial.save_json("thresholds.json", thresholds)


def check_state(state) -> None:
    if not isinstance(state, dict) or not state or not all(
            isinstance(name, str) and isinstance(value, np.ndarray) and value.dtype.kind in "fiub"
            for name, value in state.items()):
        raise ValueError("fit() must return a dict of numpy arrays of numbers by name")
    if (size := sum(value.nbytes for value in state.values())) > LARGEST_STATE:
        raise ValueError(f"fit() returned {size} bytes of arrays, more than {LARGEST_STATE}")


def scored(program, state, part, setting):
    """The program's scores of a part's pairs, shape (pairs,). Raises ValueError for anything else."""
    pairs = np.array(part["pairs"], dtype=np.int64)
    scores = np.asarray(program.predict(state, part["drugs"], part["targets"], pairs, setting), dtype=float)
    if scores.shape != (len(pairs),) or not np.isfinite(scores).all():
        raise ValueError(f"predict() returned shape {scores.shape}, not {(len(pairs),)} finite numbers")
    return scores


def best_threshold(scores, labels):
    """The score from which on pairs are best called positive, by F1 on the validation pairs."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(labels[order])
    f1 = 2.0 * hits / (np.arange(1, len(order) + 1) + labels.sum())
    return float(scores[order[f1.argmax()]])


def predict(trial: Trial, program, settings) -> None:
    hidden = json.loads((trial.inputs / "pairs.json").read_text())
    found = {}
    for split, setting in enumerate(settings):
        rows = np.flatnonzero(tested(roles(hidden, split, trial.seed)))
        part = {**hidden, "pairs": np.array(hidden["pairs"])[rows]}
        with np.load(trial.artifacts / f"state-{split}.npz", allow_pickle=False) as state:
            arrays = dict(state)
        seed_random(setting.seed)
        found[f"split-{split}"] = scored(program, arrays, part, setting)
    found["thresholds"] = np.array(json.loads((trial.artifacts / "thresholds.json").read_text()), dtype=float)
    trial.save_npz("scores.npz", **found)


def roles(hidden, split, seed):
    """What the drug and the target of each hidden pair are to a split, shape (pairs, 2): one of the four above."""
    sides = []
    for column, what in enumerate(("drug", "target")):
        locked, known = hidden[f"locked_{what}_families"], hidden[f"known_{what}_families"]
        is_hidden = zip(hidden[f"{what}_families"], hidden[f"hidden_{what}s"], strict=True)
        others = {family for family, new in is_hidden if new} - set(locked)
        role_of = dict.fromkeys(locked, LOCKED)
        role_of |= dict.fromkeys(drawn(known, KEPT, what, split, seed), TRAINED)
        role_of |= dict.fromkeys(drawn(others, TESTED, f"hidden {what}", split, seed), NEW)
        of_texts = np.array([role_of.get(family, UNUSED) for family in hidden[f"{what}_families"]])
        sides.append(of_texts[np.array(hidden["pairs"])[:, column]])
    return np.column_stack(sides)


def tested(role):
    """Whether each pair is tested on: what is new in it is all of the same kind, new or locked."""
    new, locked = (role == NEW).any(axis=1), (role == LOCKED).any(axis=1)
    return (role != UNUSED).all(axis=1) & (new ^ locked)
