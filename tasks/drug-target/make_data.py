"""Generates interactions by a stated rule: `python make_data.py` makes inputs/ and private/ of this folder anew.

`python make_data.py --seed N FILE.csv` writes others, for `evolver task data drug-target --csv FILE.csv -o FOLDER`.
README.md states the rule. Nothing here describes a real molecule, protein or measurement.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DRUG_FAMILIES, DRUGS_EACH = 80, 5
TARGET_FAMILIES, TARGETS_EACH = 64, 4
PAIRS = 17500
COLUMNS = ("drug", "target", "label", "drug_family", "target_family")
POSITIVE = 0.2
"""Share of pairs that interact."""
FLIPPED = 0.02
"""Share of labels that are turned over, as an assay might."""

CORES = ("c1ccc({})cc1{}", "c1cc({})ncc1{}", "c1nc({})ncc1{}", "c1cc({})sc1{}", "c1cc({})oc1{}", "N1({})CCC(CC1){}",
         "N1({})CCN(CC1){}", "C1CC({})CCC1{}", "c1ccc2c(c1)c({})cn2{}", "c1ccc2c(c1)nc({})n2{}",
         "c1ccc2nc({})ccc2c1{}", "c1c({})nn(c1){}")
"""Rings with two places; the first place lies inside an open ring, so substituents number their rings from 9."""
LINKERS = ("", "C", "CC", "OC", "SC", "N", "C=C")
GROUPS = (
    ("C(=O)O", "c9nn[nH]n9", "S(=O)(=O)O"), ("C(=O)N", "NC(C)=O", "C(=O)NC"), ("CN(C)C", "CCN", "CN9CCCC9"),
    ("F", "Cl", "Br"), ("C(F)(F)F", "OC(F)(F)F", "SC(F)(F)F"), ("C#N", "[N+](=O)[O-]", "CC#N"),
    ("CO", "CC(O)C", "OCCO"), ("NC(=N)N", "NC(=O)N", "NC(=S)N"), ("C(C)C", "C(C)(C)C", "CC(C)C"),
    ("c9ccccc9", "Cc9ccccc9", "c9ccc(C)cc9"),
)  # fmt: skip
"""Substituents by kind: three ways of writing nearly the same thing, as bioisosteres are."""
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
FREQUENT = (8, 1, 5, 6, 4, 7, 2, 6, 6, 10, 2, 4, 5, 4, 5, 7, 5, 7, 1, 3)
CLASSES = ("LVIM", "C", "A", "G", "ST", "P", "FYW", "EDNQ", "KR", "H")
"""Residues that a motif lets stand for each other: the ten letters of Murphy, Wallqvist and Levy (2000)."""
MOTIFS, MOTIF_LENGTH = 8, 6
USUAL = 0.7
"""How often a motif's place holds the first residue of its class."""
RANK = 3


@dataclass
class Molecule:
    """A drug or a target: its text, its family, and what it holds, as counts of kinds."""

    text: str
    family: str
    holds: np.ndarray


def drugs(rng):
    """Families that share two rings and a linker; each has its own taste in substituents."""
    places = [(a, linker, b) for a in CORES for linker in LINKERS for b in CORES]
    found = []
    for number, place in enumerate(rng.choice(len(places), DRUG_FAMILIES, replace=False)):
        first, linker, second = places[place]
        taste = rng.dirichlet(np.full(len(GROUPS), 0.6))
        texts = set()
        while len(texts) < DRUGS_EACH:
            kinds = rng.choice(len(GROUPS), 3, p=0.5 * taste + 0.5 / len(GROUPS))
            here = [GROUPS[kind][rng.integers(3)] for kind in kinds]
            text = first.format(here[0], linker + second.format(here[1], here[2]))
            if text not in texts:
                texts.add(text)
                found.append(Molecule(text, f"scaffold-{number}", np.bincount(kinds, minlength=len(GROUPS))))
    return found


