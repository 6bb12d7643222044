"""Lines that a line of programs has removed and brought back: a search that goes in circles."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from evolver.contracts import Program, Record

if TYPE_CHECKING:
    from evolver.memory import Archive

LONGEST_LINEAGE = 200
"""Newest programs of a lineage that are looked at."""
SHORTEST = 8
"""Characters of a line that says enough to be known again; `else:` comes back everywhere."""


class Cycling(Record):
    """What came back along a lineage, from the oldest program to one experiment's."""

    added: int = 0
    """Lines that were added by all steps."""
    brought_back: int = 0
    """Of these, how many an earlier step had removed."""
    lines: tuple[str, ...] = ()
    """Those that came back, the most often first."""

    @property
    def rate(self) -> float:
        """Share of the added lines that had been removed before, in [0, 1]."""
        return self.brought_back / self.added if self.added else 0.0


def cycling_of(archive: Archive, experiment_id: str) -> Cycling:
    """What came back along an experiment's lineage.

    Args:
        archive: An open archive.
        experiment_id: The last of the lineage; its first parents lead back to the baseline.

    Returns:
        Counts over all steps; lines are compared without indentation, comments and blank ones left out.

    Raises:
        UnknownName: There is no such experiment.
    """
    programs, key = list[Program](), experiment_id
    while key and len(programs) < LONGEST_LINEAGE:
        experiment = archive.experiments.get(key)
        if experiment.program is not None:
            programs.append(archive.programs.get(experiment.program))
        parents = experiment.proposal.parents if experiment.proposal is not None else ()
        key = parents[0] if parents else ""
    return cycling(programs[::-1])


def cycling(lineage: list[Program]) -> Cycling:
    """What came back along a lineage of programs, oldest first."""
    removed, back, added = set[str](), Counter[str](), 0
    for old, new in pairwise(lineage):
        before, after = _lines(old), _lines(new)
        fresh = after - before
        added += fresh.total()
        back.update({line: count for line, count in fresh.items() if line in removed})
        removed |= (before - after).keys()
    return Cycling(added=added, brought_back=back.total(), lines=tuple(line for line, _ in back.most_common()))


def _lines(program: Program) -> Counter[str]:
    lines = (line.strip() for text in program.files.values() for line in text.splitlines())
    return Counter(line for line in lines if len(line) >= SHORTEST and not line.startswith("#"))
