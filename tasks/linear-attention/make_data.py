"""Makes the task's data from plain-text books: `python make_data.py FOLDER`, with one NAME.txt for each book below.

Every fifth stretch of the training books is held out and cut into windows; of each window the programs see all bytes
but the last one, which only the judge has. No byte that is asked for stands in any window or in the training text.
Recall questions are drawn from a fixed generator; the judge has the answers.
"""

import lzma
import re
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
TRAINED = ("dracula", "frankenstein", "sherlock_holmes", "tale_of_two_cities", "pride_and_prejudice",
           "news_from_nowhere", "american_adventures", "log_school_house", "katrine")
UNSEEN = ("time_machine", "little_colonels_hero")
"""Books of which nothing is trained on."""
CONTEXT = 512
END = 48
"""Bytes at the end of a window, the withheld one included, that must be unique."""
STRETCH = 10 * (CONTEXT + 1)
"""Bytes of a book that are held out or trained on together."""
EVERY = 5
PLAIN = {"“": '"', "”": '"', "‘": "'", "’": "'", "—": "--", "–": "-", "\ufeff": "", "\t": " "}
KEYS = VALUES = 64
POOLS = {"small": (800, 32, 96), "small_long": (200, 48, 144), "large": (600, 64, 160), "large_long": (200, 64, 320)}
"""Name: sequences, keys in each, bindings in each."""


def clean(path: Path) -> bytes:
    """The book alone: header, trailer and typographic marks are gone, and no more than one line is empty."""
    text = path.read_bytes().decode("utf-8", errors="replace").replace("\r\n", "\n")
    start = re.search(r"\*\*\* ?START OF TH.*?\*\*\*", text, re.DOTALL)
    end = re.search(r"\*\*\* ?END OF TH", text)
    assert start is not None and end is not None, path
    text = text[start.end():end.start()]
    text = re.sub(r"(?im)^.*(gutenberg|e-?text|e-?book|produced by|proofread).*$", "", text)
    for mark, plain in PLAIN.items():
        text = text.replace(mark, plain)
    text = "\n".join(re.sub(" +", " ", line).strip() for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", text).strip().encode("ascii", errors="ignore")


def windows(text: bytes) -> np.ndarray:
    """The text as windows side by side, shape (n, CONTEXT + 1)."""
    count = len(text) // (CONTEXT + 1)
    return np.frombuffer(text[:count * (CONTEXT + 1)], np.uint8).reshape(count, CONTEXT + 1)


def untold(rows: np.ndarray, train: bytes) -> np.ndarray:
    """The windows whose end stands nowhere else: no repeated title or refrain tells what is asked for."""
    shown = b"\0".join(row[:-1].tobytes() for row in rows)
    ends = [bytes(row[-END:]) for row in rows]
    return rows[[end not in train and end not in shown and ends.count(end) == 1 for end in ends]]


def divide(text: bytes) -> tuple[bytes, bytes]:
    """What is trained on, and what is held out."""
    stretches = [text[at:at + STRETCH] for at in range(0, len(text), STRETCH)]
    held = [s for number, s in enumerate(stretches) if number % EVERY == EVERY - 1 and len(s) == STRETCH]
    trained = [s for number, s in enumerate(stretches) if number % EVERY != EVERY - 1 or len(s) != STRETCH]
    return b"".join(trained), b"".join(held)


def recall(rng: np.random.Generator, count: int, keys: int, bindings: int) -> tuple[np.ndarray, np.ndarray]:
    """Questions (count, 2 * bindings + keys) and answers (count, keys): the value that each key was last bound to."""
    questions = np.empty((count, 2 * bindings + keys), np.uint8)
    answers = np.empty((count, keys), np.uint8)
    for row in range(count):
        chosen = rng.permutation(KEYS)[:keys]
        written = rng.permutation(np.concatenate([np.arange(keys), rng.integers(keys, size=bindings - keys)]))
        values = rng.integers(VALUES, size=bindings)
        latest = np.empty(keys, np.int64)
        latest[written] = values  # a later one overwrites
        asked = rng.permutation(keys)
        questions[row, 0:2 * bindings:2] = chosen[written]
        questions[row, 1:2 * bindings:2] = KEYS + values
        questions[row, 2 * bindings:] = chosen[asked]
        answers[row] = KEYS + latest[asked]
    return questions, answers


def main() -> None:
    source = Path(sys.argv[1])
    parts = [divide(clean(source / f"{name}.txt")) for name in TRAINED]
    train = b"\n\n".join(trained for trained, _ in parts)
    held = np.concatenate([windows(held) for _, held in parts])
    unseen = np.concatenate([windows(clean(source / f"{name}.txt")) for name in UNSEEN])
    rng = np.random.default_rng(20240606)
    shown, answers = {}, {}
    for name, rows in (("text", held), ("unseen", unseen)):
        kept = untold(rows, train)
        order = rng.permutation(len(kept))
        shown[name], answers[name] = kept[order, :-1], kept[order, -1]
    for name, (count, keys, bindings) in POOLS.items():
        shown[f"recall_{name}"], answers[f"recall_{name}"] = recall(rng, count, keys, bindings)
    (HERE / "public" / "train.txt.xz").write_bytes(lzma.compress(train, preset=9 | lzma.PRESET_EXTREME))
    for name, array in shown.items():
        packed = lzma.compress(np.ascontiguousarray(array).tobytes(), preset=9 | lzma.PRESET_EXTREME)
        (HERE / "inputs" / "predict" / f"{name}.{array.shape[1]}.xz").write_bytes(packed)
    np.savez_compressed(HERE / "private" / "answers.npz", **answers)
    print(f"{len(train)} bytes to train on; " + ", ".join(f"{n}: {a.shape}" for n, a in shown.items()))


if __name__ == "__main__":
    main()
