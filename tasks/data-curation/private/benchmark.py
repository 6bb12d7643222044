"""The held-out text and the questions about it, for any model that gives bytes a probability."""

import json
import lzma
from pathlib import Path

BEFORE, AFTER = 60, 5
"""Characters of a question that a model reads before the options, and those after that count with them."""
OPTIONS = 4


class Benchmark:
    """Held-out books: 360 kB of text, and 6,000 of its words to be told from three others each."""

    def __init__(self, private: Path, texts: int | None = None, questions: int | None = None) -> None:
        """Read the first `texts` characters and the first `questions` questions; everything if unsaid."""
        content = json.loads(lzma.decompress((private / "heldout.json.xz").read_bytes()))
        self.text = content["text"][:texts].encode()
        asked = [_fragments(content["text"], *question) for question in content["questions"]]
        # Spread over the books, whatever the number.
        self._questions = asked[:: len(asked) // questions] if questions else asked

    def bits_per_byte(self, model) -> float:
        """Bits that the model needs for each byte of the held-out text."""
        return float(-model.log2(self.text).mean())

    def accuracy(self, model) -> float:
        """Share of questions whose right option the model gives the highest probability; chance is 1/4."""
        options = [option for question in self._questions for option in question]
        scores = model.log2_of_ends(options)
        return float((scores.reshape(-1, OPTIONS).argmax(axis=1) == 0).mean())


def _fragments(text: str, start: int, size: int, *wrong: str) -> list[tuple[bytes, bytes]]:
    """A question as (what comes before, what counts) for each option, the right one first."""
    before, after = text[start - BEFORE:start], text[start + size:start + size + AFTER]
    return [(before.encode(), (option + after).encode()) for option in (text[start:start + size], *wrong)]
