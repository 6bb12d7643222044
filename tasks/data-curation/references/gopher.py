"""In the manner of MassiveWeb (Rae et al. 2021): statistics of documents and their repetitions."""

import re
from collections import Counter
from itertools import pairwise


def strip_tags(docs):
    """Documents without anything in angle brackets."""
    docs = [re.sub(r"<[^>]*>", " ", doc) for doc in docs]
    return docs


def drop_repetitions(docs):
    """Each document once."""
    docs = list(dict.fromkeys(docs))
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


def clean(docs):
    """The documents to train on, in the order in which the budget is spent."""
    docs = strip_tags(docs)
    docs = drop_repetitions(docs)
    docs = filter_quality(docs)
    docs = filter_repetition(docs)
    return docs
