"""What of a kept text really comes from raw documents that may be learned from, and the text without the rest.

A letter is supported if it stands in a run of sixteen letters that occurs in such a raw document. Only the letters a to
z count, in either case: white space, punctuation, marks of any kind and broken characters may come and go, so that
unwrapping, unescaping or repairing an encoding changes nothing here.
"""

import html
import re

import numpy as np

RUN = 16
"""Letters of a run, a power of two: about four words. One letter in 23 of a book outside the pool is in such a run."""
REPAIR = 3
"""Most letters between two supported runs that count as a repair, such as a misread word put right."""
REPAIRS = 0.01
"""Most letters of a text, as a share, that may be repairs."""
FACTOR = 0x9E3779B97F4A7C15


def only_supported(text: bytes, raw: list[str]) -> tuple[bytes, float]:
    """The text without the stretches that come from none of the raw documents, and the share of letters cut away."""
    data = np.frombuffer(text, dtype=np.uint8)
    places, letters = _letters(data)
    if not len(letters):
        return b"", 0.0
    cut = _unsupported(letters, _index(raw))
    starts, ends = _stretches(cut)
    short = ends - starts <= REPAIR
    allowed = short & (np.cumsum(np.where(short, ends - starts, 0)) <= REPAIRS * len(letters))
    keep = np.ones(len(data), dtype=bool)
    for start, end in zip(starts[~allowed], ends[~allowed], strict=True):
        keep[places[start]:places[end - 1] + 1] = False
    removed = int((ends - starts)[~allowed].sum())
    return data[keep].tobytes(), removed / len(letters)


def _index(raw: list[str]) -> np.ndarray:
    """Every run of letters of the raw documents, as they are and without mark-up, as sorted numbers."""
    texts = dict.fromkeys([*raw, *map(_without_markup, raw)])
    data = np.frombuffer("\n".join(texts).encode("utf-8", "replace"), dtype=np.uint8)
    return np.sort(_runs(_letters(data)[1]))


def _without_markup(text: str) -> str:
    """A document without tags, entities and escapes, which stand between letters and hold some."""
    text = re.sub(r"<[^>]*>|=[0-9A-F]{2}|\\u[0-9a-f]{4}|\\n", "", text)
    return html.unescape(text)


def _letters(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the letters a to z stand, and which they are, in lower case."""
    lower = data | np.uint8(32)
    places = np.flatnonzero((lower >= ord("a")) & (lower <= ord("z")))
    return places, lower[places]


def _runs(letters: np.ndarray) -> np.ndarray:
    """A number for each run of sixteen letters; equal runs have equal numbers, others as good as never."""
    numbers, size, factor = letters.astype(np.uint64), 1, FACTOR
    while size < RUN and len(numbers) > size:
        # Two runs side by side make one of twice their length.
        numbers = numbers[:-size] * np.uint64(factor) + numbers[size:]
        size, factor = 2 * size, factor * factor % 2**64
    if size < RUN:
        return np.zeros(0, dtype=np.uint64)
    return numbers ^ (numbers >> np.uint64(29))


def _unsupported(letters: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Which letters stand in no run of the index."""
    runs = _runs(letters)
    found = np.zeros(len(runs), dtype=bool)
    if len(index):
        # Sorted questions are answered several times faster.
        order = np.argsort(runs)
        place = np.minimum(np.searchsorted(index, runs[order]), len(index) - 1)
        found[order] = index[place] == runs[order]
    edges = np.zeros(len(letters) + 1, dtype=np.int64)
    edges[:len(runs)] += found
    edges[RUN:RUN + len(runs)] -= found
    return np.cumsum(edges[:-1]) == 0


def _stretches(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each stretch of true values begins and ends."""
    steps = np.diff(np.concatenate(([0], mask.astype(np.int8), [0])))
    return np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
