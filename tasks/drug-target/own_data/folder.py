"""Making a task folder of labelled pairs: some drugs and targets are hidden with all their pairs."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from evolver.contracts import Record
from evolver.errors import TaskError, UsageError
from evolver.tasks.spec import KEBAB, LONGEST_NAME
from own_data.families import drug_families, target_families
from own_data.rows import Pair

COPIED = ("task.yaml", "harness.py", "judge.py", "commands.py", "own_data", "baseline", "references", "cheats", "notes")
KNOWN, HIDDEN, LABELS = "inputs/draw/pairs.json", "inputs/predict/pairs.json", "private/pairs.json"
HIDDEN_SHARE = 0.4
"""Of drugs and of targets, as whole families."""
LOCKED_SHARE = 0.3
"""Of the hidden families: they decide nothing and are looked at in reports alone."""
LEAST = 30
"""Positives, and negatives, that each kind of newness needs among the hidden pairs, and the known pairs as well."""
LEAST_FAMILIES = 10


class Made(Record):
    """What a task folder was made of."""

    drugs: int
    targets: int
    drug_families: int
    target_families: int
    known_pairs: int
    hidden_pairs: dict[str, int]
    """By what is new: drug, target, both."""
    positive: float
    """Share of positives among all pairs."""
    counting: float
    """AUROC that the hidden pairs' numbers alone give, the better of drugs' and targets'; 0.5 tells nothing."""


def takes_pairs(task: Path) -> bool:
    """Whether a task is made of labelled pairs."""
    return (task / KNOWN).is_file()


def make_folder(pairs: Sequence[Pair], template: Path, folder: Path, *, seed: int = 0) -> Made:
    """Write a task like the one at `template` with these pairs; the folder must be absent or empty.

    Raises UsageError if it is not, or if the pairs are too few or too uneven to judge anything by.
    """
    name = folder.name
    if re.fullmatch(KEBAB, name) is None or len(name) > LONGEST_NAME:
        raise UsageError(f"{name!r} is no task name; end the folder in lower-case words joined by hyphens")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UsageError(f"{folder} exists already; choose another name or remove it")
    known, hidden, made = divide(pairs, seed)
    for part in COPIED:
        source = template / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / part)
    spec = (folder / "task.yaml").read_text(encoding="utf-8")
    (folder / "task.yaml").write_text(re.sub(r"(?m)^name: .*$", f"name: {name}", spec, count=1), encoding="utf-8")
    write_data(folder, known, hidden)
    return made


def write_data(folder: Path, known: dict[str, list[object]], hidden: dict[str, list[object]]) -> None:
    """The data of a task folder; texts of hidden pairs go to the program, their labels to the judge alone."""
    shown = {key: value for key, value in hidden.items() if key != "labels"}
    judged = {key: value for key, value in hidden.items() if key not in ("drugs", "targets")}
    for place, content in ((KNOWN, known), (HIDDEN, shown), (LABELS, judged)):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def divide(pairs: Sequence[Pair], seed: int) -> tuple[dict[str, list[object]], dict[str, list[object]], Made]:
    """The known pairs, the hidden ones, and figures. Raises UsageError if there is too little of anything."""
    drug_family = _families("drug", pairs)
    target_family = _families("target", pairs)
    rng = random.Random(seed)
    hidden_drugs = _hidden(drug_family, "drug", rng)
    hidden_targets = _hidden(target_family, "target", rng)
    order = list(pairs)
    # A file may list its positives first.
    rng.shuffle(order)
    new = [(pair.drug in hidden_drugs, pair.target in hidden_targets) for pair in order]
    known = [pair for pair, sides in zip(order, new, strict=True) if not any(sides)]
    hidden = [pair for pair, sides in zip(order, new, strict=True) if any(sides)]
    kinds = {"drug": (True, False), "target": (False, True), "both": (True, True)}
    groups = {
        kind: [pair for pair, sides in zip(order, new, strict=True) if sides == wanted]
        for kind, wanted in kinds.items()
    }
    for what, group in (("known pairs", known), *((f"pairs with new {kind}", group) for kind, group in groups.items())):
        positives = sum(pair.label for pair in group)
        if min(positives, len(group) - positives) < LEAST:
            raise UsageError(
                f"there would be {positives} positives and {len(group) - positives} negatives among the {what}; each "
                f"needs {LEAST}: give more pairs, or another --seed"
            )
    made = Made(
        drugs=len(drug_family),
        targets=len(target_family),
        drug_families=len(set(drug_family.values())),
        target_families=len(set(target_family.values())),
        known_pairs=len(known),
        hidden_pairs={kind: len(group) for kind, group in groups.items()},
        positive=sum(pair.label for pair in pairs) / len(pairs),
        counting=_counting(hidden),
    )
    table = _table(hidden, drug_family, target_family)
    table["hidden_drugs"] = [int(drug in hidden_drugs) for drug in table["drugs"]]
    table["hidden_targets"] = [int(target in hidden_targets) for target in table["targets"]]
    table["locked_drug_families"] = _locked(hidden_drugs, drug_family, rng)
    table["locked_target_families"] = _locked(hidden_targets, target_family, rng)
    # Splits choose among these, wherever they are drawn.
    table["known_drug_families"] = list(sorted({drug_family[pair.drug] for pair in known}))
    table["known_target_families"] = list(sorted({target_family[pair.target] for pair in known}))
    return _table(known, drug_family, target_family), table, made


