"""Notes as a library of techniques: the functions of their Python fences, with everything that they need."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from evolver.contracts import Note
from evolver.errors import CannotApply
from evolver.search.scopes import FunctionNode, parameters, required, returned
from evolver.search.source import Definition, Source, TextEdit, parse, splice
from evolver.search.transplant import Lookup, local_lookup

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,})[ \t]*(?:python|py|python3)[ \t]*\n"
    r"(?P<code>.*?)^[ \t]*(?P=mark)[ \t]*$",
    re.MULTILINE | re.DOTALL | re.IGNORECASE,
)


@dataclass(frozen=True)
class Technique:
    """A public function of a note: parameters without default name what it needs, its return names what it gives."""

    name: str
    note: str
    """Id of the note."""
    title: str
    """Title of the note."""
    source: str
    """Text of the function."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    """Bare names in its last return; empty if it returns anything else."""
    results: int | None
    """How many values it returns; None if it returns nothing or several numbers of values."""
    needs: tuple[str, ...]
    """Functions, classes and constants of the notes that it uses, also through others."""
    imports: tuple[str, ...]
    """Import lines that it and its needs use."""
    definition: Definition = field(repr=False)
    lookup: Lookup = field(repr=False)

    @property
    def node(self) -> FunctionNode:
        """The function's syntax tree."""
        assert self.definition.function is not None
        return self.definition.function

    @cached_property
    def digest(self) -> str:
        """Short hash of its text and its needs' texts."""
        texts = [self.source, *(d.text for n in self.needs if isinstance(d := self.lookup(n), Definition))]
        return hashlib.sha256("\x00".join(texts).encode()).hexdigest()[:12]

    @property
    def refines(self) -> bool:
        """Whether it improves something that it is given, rather than making it."""
        return bool(set(self.inputs) & set(self.outputs))

    @property
    def arguments(self) -> str:
        """How it is called with its inputs: keyword-only ones by name."""
        keyword = {arg.arg for arg in self.node.args.kwonlyargs}
        return ", ".join(f"{name}={name}" if name in keyword else name for name in self.inputs)

    @property
    def call(self) -> str:
        """The statement that runs it."""
        return f"{', '.join(self.outputs)} = {self.name}({self.arguments})"

    def renamed(self, name: str) -> str:
        """Its text under another name, recursion included."""
        source = parse(self.source)
        node = source.tree.body[0]
        assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        at = self.source.index(node.name, source.span(node)[0] + (9 if isinstance(node, ast.AsyncFunctionDef) else 3))
        edits = [TextEdit(at, at + len(node.name), name)]
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and inner.id == self.name:
                edits.append(TextEdit(*source.span(inner), name))
        return splice(self.source, edits)


class TechniqueLibrary:
    """All techniques of the notes by name. A second technique of the same name is known as `name@note`."""

    def __init__(self, techniques: Mapping[str, Technique]) -> None:
        self.techniques: dict[str, Technique] = dict(techniques)

    @classmethod
    def from_notes(cls, notes: Sequence[Note]) -> TechniqueLibrary:
        """Read the Python fences of the notes; fences that do not parse are text, not techniques."""
        fences = [(note, source) for note in notes for source in _fences(note.text)]
        by_note: dict[str, list[Source]] = {}
        for note, source in fences:
            by_note.setdefault(note.id, []).append(source)
        everywhere = [source for _, source in fences]
        techniques: dict[str, Technique] = {}
        for note, source in fences:
            lookup = _search([source, *by_note[note.id], *everywhere])
            for name, definition in source.definitions.items():
                if definition.function is not None and not name.startswith("_"):
                    technique = _technique(name, note, definition, lookup)
                    key = name if name not in techniques else f"{name}@{note.id}"
                    if not any((known.name, known.digest) == (name, technique.digest) for known in techniques.values()):
                        techniques.setdefault(key, technique)
        return cls(techniques)

    def get(self, key: str, digest: str) -> Technique:
        """The technique of a recipe. Raises CannotApply if the notes do not hold that text any more."""
        technique = self.techniques.get(key)
        if technique is None or technique.digest != digest:
            raise CannotApply(f"the notes hold no such technique {key} any more")
        return technique

    @cached_property
    def lookup(self) -> Lookup:
        """What a name means anywhere in the notes."""
        by_name: dict[str, Technique] = {}
        for technique in self.techniques.values():
            by_name.setdefault(technique.name, technique)
        others = list({id(t.lookup): t.lookup for t in self.techniques.values()}.values())

        def lookup(name: str) -> Definition | tuple[str, ...] | None:
            if name in by_name:
                return by_name[name].definition
            return next((found for other in others if (found := other(name)) is not None), None)

        return lookup


def _fences(text: str) -> list[Source]:
    found = []
    for match in _FENCE.finditer(text.replace("\r\n", "\n") + "\n"):
        indent = match["indent"]
        code = "".join(line.removeprefix(indent) for line in match["code"].splitlines(keepends=True))
        try:
            found.append(parse("\n".join(line.rstrip() for line in code.split("\n")).strip("\n") + "\n"))
        except CannotApply:
            continue
    return found


def _search(sources: Sequence[Source]) -> Lookup:
    lookups = [local_lookup(source) for source in dict.fromkeys(sources)]

    def lookup(name: str) -> Definition | tuple[str, ...] | None:
        return next((found for one in lookups if (found := one(name)) is not None), None)

    return lookup


def _technique(name: str, note: Note, definition: Definition, lookup: Lookup) -> Technique:
    assert definition.function is not None
    needs: dict[str, None] = {}
    imports: dict[str, None] = {}
    waiting = sorted(definition.free, reverse=True)
    while waiting:
        wanted = waiting.pop()
        found = lookup(wanted)
        if isinstance(found, tuple):
            imports.update(dict.fromkeys(found))
        elif found is not None and wanted not in needs and wanted != name:
            needs[wanted] = None
            waiting.extend(sorted(found.free, reverse=True))
    outputs, results = returned(definition.function)
    return Technique(
        name=name,
        note=note.id,
        title=note.title,
        source=definition.text,
        inputs=required(definition.function),
        outputs=outputs,
        results=results,
        needs=tuple(needs),
        imports=tuple(imports),
        definition=definition,
        lookup=lookup,
    )


def accepts(node: FunctionNode) -> tuple[str, ...]:
    """Names of the parameters that a call may fill."""
    starred = {arg.arg for arg in (node.args.vararg, node.args.kwarg) if arg is not None}
    return tuple(name for name in parameters(node) if name not in starred)