def targets(rng):
    """Families that share an ancestor; a member keeps most of its motifs and two thirds of the rest."""
    frequent = np.array(FREQUENT) / sum(FREQUENT)
    classes = np.array([len(c) for c in CLASSES]) / len(RESIDUES)
    patterns = [rng.choice(len(CLASSES), MOTIF_LENGTH, p=classes) for _ in range(MOTIFS)]
    found = []
    for number in range(TARGET_FAMILIES):
        length = int(rng.integers(140, 240))
        ancestor = rng.choice(list(RESIDUES), length, p=frequent)
        usual = rng.choice(MOTIFS, 3, replace=False)
        places = np.sort(rng.choice(length // 12, 4, replace=False)) * 12 + rng.integers(0, 6)
        for _ in range(TARGETS_EACH):
            changed = rng.random(length) < 0.35
            residues = np.where(changed, rng.choice(list(RESIDUES), length, p=frequent), ancestor)
            kinds = [int(kind) if rng.random() < 0.6 else int(rng.integers(MOTIFS)) for kind in usual]
            kinds += [int(rng.integers(MOTIFS))]
            for kind, place in zip(kinds, places, strict=True):
                motif = [residue_of(rng, CLASSES[c]) for c in patterns[kind]]
                residues[place : place + MOTIF_LENGTH] = motif
            holds = np.bincount(kinds, minlength=MOTIFS)
            found.append(Molecule("".join(residues), f"ancestor-{number}", holds))
    return found


def residue_of(rng, residues):
    """One residue of a class, most often its first."""
    return residues[0] if rng.random() < USUAL else residues[rng.integers(len(residues))]


def strengths(rng, drug_list, target_list):
    """What makes a pair interact: (what a perfect model could know, the whole), both (drugs, targets)."""
    matrix = rng.normal(size=(len(GROUPS), RANK)) @ rng.normal(size=(RANK, MOTIFS)) / RANK**0.5
    matrix += 0.5 * rng.normal(size=matrix.shape)
    held = np.array([d.holds for d in drug_list]) @ matrix @ np.array([t.holds for t in target_list]).T
    known = (held - held.mean()) / held.std()
    whole = known + effect(rng, drug_list)[:, None] + effect(rng, target_list)[None, :]
    return known, whole + 0.3 * rng.normal(size=known.shape)


def effect(rng, molecules):
    """How readily each interacts with anything: mostly its family's habit."""
    families = sorted({m.family for m in molecules})
    habit = dict(zip(families, rng.normal(0.0, 0.3, len(families)), strict=True))
    return np.array([habit[m.family] for m in molecules]) + rng.normal(0.0, 0.2, len(molecules))


def generate(seed):
    """Rows (drug, target, label, drug family, target family) of pairs drawn evenly, and each pair's known strength."""
    rng = np.random.default_rng(seed)
    drug_list, target_list = drugs(rng), targets(rng)
    known, whole = strengths(rng, drug_list, target_list)
    labels = whole > np.quantile(whole, 1.0 - POSITIVE)
    labels ^= rng.random(labels.shape) < FLIPPED
    chosen = rng.choice(labels.size, PAIRS, replace=False)
    rows = []
    for d, t in zip(*np.unravel_index(chosen, labels.shape), strict=True):
        drug, target = drug_list[d], target_list[t]
        rows.append((drug.text, target.text, int(labels[d, t]), drug.family, target.family))
    return rows, known.ravel()[chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("--seed", type=int, default=2026)
    options = parser.parse_args()
    rows, _ = generate(options.seed)
    if options.file is None:
        make_own_data(rows)
        return
    with options.file.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def make_own_data(rows):
    """Divide the rows as those of a user's file are divided."""
    from own_data.folder import divide, write_data
    from own_data.rows import Pair

    known, hidden, made = divide([Pair(**dict(zip(COLUMNS, row, strict=True))) for row in rows], seed=0)
    write_data(Path(__file__).parent, known, hidden)
    print(made.model_dump_json(indent=1))


if __name__ == "__main__":
    main()
