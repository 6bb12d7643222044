"""repair: make a program that failed run again, from what its trial left behind."""

from __future__ import annotations

import ast
import random
import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Literal

from evolver.contracts import Program, Record, TrialStatus
from evolver.errors import CannotApply
from evolver.search.insertion import DraftRecipe
from evolver.search.operators.crossover import CrossoverRecipe
from evolver.search.operators.search_operator import ApplyInputs, Description, DrawInputs, SearchOperator, read_recipe
from evolver.search.recipes import ConstantChange, Recipe, Site, changes_in_words, choose, file_of
from evolver.search.removal import removable, without_statement
from evolver.search.scopes import loads
from evolver.search.source import Definition, Source, Statement, TextEdit, is_python, parse, splice
from evolver.search.techniques import TechniqueLibrary
from evolver.search.transplant import Lookup, additions, closure
from evolver.search.tuners.tuner import TuneRecipe
from evolver.search.tuning import change_constants, literals, number
from evolver.text_files import lines_of

LARGEST_CONSTANTS = 4
"""How many of the largest integers are candidates for shrinking."""
ABBREVIATIONS = {"np": "import numpy as np"}
_UNDEFINED = re.compile(r"NameError: (?:global )?name '(\w+)' is not defined")
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')


class RepairRecipe(Record):
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


class Repair(SearchOperator[RepairRecipe]):
    """Mends what a failure points at, or takes back a part of what was changed last."""

    name = "repair"
    recipe = RepairRecipe
    repairs = True

    def draw(self, inputs: DrawInputs) -> RepairRecipe | None:
        """One fix that suits the failure; None if there is none."""
        program, failure, rng = inputs.program, inputs.failure, inputs.rng
        if failure is None:
            return None
        made_by = _made_by(inputs.parent_recipe)
        log = f"{failure.log_tail}\n{failure.reason}"
        status = failure.status
        if status is TrialStatus.FAILED and re.search(r"\bMemoryError\b|out of memory", log):
            status = TrialStatus.OUT_OF_MEMORY
        options: list[tuple[float, RepairRecipe]] = []
        if status in (TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY):
            options += [(2.0, fix) for fix in _shrinks(program, status, rng)]
        if status is TrialStatus.FAILED:
            options += [(8.0, fix) for fix in _missing(program, log, inputs.library)]
            options += [(1.5, fix) for place in _blamed(program, log) for fix in _without(*place, status, guard=True)]
        if status in (TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.FAILED, TrialStatus.INVALID):
            added = _last_added(program, made_by)
            options += [
                (2.0, fix) for place in added for fix in _without(*place, status, guard=status is TrialStatus.FAILED)
            ]
            if isinstance(made_by, TuneRecipe):
                options += [(4.0, fix) for fix in _softened(program, made_by, status)]
        return choose(options, rng)

    def apply(self, recipe: RepairRecipe, inputs: ApplyInputs) -> dict[str, str]:
        """The changed file. Raises CannotApply where the recipe does not fit the program."""
        if recipe.changes:
            return change_constants(inputs.program, recipe.changes)
        source = parse(file_of(inputs.program, recipe.file))
        if recipe.site is None:
            parts = closure([recipe.name], _known(inputs.library), source)
            anchor = next((node for node in source.tree.body if recipe.name in loads(node)), None)
            if anchor is None or not (parts.definitions or parts.imports):
                raise CannotApply(f"nothing is known of {recipe.name}, or the program has it")
            return {recipe.file: splice(source.text, additions(source, parts, anchor))}
        statement = recipe.site.find(source)
        edit = without_statement(source, statement) if recipe.fix == "drop" else _guard(source, statement)
        return {recipe.file: splice(source.text, [edit])}

    def describe(self, recipe: RepairRecipe) -> Description:
        """The fix and what it is for; lessons are kept by the fix and its place."""
        after = f"after status {recipe.cause}"
        if recipe.site is not None:
            where = f"`{recipe.site.text}` in {recipe.site.function}()"
            verb = "drop" if recipe.fix == "drop" else "keep the inputs when an error comes from"
            return Description(f"{after}, {verb} {where}", f"{recipe.fix} in {recipe.site.function}()")
        if recipe.fix == "define":
            return Description(f"{after}, bring in {recipe.name}", f"define {recipe.name}")
        changes, names = changes_in_words(recipe.changes)
        return Description(f"{after}, change {changes}", names)


def _made_by(recipe: Recipe | None) -> object:
    """The model of the recipe that made a program; None where a model wrote it, or an operator that is not here."""
    try:
        return read_recipe(recipe)[1] if recipe else None
    except CannotApply:
        return None


def _known(library: TechniqueLibrary) -> Lookup:
    """What a missing name may mean: something of the notes, or a module."""

    def lookup(name: str) -> Definition | tuple[str, ...] | None:
        found = library.lookup(name)
        if found is None and name in ABBREVIATIONS:
            return (ABBREVIATIONS[name],)
        return (f"import {name}",) if found is None and name in sys.stdlib_module_names else found

    return lookup


