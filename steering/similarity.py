"""What a topic that a person named is about: by words, and by meaning where words do not meet."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

from evolver.contracts import Program, Record

NEAR = 0.35
"""From here on something is near enough to be searched more. Unrelated techniques mostly lie below: `the initial
layout` and a linear program 0.28, `annealing` and shrinking 0.34, but `random restarts` and `many random starts`
0.54."""
SURE = 0.5
"""From here on something is near enough to be left out altogether."""
BESIDE = 0.8
"""Share of the nearest one's score that the others need."""
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_EMPTY = frozenset(
    "the a an of on in to for with and or is are be it its this that more most less all any some by from at as into "
    "our your my use using try part parts code function functions program line lines thing things please only "
    "mainly".split()
)
_BRITISH = re.compile(r"(?<=[a-z]{3})is(?=(?:e[drs]?|ers|ing|ations?)$)")
"""What Americans write with a z, whose stem is another one then."""


class Subject(Record):
    """Something that a change can be about: a technique of the notes, or a function of a program."""

    name: str
    """As programs spell it."""
    text: str
    """What is said about it: its words, title and source."""
    short: str
    """Its words and title, for comparing meanings."""


class SimilarSubject(Record):
    """A subject with how near it is to a topic, in [0, 1]."""

    name: str
    score: float


@lru_cache(maxsize=4096)
def words(text: str) -> frozenset[str]:
    """The stems of a text's words, identifiers taken apart."""
    return frozenset(
        _stem(word.lower()) for word in _WORD.findall(text) if word.lower() not in _EMPTY and len(word) > 1
    )


@cache
def _stemmer() -> Any:
    from snowballstemmer import stemmer  # type: ignore[import-untyped]

    return stemmer("english")


@lru_cache(maxsize=4096)
def _stem(word: str) -> str:
    return str(_stemmer().stemWord(_BRITISH.sub("iz", word)))


def share_of_words(topic: str, text: str) -> float:
    """Which share of a topic's words a text has."""
    wanted = words(topic)
    return len(wanted & words(text)) / len(wanted) if wanted else 0.0


def same_topic(one: str, other: str) -> bool:
    """Whether two topics are the same but for small words and endings."""
    return words(one) == words(other) and bool(words(one))


def ranked(topic: str, subjects: Sequence[Subject]) -> list[SimilarSubject]:
    """Subjects by how near they are to a topic, nearest first; its very name makes one as near as can be."""
    from evolver.memory import default_embedder

    if not subjects:
        return []
    vectors = default_embedder()([topic, *(subject.short for subject in subjects)])
    found = [
        SimilarSubject(
            name=subject.name,
            score=1.0
            if subject.name.lower() in topic.lower()
            else max(0.0, float(vectors[0] @ vector), share_of_words(topic, subject.text)),
        )
        for subject, vector in zip(subjects, vectors[1:], strict=True)
    ]
    return sorted(found, key=lambda near: (-near.score, near.name))


def related(topic: str, subjects: Sequence[Subject], least: float) -> list[str]:
    """Names of the subjects that a topic is about."""
    found = ranked(topic, subjects)
    lanes = max(least, BESIDE * found[0].score) if found else 1.0
    return [near.name for near in found if near.score >= lanes]


def functions_of(programs: Iterable[Program]) -> list[Subject]:
    """The functions of programs, by name."""
    found: dict[str, Subject] = {}
    for program in programs:
        for path, text in program.files.items():
            for name, said in _functions(path, text):
                found.setdefault(name, _subject(name, said, ""))
    return list(found.values())


@lru_cache(maxsize=512)
def _functions(path: str, text: str) -> tuple[tuple[str, str], ...]:
    if not path.endswith(".py"):
        return ()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ()
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return tuple((node.name, (ast.get_docstring(node) or "").partition("\n")[0]) for node in nodes)


def technique(name: str, title: str, source: str) -> Subject:
    """The subject that a technique of the notes is; `source` is its note's file."""
    return _subject(name.partition("@")[0], title, source.rpartition("/")[2].partition(".")[0])


def _subject(name: str, said: str, source: str) -> Subject:
    spoken = " ".join(_WORD.findall(name)) or name
    return Subject(name=name, text=f"{spoken} {said} {source}", short=f"{spoken}: {said}" if said else spoken)
