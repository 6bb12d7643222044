"""Makes a raw pool of documents from clean text: a function of the text and the seed alone. Standard library only.

The same file lies in inputs/pool, where the harness makes the pool before the program is loaded, and in private, where
the judge makes it again to know what each document is made of.
"""

import json
import lzma
import random
from dataclasses import dataclass
from pathlib import Path

import damage

PASSAGES = {"smoke": 300, "proxy": 1000, "full": 1250}
"""Distinct English passages in a pool, by stage."""
SHORTEST, LONGEST = 500, 2100
"""Characters of a passage; it ends with the paragraph that reaches its length."""
OPEN = {damage.nothing: 30, damage.typographic: 8, damage.mojibake: 9, damage.hard_wraps: 10, damage.web_page: 11,
        damage.navigation: 16, damage.scan_errors: 9, damage.capitals: 3, damage.shuffled: 10}
"""What happens to a passage, in per cent."""
LOCKED = {damage.nothing: 34, damage.quoted_printable: 9, damage.reply_quotes: 9, damage.line_numbers: 9,
          damage.json_dump: 9, damage.spaced_letters: 6, damage.no_spaces: 7, damage.two_columns: 8,
          damage.word_chain: 9}
"""The same in locked pools. Nothing but `nothing` occurs in both."""
COPIES, NEAR_COPIES = 0.30, 0.20
"""Documents that repeat another one, exactly or nearly, as a share of the passages."""
JUNK = {"foreign": 0.10, "code": 0.09, "spam": 0.09, "links": 0.07, "numbers": 0.04, "leaked": 0.06}
"""Documents that are no English prose, or that give benchmark questions away, as shares of the passages."""


@dataclass(frozen=True)
class Document:
    """A raw document, and what only the judge may know of it."""

    raw: str
    kind: str
    source: str = ""
    """The clean passage that it was made from; empty for junk."""


def read_text(folder: Path) -> dict:
    """The clean text that pools are made from."""
    return json.loads(lzma.decompress((folder / "text.json.xz").read_bytes()))


def make_pool(text: dict, stage: str, seed: int, *, locked: bool = False) -> list[Document]:
    """The documents of a seed's pool in random order; `locked` makes the pool of held-back kinds of damage."""
    rng = random.Random(f"{'locked' if locked else 'open'}/{stage}/{seed}")
    books = text["english"]
    wanted = PASSAGES[stage] // (2 if locked else 1)
    passages = rng.sample([passage for book in books for passage in _passages(book, rng)], wanted)
    shares = LOCKED if locked else OPEN
    kinds = rng.choices(list(shares), list(shares.values()), k=len(passages))
    context = damage.Context(rng=rng, passages=passages)
    documents = [Document(change(passage, context), change.__name__, passage)
                 for passage, change in zip(passages, kinds, strict=True)]
    copied = rng.choices(documents, k=int(COPIES * wanted))
    near = [Document(damage.near_copy(one.raw, context), one.kind, one.source)
            for one in rng.choices(documents, k=int(NEAR_COPIES * wanted))]
    junk = [document for kind, share in JUNK.items() for document in _junk(kind, int(share * wanted), text, context)]
    pool = [*documents, *copied, *near, *junk]
    rng.shuffle(pool)
    return pool


def clean_documents(pool: list[Document], rng: random.Random) -> list[str]:
    """What a perfect pipeline would keep: each passage once, as it was before any damage."""
    passages = sorted({document.source for document in pool if document.source})
    rng.shuffle(passages)
    return passages


def _passages(book: list[str], rng: random.Random):
    """A book cut into runs of whole paragraphs of random lengths."""
    held: list[str] = []
    wanted = rng.randint(SHORTEST, LONGEST)
    for paragraph in book:
        held.append(paragraph)
        if sum(map(len, held)) >= wanted:
            yield "\n\n".join(held)
            held, wanted = [], rng.randint(SHORTEST, LONGEST)


def _junk(kind: str, count: int, text: dict, context: damage.Context):
    rng = context.rng
    if kind == "foreign":
        passages = [passage for book in text["foreign"] for passage in _passages(book, rng)]
        return [Document(passage, kind) for passage in rng.choices(passages, k=count)]
    if kind == "leaked":
        return [Document(damage.leaked(rng.sample(text["leaked"], rng.randint(3, 7)), context), kind)
                for _ in range(count)]
    return [Document(getattr(damage, kind)(context), kind) for _ in range(count)]