def _missing(program: Program, log: str, library: TechniqueLibrary) -> Iterator[RepairRecipe]:
    known = _known(library)
    for name in dict.fromkeys(_UNDEFINED.findall(log)):
        if known(name) is None:
            continue
        for path, text in program.files.items():
            if is_python(path) and name in loads(parse(text).tree) and name not in parse(text).module_names:
                yield RepairRecipe(fix="define", cause="failed", file=path, name=name)


def _shrinks(program: Program, status: TrialStatus, rng: random.Random) -> Iterator[RepairRecipe]:
    """The largest integers, such as loop counts, to a half or less."""
    sites = [
        (abs(literal.value), path, index, literal)
        for path, text in program.files.items()
        if is_python(path)
        for index, literal in enumerate(literals(text))
        if isinstance(literal.value, int) and abs(literal.value) >= 4 and not literal.is_seed
    ]
    for value, path, index, literal in sorted(sites, key=lambda site: -site[0])[:LARGEST_CONSTANTS]:
        smaller = max(1, round(value / rng.choice((2, 3, 4)))) * (1 if literal.value > 0 else -1)
        yield RepairRecipe(
            fix="shrink",
            cause=status.value,
            file=path,
            changes=(ConstantChange(file=path, index=index, name=literal.name, old=literal.text, new=str(smaller)),),
        )


def _softened(program: Program, tuned: TuneRecipe, status: TrialStatus) -> Iterator[RepairRecipe]:
    """Half the way back to where the constants came from."""
    changes = []
    for change in tuned.changes:
        old, new = _value(change.old), _value(change.new)
        middle: int | float
        if isinstance(old, int) and isinstance(new, int):
            middle = (old + new) // 2 if abs(new - old) > 1 else old
        else:
            middle = float(f"{(old + new) / 2:.6g}")
        text = repr(middle)
        if text != change.new:
            changes.append(change.model_copy(update={"old": change.new, "new": text}))
    if changes:
        yield RepairRecipe(fix="soften", cause=status.value, file=changes[0].file, changes=tuple(changes))


def _value(text: str) -> int | float:
    try:
        value = number(ast.parse(text, mode="eval").body)
    except SyntaxError:
        value = None
    if value is None:
        raise CannotApply(f"{text!r} is not a number")
    return value


def _blamed(program: Program, log: str) -> Iterator[tuple[str, Source, Statement]]:
    """The statements that a traceback passes through, innermost first."""
    seen = set()
    for file, line in reversed(_FRAME.findall(log)):
        for path, text in program.files.items():
            if not is_python(path) or PurePosixPath(file).name != PurePosixPath(path).name:
                continue
            source = parse(text)
            covering = [s for s in source.statements if s.node.lineno <= int(line) <= (s.node.end_lineno or 0)]
            if covering and (path, covering[-1].index) not in seen:
                seen.add((path, covering[-1].index))
                yield path, source, covering[-1]


def _last_added(program: Program, made_by: object) -> Iterator[tuple[str, Source, Statement]]:
    """The stage call that the failed program's own recipe brought in, else the last stage call of all."""
    line = (
        made_by.call
        if isinstance(made_by, DraftRecipe)
        else made_by.line
        if isinstance(made_by, CrossoverRecipe)
        else ""
    )
    site = made_by.site if isinstance(made_by, DraftRecipe | CrossoverRecipe) else None
    last = None
    for path, text in program.files.items():
        if not is_python(path):
            continue
        source = parse(text)
        for statement in source.statements:
            if (
                site is not None
                and line
                and path == site.file
                and statement.function.name == site.function
                and source.first_line(statement.node) == line
            ):
                yield path, source, statement
                return
            if statement.stage:
                last = (path, source, statement)
    if last is not None:
        yield last


def _without(
    path: str, source: Source, statement: Statement, status: TrialStatus, *, guard: bool
) -> Iterator[RepairRecipe]:
    site = Site.of(path, source, statement)
    if removable(statement):
        yield RepairRecipe(fix="drop", cause=status.value, file=path, site=site)
    if guard and _guardable(statement):
        yield RepairRecipe(fix="guard", cause=status.value, file=path, site=site)


def _guardable(statement: Statement) -> bool:
    """Whether its names keep earlier values when it fails, and lines can be indented without changing a string."""
    if not statement.whole or not isinstance(
        statement.node, ast.Assign | ast.AugAssign | ast.Expr | ast.For | ast.While
    ):
        return False
    if statement.parent is not None and isinstance(statement.parent.node, ast.Try):
        return False
    if any(
        isinstance(node, ast.Constant | ast.JoinedStr) and node.end_lineno != node.lineno
        for node in ast.walk(statement.node)
    ):
        return False
    return not statement.live_after(statement.stores - statement.bound_before)


def _guard(source: Source, statement: Statement) -> TextEdit:
    if not _guardable(statement):
        raise CannotApply(f"an error from {source.first_line(statement.node)!r} cannot be passed over")
    start, end = source.block(statement.node)
    indent = source.indent(statement.node)
    inner = "".join(f"    {line}\n" if line.strip() else "\n" for line in lines_of(source.text[start:end]))
    keep = f"{indent}except Exception:\n{indent}    pass  # the inputs stay as they are\n"
    return TextEdit(start, end, f"{indent}try:\n{inner}{keep}")
