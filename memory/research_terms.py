"""Words of a text as a word index keeps them: stems, and the research concepts that they name."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from snowballstemmer import stemmer  # type: ignore[import-untyped]

CONCEPTS_FILE = "research_terms.txt"
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    """a about after all also an and any are as at be been before being but by can could did do does doing each either
    every few for from had has have having he her here his how i if in instead into is it its itself just let may me
    might more most much must my no nor not now of off on once only or other our out over own rather same shall she
    should since so some such than that the their them then there these they this those through to too under until up
    upon us very was way we were what when where whether which while who whom whose why will with within without would
    you your""".split()
)


@cache
def _stem(word: str) -> str:
    return str(_english().stemWord(word))


@cache
def _english() -> stemmer:
    return stemmer("english")


def stems(text: str) -> list[str]:
    """Stems of a text's words in their order, common words left out."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]


class ResearchTerms:
    """Names and everyday wordings of the concepts of research, by their stems."""

    def __init__(self, lines: list[str]) -> None:
        self.names: list[str] = []
        self._by_first: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for line in lines:
            wordings = [wording.strip() for wording in line.split(",")]
            for wording in wordings:
                key = tuple(stems(wording))
                if key:
                    self._by_first.setdefault(key[0], []).append((key, len(self.names)))
            self.names.append(wordings[0])
        for known in self._by_first.values():
            known.sort(key=lambda pair: (-len(pair[0]), pair[1]))

    def concepts(self, words: list[str]) -> list[int]:
        """Numbers of the concepts that a text's stems name, by their first place in it; longer wordings win."""
        found: dict[int, None] = {}
        for place, word in enumerate(words):
            longest = 0
            for key, concept in self._by_first.get(word, ()):
                if len(key) < longest:
                    break
                if tuple(words[place : place + len(key)]) == key:
                    longest = len(key)
                    found.setdefault(concept)
        return list(found)

    def expanded(self, text: str) -> str:
        """A text with the names of its concepts behind it, for the embedder."""
        names = [self.names[concept] for concept in self.concepts(stems(text))]
        return f"{text} ({', '.join(names)})" if names else text

    def words(self, text: str) -> list[str]:
        """A text's stems and its concepts, as a word index keeps them."""
        found = stems(text)
        return [*found, *(f"concept{concept}" for concept in self.concepts(found))]


@cache
def research_terms() -> ResearchTerms:
    """The terms that come with Evolver."""
    text = files("evolver.memory").joinpath(CONCEPTS_FILE).read_text(encoding="utf-8")
    return ResearchTerms([line for line in text.splitlines() if line and not line.startswith("#")])
