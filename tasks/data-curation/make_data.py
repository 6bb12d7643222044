"""Makes the shipped text from plain-text e-books: `python make_data.py FOLDER`, with FOLDER holding NAME.txt files.

Writes inputs/pool/text.json.xz, which raw pools are made from, and
private/heldout.json.xz (held-out text and multiple-choice questions). Headers, trailers, licence texts, credits and
headings of the e-books are taken off; paragraphs are unwrapped.
"""

import bisect
import json
import lzma
import random
import re
import sys
from collections import Counter
from pathlib import Path

POOL = ("american_adventures", "dracula", "frankenstein", "little_colonels_hero", "log_school_house",
        "news_from_nowhere", "pride_and_prejudice", "tale_of_two_cities")
FOREIGN = ("entre_nous_fr", "ontboezemingen_nl")
HELD_OUT = ("sherlock_holmes", "katrine", "time_machine")
"""Books that no pool holds."""
POOL_BYTES, FOREIGN_BYTES, HELD_OUT_BYTES = 300_000, 120_000, 120_000
"""Most text of one book."""
QUESTIONS, LEAKED = 6000, 600
CONTEXT, FOLLOWING = 160, 40
"""Characters of a question before the missing word and after it."""
NEIGHBOURS = 60
"""Wrong answers are drawn from so many words that are nearest in frequency and as long, give or take one letter."""
TRADEMARK = re.compile(r"gutenberg|e-?book|e-?text|transcriber|proofread|illustration", re.IGNORECASE)


def paragraphs(path, encoding):
    """Running text of a book: whole sentences, without headings, verse, tables and everything about the edition."""
    text = path.read_bytes().decode(encoding).replace("\r\n", "\n")
    text = re.split(r"\*\*\* ?START OF (?:THE|THIS) .*\n", text, maxsplit=1)[1]
    text = re.split(r"\*\*\* ?END OF (?:THE|THIS) ", text, maxsplit=1)[0]
    for block in re.split(r"\n\s*\n", text):
        line = re.sub(r"\s+", " ", block.replace("_", "")).strip()
        letters = sum(char.isalpha() for char in line)
        if len(line) < 60 or TRADEMARK.search(line) or re.search(r"[\[\]{}|=*]", line):
            continue
        if letters < 0.72 * len(line) or sum(char.isupper() for char in line) > 0.15 * letters:
            continue
        if line[-1] in ".!?\"'" and line[0] in "\"'" + line[0].upper():
            yield line


def book(folder, name, limit, encoding):
    """Paragraphs from the middle of a book, `limit` characters in all."""
    found = list(paragraphs(folder / f"{name}.txt", encoding))
    excess = sum(map(len, found)) - limit
    while excess > 0 and found:
        excess -= len(found.pop(0)) + (len(found.pop()) if found else 0)
    return found


def questions(text, rng):
    """Six thousand words of the text to be guessed: [where it begins, its length, three wrong answers]."""
    words = [match for match in re.finditer(r"(?<=[a-z,] )[a-z]{4,10}(?=[ ,.;])", text)
             if CONTEXT < match.start() < len(text) - FOLLOWING - 12]
    counts = Counter(match[0] for match in words)
    by_length = {size: sorted((word for word in counts if abs(len(word) - size) <= 1),
                              key=lambda word: (-counts[word], word)) for size in range(4, 11)}
    ranks = {size: [-counts[word] for word in words] for size, words in by_length.items()}
    asked = []
    for match in sorted(rng.sample(words, QUESTIONS), key=lambda match: match.start()):
        size, word = len(match[0]), match[0]
        middle = bisect.bisect_left(ranks[size], -counts[word])
        start = max(0, min(middle - NEIGHBOURS // 2, len(by_length[size]) - NEIGHBOURS))
        near = [other for other in by_length[size][start:start + NEIGHBOURS] if other != word]
        asked.append([match.start(), size, *rng.sample(near, 3)])
    return asked


def leaked(text, asked, rng):
    """A tenth of the questions as they would stand on a web page, with the right answer."""
    for start, size, *wrong in rng.sample(asked, LEAKED):
        options = [*wrong, text[start:start + size]]
        rng.shuffle(options)
        before = text[start - CONTEXT:start].split(" ", 1)[1]
        after = text[start + size:start + size + FOLLOWING].rsplit(" ", 1)[0]
        right = "ABCD"[options.index(text[start:start + size])]
        yield {"passage": f"{before}____{after}".replace("\n", " "), "options": options, "answer": right}


def write(path, content):
    """A compressed JSON file with the same bytes for the same content."""
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))


def main(folder):
    root, rng = Path(__file__).parent, random.Random(7)
    held_out = "\n\n".join(line for name in HELD_OUT for line in book(folder, name, HELD_OUT_BYTES, "ascii"))
    asked = questions(held_out, rng)
    text = {
        "english": [book(folder, name, POOL_BYTES, "ascii") for name in POOL],
        "foreign": [book(folder, name, FOREIGN_BYTES, "latin-1") for name in FOREIGN],
        "leaked": list(leaked(held_out, asked, rng)),
    }
    write(root / "inputs" / "pool" / "text.json.xz", text)
    write(root / "private" / "heldout.json.xz", {"text": held_out, "questions": asked})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
