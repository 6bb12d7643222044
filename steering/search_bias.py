"""What the directives in force mean to a researcher that draws changes: more of this, none of that, from here."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from evolver.contracts import Directive, Program
from evolver.steering.directives import find_type
from evolver.steering.similarity import NEAR, SURE, Subject, functions_of, related, share_of_words, technique

if TYPE_CHECKING:
    from evolver.contracts import Note
    from evolver.search import Recipe, TechniqueLibrary

FOCUS_SHARE = 0.85
"""Of proposals, while a focus is in force, that are about it wherever a draw can be found that is."""
PIN_SHARE = 0.85
"""Of proposals, while an experiment is pinned, that start from it."""
FOCUS_DRAWS = 60
"""Draws that are looked through for one that is in focus."""
_NAME = re.compile(r"[A-Za-z_]\w*")


class SearchBias:
    """What the directives in force say, over what a proposal can be about."""

    def __init__(
        self, directives: Sequence[Directive], library: TechniqueLibrary, notes: Callable[[], Sequence[Note]]
    ) -> None:
        """`library` holds the techniques of the notes, which are read if a topic is to be found among them."""
        known = [(d, kind) for d in directives if (kind := find_type(d.kind)) is not None and kind.researchers == "all"]
        self._directives = [directive for directive, _ in known]
        self._hints = [kind.hint(directive) for directive, kind in known]
        self._library = library
        self._notes = notes
        self._programs: list[Program] = []

    @cached_property
    def _techniques(self) -> list[Subject]:
        sources = {note.id: note.source for note in self._notes()}
        known = self._library.techniques.items()
        return [technique(key, found.title, sources.get(found.note, "")) for key, found in known]

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the directives that a proposal is made under."""
        return tuple(directive.id for directive in self._directives)

    @cached_property
    def focus(self) -> tuple[str, ...]:
        """Topics to search more."""
        return tuple(topic for hint in self._hints for topic in hint.focus)

    @cached_property
    def avoid(self) -> tuple[str, ...]:
        """Topics to leave out."""
        return tuple(topic for hint in self._hints for topic in hint.avoid)

    @property
    def pinned(self) -> int | None:
        """Number of the experiment to start from; the last one that was said."""
        return next((hint.start_from for hint in reversed(self._hints) if hint.start_from is not None), None)

    def starts_from_pin(self, rng: random.Random) -> bool:
        """Whether this proposal starts from the pinned experiment."""
        return self.pinned is not None and rng.random() < PIN_SHARE

    def is_focused(self, rng: random.Random) -> bool:
        """Whether this proposal is to be in focus."""
        return bool(self.focus) and rng.random() < FOCUS_SHARE

    def regard(self, programs: Sequence[Program]) -> None:
        """Take the functions of these programs for what a change can be about, beside the techniques."""
        self._programs = list(programs)
        for name in ("wanted", "unwanted"):
            self.__dict__.pop(name, None)

    @property
    def subjects(self) -> list[Subject]:
        """Everything that a change can be about, by name."""
        functions = functions_of(self._programs)
        return list({subject.name: subject for subject in (*functions, *self._techniques)}.values())

    @cached_property
    def wanted(self) -> frozenset[str]:
        """Names of techniques and functions in focus."""
        return frozenset(name for topic in self.focus for name in related(topic, self.subjects, NEAR))

    @cached_property
    def unwanted(self) -> frozenset[str]:
        """Names of techniques and functions to leave out."""
        return frozenset(name for topic in self.avoid for name in related(topic, self.subjects, SURE))

    def in_focus(self, recipe: Recipe, plan: str, component: str) -> bool:
        """Whether a change is about a topic in focus."""
        return self._about(recipe, plan, component, self.wanted, self.focus)

    def is_avoided(self, recipe: Recipe, plan: str, component: str) -> bool:
        """Whether a change is about a topic to leave out."""
        return self._about(recipe, plan, component, self.unwanted, self.avoid)

    def brings_in(self, program: Program, parent: Program) -> bool:
        """Whether a program uses more of what is to be left out than its parent does."""
        if not self.unwanted:
            return False
        new, old = (
            sum(name in self.unwanted for text in p.files.values() for name in _NAME.findall(text))
            for p in (program, parent)
        )
        return new > old

    @staticmethod
    def _about(recipe: Recipe, plan: str, component: str, names: frozenset[str], topics: Sequence[str]) -> bool:
        """By the names that the change touches, else by the words that it is described in."""
        if not topics:
            return False
        # Where a technique goes says nothing about the technique.
        said = component if recipe.get("operator") == "draft" else f"{component} {plan}"
        if names & set(_NAME.findall(said.replace("@", " "))):
            return True
        return any(share_of_words(topic, component) == 1.0 for topic in topics)
