"""Recipes: what an operator was told to do, complete enough to do it again, and how to say it in words."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from evolver.contracts import Program, Record
from evolver.errors import CannotApply
from evolver.search.source import Source, Statement

_Chosen = TypeVar("_Chosen")

Recipe = dict[str, JsonValue]
"""A recipe as it is archived: a JSON object whose `operator` says which of the models below it is."""


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


class Tune(Record):
    """Change constants; `sigma` is the step size, inherited by the children."""

    operator: Literal["tune"] = "tune"
    sigma: float
    changes: tuple[ConstantChange, ...]

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        return f"change {_listed(self.changes)}", _names(self.changes)


class Draft(Record):
    """Call a technique of the notes: as a new statement, or instead of the right-hand side of an assignment."""

    operator: Literal["draft"] = "draft"
    technique: str
    digest: str
    """Of the technique's text, so that a recipe never brings in another text than it was made for."""
    placement: Literal["before", "after", "replace_call"]
    site: Site
    call: str
    """The whole new statement."""
    final: bool
    """Whether it comes right before the return."""

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        call = self.call.split(" = ", 1)[1]
        where = f"{self.site.function}()"
        if self.placement == "replace_call":
            return f"replace `{self.site.text}` by {call} in {where}", self.technique
        if self.final:
            return f"insert {call} before the return of {where}", self.technique
        return f"insert {call} {self.placement} `{self.site.text}` in {where}", self.technique


class Rewrite(Record):
    """Replace a function of the program by a technique, under the program's name."""

    operator: Literal["rewrite"] = "rewrite"
    technique: str
    digest: str
    file: str
    function: str

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        name = self.technique.partition("@")[0]
        new = "the version of the notes" if name == self.function else f"{name}()"
        return f"replace the body of {self.function}() by {new}", self.technique


class Crossover(Record):
    """Take a function, or a line that calls a stage, from another archived program."""

    operator: Literal["crossover"] = "crossover"
    other: str
    """Program id."""
    file: str
    function: str
    site: Site | None = None
    """Where a line goes; None if the whole function is taken."""
    placement: Literal["before", "after"] = "after"
    line: str = ""

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        if self.site is None:
            return f"take {self.function}() from program {self.other}", f"{self.function}()"
        return f"take `{self.line}` in {self.function}() from program {self.other}", self.line


class Change(Record):
    """Change one statement, or one operator, call or condition inside it."""

    operator: Literal["edit"] = "edit"
    change: Literal["delete", "duplicate", "swap", "move", "operator", "call", "condition"]
    site: Site
    to: int = 0
    """Place in the same block that a moved statement goes to."""
    token: int = 0
    """Which of the statement's exchangeable words."""
    old: str = ""
    new: str = ""

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        where, line = f"{self.site.function}()", f"`{self.site.text}`"
        sentence = {
            "delete": f"delete {line} in {where}",
            "duplicate": f"run {line} twice in {where}",
            "swap": f"swap {line} with the statement after it in {where}",
            "move": f"move {line} to place {self.to + 1} of its block in {where}",
            "operator": f"change {self.old} to {self.new} in {line} of {where}",
            "call": f"change {self.old} to {self.new} in {line} of {where}",
            "condition": f"change the condition `{self.old}` to `{self.new}` in {where}",
        }[self.change]
        return sentence, f"{self.change} in {where}"


class Ablate(Record):
    """Drop a statement and what nobody needs without it."""

    operator: Literal["ablate"] = "ablate"
    site: Site
    component: str

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        return f"drop `{self.site.text}` from {self.site.function}()", self.component


class Repair(Record):
    """Make a program that failed run again."""

    operator: Literal["repair"] = "repair"
    fix: Literal["define", "shrink", "soften", "drop", "guard"]
    cause: str
    """Status of the failed trial."""
    file: str
    name: str = ""
    """What `define` brings in."""
    changes: tuple[ConstantChange, ...] = ()
    site: Site | None = None

    def describe(self) -> tuple[str, str]:
        """Plan and component."""
        if self.site is not None:
            where = f"`{self.site.text}` in {self.site.function}()"
            verb = "drop" if self.fix == "drop" else "keep the inputs when an error comes from"
            return f"after status {self.cause}, {verb} {where}", f"{self.fix} in {self.site.function}()"
        if self.fix == "define":
            return f"after status {self.cause}, bring in {self.name}", f"define {self.name}"
        return f"after status {self.cause}, change {_listed(self.changes)}", _names(self.changes)


AnyRecipe = Annotated[Tune | Draft | Rewrite | Crossover | Change | Ablate | Repair, Field(discriminator="operator")]
_ADAPTER: TypeAdapter[AnyRecipe] = TypeAdapter(AnyRecipe)


def read_recipe(recipe: Recipe) -> AnyRecipe:
    """The model of an archived recipe. Raises CannotApply if it is none."""
    try:
        return _ADAPTER.validate_python(recipe)
    except ValidationError as error:
        raise CannotApply(f"not a recipe: {error}") from error


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


def _listed(changes: tuple[ConstantChange, ...]) -> str:
    return "; ".join(str(change) for change in changes)


def _names(changes: tuple[ConstantChange, ...]) -> str:
    return ", ".join(sorted({change.name for change in changes}))
