"""A task of one's own pairs, from a file or from where they lie; the task's commands.py takes the options."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from evolver.errors import UsageError
from evolver.settings import Settings
from evolver.tasks import load_task
from own_data.download import fetch
from own_data.folder import Made, make_folder, refuse_without_pairs
from own_data.rows import Columns, Pair, read_pairs, without_repeats
from own_data.sources import DataSource, read_sources

TELLING = 0.6
"""AUROC of mere counting from which on the pairs' choice is said to leak labels."""


def make_from_csv(
    reference: str, csv: Path, output: Path, columns: str, seed: int, drop_conflicts: bool, as_json: bool
) -> None:
    """Write a task folder like `reference` with the pairs of a csv file."""
    task = load_task(reference)
    refuse_without_pairs(task.name, task.root)
    pairs = read_pairs(csv, _columns(columns))
    _make(pairs, task.root, output, f"`{csv.name}`", seed, drop_conflicts, as_json)


def make_from_sources(
    reference: str, table: Path | None, output: Path, agree: bool, seed: int, drop_conflicts: bool, as_json: bool
) -> None:
    """Fetch the files of a sources table, once their licences are agreed to, and make a task folder of them."""
    task = load_task(reference)
    refuse_without_pairs(task.name, task.root)
    if table is None:
        raise UsageError(
            f"{task.name} comes with no addresses, because no public set's licence and hash could be checked. Write a "
            f"file of sources as {task.root / 'README.md'} shows and name it with --from, or give a csv to "
            f"`evolver task data {task.name}`"
        )
    sources = read_sources(table).sources
    for source in sources:
        _agreed(source, agree)
    folder = Settings().home / "data" / task.name
    pairs: list[Pair] = []
    for source in sources:
        pairs += read_pairs(fetch(source, folder, _say), source.columns, source.separator)
    origin = "; ".join(f"{s.name}, {s.url}, SHA-256 {s.sha256}, {s.licence.name} ({s.licence.url})" for s in sources)
    _make(pairs, task.root, output, origin, seed, drop_conflicts, as_json)


def _agreed(source: DataSource, agree: bool) -> None:
    """Show a licence and return once it is agreed to. Raises UsageError if it is not."""
    licence = source.licence
    _say(f"{source.name} from {source.url}\nLicence: {licence.name}, {licence.url}\n{licence.text.strip()}")
    if agree:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"nobody is here to agree to the licence of {source.name}; say --agree if you do")
    print("Do you agree to this licence? Type yes: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError(f"the licence of {source.name} was not agreed to; nothing was fetched")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _columns(said: str) -> Columns:
    """Columns from `drug=SMILES,target=Protein`. Raises UsageError."""
    known = list(Columns.model_fields)
    found: dict[str, str] = {}
    for part in filter(None, said.split(",")):
        field, equals, name = part.partition("=")
        if not equals or field.strip() not in known or not name.strip():
            raise UsageError(f"--columns {part!r}: write FIELD=NAME with FIELD one of {', '.join(known)}")
        found[field.strip()] = name.strip()
    return Columns.model_validate(found)


def _make(
    pairs: list[Pair], template: Path, output: Path, origin: str, seed: int, drop_conflicts: bool, as_json: bool
) -> None:
    kept, repeats, conflicts = without_repeats(pairs, drop_conflicts=drop_conflicts)
    made = make_folder(kept, template, output, seed=seed)
    (output / "README.md").write_text(_readme(output.name, origin, made, repeats, conflicts, seed), encoding="utf-8")
    if as_json:
        print(json.dumps({"folder": str(output), "repeats": repeats, "conflicts": conflicts, **made.model_dump()}))
        return
    hidden = ", ".join(f"{count} with new {kind}" for kind, count in made.hidden_pairs.items())
    print(
        f"Wrote {output}/: {made.drugs} drugs in {made.drug_families} families, {made.targets} targets in "
        f"{made.target_families}, {made.positive:.0%} positive.\n{made.known_pairs} known pairs; hidden: {hidden}."
    )
    if made.counting >= TELLING:
        print(
            f"Warning: how often a drug or target occurs among the hidden pairs alone gives AUROC {made.counting:.2f}; "
            "which pairs are in the file tells labels. Draw negatives so that each drug and target has as many as "
            "positives, or read scores with this in mind."
        )
    print(f"Next:\n  evolver task check ./{output}\n  evolver run ./{output}")


def _readme(name: str, origin: str, made: Made, repeats: int, conflicts: int, seed: int) -> str:
    hidden = ", ".join(f"{count} with new {kind}" for kind, count in made.hidden_pairs.items())
    return (
        f"# {name}\n\nThe built-in task drug-target with other pairs, made with seed {seed} from: {origin}\n\n"
        f"{made.drugs} drugs in {made.drug_families} families, {made.targets} targets in {made.target_families}; "
        f"{made.known_pairs} known pairs; hidden: {hidden}; {made.positive:.1%} positive. Left out: {repeats} repeats, "
        f"{conflicts} pairs with both labels. Counting alone gives AUROC {made.counting:.3f} on the hidden pairs.\n\n"
        "The hidden families stay the same for every seed of a trial. The data's licence is its owners'.\n\n"
        "## Noise\n\n<!-- noise -->\n<!-- /noise -->\n"
    )
