"""In the manner of FineWeb (Penedo et al. 2024): text extraction, English, Gopher's and C4's rules without the one
about final punctuation, MinHash, and filters by shares of lines."""

import html
import re
import zlib
from collections import Counter
from itertools import pairwise

import numpy as np


def strip_tags(docs):
    """Documents with mark-up turned into plain paragraphs, without scripts, styles, menus, titles."""
    dead = re.compile(r"<(script|style|title|ul|nav|head)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
    kept = []
    for doc in docs:
        text = doc
        if re.search(r"</?[a-z]+[^>]*>", doc):
            text = re.sub(r"</(?:p|div|h\d|li)>", "\n\n", dead.sub(" ", doc))
            text = html.unescape(re.sub(r"<[^>]*>", "", text))
            text = re.sub(r"\s*\n\s*\n\s*", "\n\n", text).strip()
        kept.append(text)
    docs = kept
    return docs


def keep_english(docs, least=0.2):
    """Documents in which enough words are English function words."""
    function_words = frozenset("the of and to a in that it is was he for with as his her she you not be at by i on had "
                               "but they have from all".split())
    kept = []
    for doc in docs:
        words = doc.lower().split()
        if sum(word in function_words for word in words) >= least * max(len(words), 1):
            kept.append(doc)
    docs = kept
    return docs


def filter_quality(docs, fewest=50, most=100000, shortest=3.0, longest=10.0, symbols=0.1, bullets=0.9, worded=0.8,
                   common=2):
    """Documents whose counts of words, symbols and list items look like prose."""
    function_words = {"the", "be", "to", "of", "and", "that", "have", "with"}
    kept = []
    for doc in docs:
        words, lines = doc.split(), doc.split("\n")
        count = max(len(words), 1)
        good = (fewest <= len(words) <= most and shortest <= sum(map(len, words)) / count <= longest
                and (doc.count("#") + doc.count("...")) / count <= symbols
                and sum(line.lstrip().startswith(("-", "*", ">")) for line in lines) / len(lines) <= bullets
                and sum(any(char.isalpha() for char in word) for word in words) / count >= worded
                and len(function_words.intersection(map(str.lower, words))) >= common)
        if good:
            kept.append(doc)
    docs = kept
    return docs


def filter_repetition(docs, lines=0.2, pair=0.2, phrases=0.15):
    """Documents in which lines and phrases are seldom repeated."""
    kept = []
    for doc in docs:
        size = max(len(doc), 1)
        counts = Counter(line for line in doc.split("\n") if line.strip())
        doubled = sum(len(line) * (count - 1) for line, count in counts.items())
        words = doc.split()
        pairs = Counter(pairwise(words)).most_common(1)
        top = sum((len(one) + len(two)) * count for (one, two), count in pairs)
        fives = Counter(zip(words, words[1:], words[2:], words[3:], words[4:], strict=False))
        again = sum(sum(map(len, five)) * (count - 1) for five, count in fives.items())
        if doubled <= lines * size and top <= pair * size and again <= phrases * size:
            kept.append(doc)
    docs = kept
    return docs


def drop_pages_without_prose(docs, least_sentences=3):
    """Documents without braces and placeholder text, and with a few sentences."""
    docs = [doc for doc in docs if "{" not in doc and "lorem ipsum" not in doc.lower()
            and len(re.findall(r"[.!?](?:\s|[\"'\u201d\u2019]|$)", doc)) >= least_sentences]
    return docs


def drop_near_duplicates(docs, run=5, bands=14, rows=8):
    """The first of each group of documents that share most of their runs of words."""
    generator = np.random.default_rng(1)
    factors = generator.integers(1, 2**61, (bands * rows, 1), dtype=np.uint64) | np.uint64(1)
    seen, kept = set(), []
    for doc in docs:
        words = re.findall(r"[a-z0-9]+", doc.lower())
        runs = {zlib.crc32(" ".join(words[at:at + run]).encode()) for at in range(max(len(words) - run + 1, 1))}
        hashed = np.fromiter(runs, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        least = ((hashed ^ (hashed >> np.uint64(31))) * factors).min(axis=1).reshape(bands, rows)
        keys = [(band, least[band].tobytes()) for band in range(bands)]
        if seen.isdisjoint(keys):
            kept.append(doc)
        seen.update(keys)
    docs = kept
    return docs


def filter_lines(docs, punctuated=0.12, repeated=0.1, short=0.67, length=30):
    """Documents with enough lines that end like sentences, few repeated lines and few short ones."""
    kept = []
    for doc in docs:
        lines = [line.strip() for line in doc.split("\n") if line.strip()]
        count = max(len(lines), 1)
        ended = sum(line.endswith((".", "!", "?", '"', "'", "\u201d", "\u2019")) for line in lines)
        twice = sum(len(line) * (times - 1) for line, times in Counter(lines).items())
        brief = sum(len(line) < length for line in lines)
        if ended >= punctuated * count and twice <= repeated * max(len(doc), 1) and brief < short * count:
            kept.append(doc)
    docs = kept
    return docs


def clean(docs):
    """The documents to train on, in the order in which the budget is spent."""
    docs = strip_tags(docs)
    docs = keep_english(docs)
    docs = filter_quality(docs)
    docs = filter_repetition(docs)
    docs = drop_pages_without_prose(docs)
    docs = drop_near_duplicates(docs)
    docs = filter_lines(docs)
    return docs