def _table(
    pairs: Sequence[Pair], drug_family: Mapping[str, str], target_family: Mapping[str, str]
) -> dict[str, list[object]]:
    """Columns of data. Drugs and targets are in alphabetical order, which says nothing about their labels."""
    drugs, targets = sorted({pair.drug for pair in pairs}), sorted({pair.target for pair in pairs})
    drug_at, target_at = ({text: k for k, text in enumerate(texts)} for texts in (drugs, targets))
    return {
        "drugs": list(drugs),
        "targets": list(targets),
        "drug_families": [drug_family[drug] for drug in drugs],
        "target_families": [target_family[target] for target in targets],
        "pairs": [[drug_at[pair.drug], target_at[pair.target]] for pair in pairs],
        "labels": [pair.label for pair in pairs],
    }


def _families(side: str, pairs: Sequence[Pair]) -> dict[str, str]:
    """Each text's family: as the file says, else by likeness. Raises UsageError if the file says it in part."""
    said: dict[str, str] = {}
    for pair in pairs:
        text, family = getattr(pair, side), getattr(pair, f"{side}_family")
        if said.setdefault(text, family) != family:
            raise UsageError(f"{side} {text[:60]} is in family {said[text]!r} and in {family!r}; it can be in one")
    if all(said.values()):
        return said
    if any(said.values()):
        lacking = next(text for text, family in said.items() if not family)
        raise UsageError(f"column {side}_family is empty for {lacking[:60]}; fill it everywhere or leave it out")
    texts = sorted(said)
    return dict(zip(texts, (drug_families if side == "drug" else target_families)(texts), strict=True))


def _hidden(family_of: dict[str, str], side: str, rng: random.Random) -> set[str]:
    """Texts of families drawn until a share of all is hidden; one that would take far too many is left."""
    sizes = Counter(family_of.values())
    if len(sizes) < LEAST_FAMILIES:
        raise UsageError(
            f"the {len(family_of)} {side}s form {len(sizes)} families; hiding some takes {LEAST_FAMILIES} or more"
        )
    wanted, taken, chosen = HIDDEN_SHARE * len(family_of), 0, set[str]()
    for family in rng.sample(sorted(sizes), len(sizes)):
        if taken < wanted and taken + sizes[family] <= 1.3 * wanted:
            chosen.add(family)
            taken += sizes[family]
    return {text for text, family in family_of.items() if family in chosen}


def _locked(hidden: set[str], family_of: Mapping[str, str], rng: random.Random) -> list[object]:
    """Some of the hidden families."""
    families = sorted({family_of[text] for text in hidden})
    return list(sorted(rng.sample(families, round(LOCKED_SHARE * len(families)))))


def _counting(pairs: Sequence[Pair]) -> float:
    """How well the number of pairs that a drug or a target occurs in tells the label, whichever way round."""
    import numpy

    labels = numpy.array([pair.label for pair in pairs], dtype=bool)
    best = 0.5
    for side in ("drug", "target"):
        counts = Counter(getattr(pair, side) for pair in pairs)
        occurs = numpy.array([counts[getattr(pair, side)] for pair in pairs])
        _, place, ties = numpy.unique(occurs, return_inverse=True, return_counts=True)
        ranks = (numpy.cumsum(ties) - (ties - 1) / 2)[place]
        positives = int(labels.sum())
        area = (ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
        best = max(best, float(area), 1.0 - float(area))
    return best


def refuse_without_pairs(name: str, task: Path) -> None:
    """Raise TaskError unless the task is made of labelled pairs."""
    if not takes_pairs(task):
        raise TaskError(f"task {name} takes no data of your own; drug-target does")
