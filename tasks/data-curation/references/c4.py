"""In the manner of C4 (Raffel et al. 2020): rules for lines and pages, English only, no repeated spans."""

import re


def strip_tags(docs):
    """Documents without anything in angle brackets."""
    docs = [re.sub(r"<[^>]*>", " ", doc) for doc in docs]
    return docs


def drop_repetitions(docs):
    """Each document once."""
    docs = list(dict.fromkeys(docs))
    return docs


def keep_sentence_lines(docs, least_words=5):
    """Documents reduced to lines of some words that end like sentences; policy notices go too."""
    notice = re.compile(r"javascript|terms of use|privacy policy|cookie policy|uses? (?:of )?cookies", re.IGNORECASE)
    kept = []
    for doc in docs:
        lines = []
        for raw_line in doc.split("\n"):
            line = raw_line.strip()
            whole = line.endswith((".", "!", "?", '"', "'", "\u201d", "\u2019"))
            if not line or (whole and len(line.split()) >= least_words and not notice.search(line)):
                lines.append(line)
        kept.append(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip())
    docs = [doc for doc in kept if doc]
    return docs


def drop_pages_without_prose(docs, least_sentences=3):
    """Documents without braces and placeholder text, and with a few sentences."""
    docs = [doc for doc in docs if "{" not in doc and "lorem ipsum" not in doc.lower()
            and len(re.findall(r"[.!?](?:\s|[\"'\u201d\u2019]|$)", doc)) >= least_sentences]
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


def drop_repeated_spans(docs, sentences=3):
    """Documents without the sentences whose span was seen before."""
    seen, kept = set(), []
    for doc in docs:
        parts = re.split(r"(?<=[.!?])\s+", doc)
        spans = [" ".join(parts[at:at + sentences]) for at in range(len(parts))]
        fresh = [part for part, span in zip(parts, spans, strict=True) if span not in seen]
        seen.update(spans)
        kept.append(doc if len(fresh) == len(parts) else " ".join(fresh))
    docs = [doc for doc in kept if doc]
    return docs


def clean(docs):
    """The documents to train on, in the order in which the budget is spent."""
    docs = strip_tags(docs)
    docs = drop_repetitions(docs)
    docs = keep_sentence_lines(docs)
    docs = drop_pages_without_prose(docs)
    docs = keep_english(docs)
    docs = drop_repeated_spans(docs)
    return docs
