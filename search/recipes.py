"""What recipes are made of: what an operator was told to do, complete enough to do it again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from pydantic import JsonValue

from evolver.contracts import Program, Record
from evolver.errors import CannotApply
from evolver.search.source import Source, Statement

_Chosen = TypeVar("_Chosen")

Recipe = dict[str, JsonValue]
"""A recipe as it is archived: a JSON object whose `operator` names the search operator that made it."""


class Site(Record):
    """A statement of a program; its first line is kept to see that the recipe still fits."""

    file: str
    function: str
    index: int
    text: str

    @classmethod
    def of(cls, file: str, source: Source, statement: Statement) -> Site:
        """The site of a statement."""
        return cls(
            file=file, function=statement.function.name, index=statement.index, text=source.first_line(statement.node)
        )

    def find(self, source: Source) -> Statement:
        """The statement in a parsed file. Raises CannotApply if another one stands there."""
        if not 0 <= self.index < len(source.statements):
            raise CannotApply(f"{self.file} has no statement {self.index}")
        statement = source.statements[self.index]
        if source.first_line(statement.node) != self.text or statement.function.name != self.function:
            raise CannotApply(f"{self.text!r} does not stand in {self.function}() any more")
        return statement


class ConstantChange(Record):
    """One numeric literal and what becomes of it."""

    file: str
    index: int
    name: str
    """In words, e.g. `rounds of perturb()`."""
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.old} -> {self.new}"


def changes_in_words(changes: Sequence[ConstantChange]) -> tuple[str, str]:
    """All changes of constants, and the names of the constants."""
    return "; ".join(map(str, changes)), ", ".join(sorted({change.name for change in changes}))


def choose(options: Sequence[tuple[float, _Chosen]], rng: random.Random) -> _Chosen | None:
    """One of the options, drawn by weight; None if there are none."""
    if not options:
        return None
    return rng.choices([option for _, option in options], [weight for weight, _ in options])[0]


def file_of(program: Program, path: str) -> str:
    """Text of a file. Raises CannotApply if the program has no such file."""
    if path not in program.files:
        raise CannotApply(f"the program has no file {path}")
    return program.files[path]
