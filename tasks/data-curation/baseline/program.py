"""A basic pipeline: tags are stripped, exact repetitions are left out."""

import re


def strip_tags(docs):
    """Documents without anything in angle brackets."""
    docs = [re.sub(r"<[^>]*>", " ", doc) for doc in docs]
    return docs


def drop_repetitions(docs):
    """Each document once."""
    docs = list(dict.fromkeys(docs))
    return docs


def clean(docs):
    """The documents to train on, in the order in which the budget is spent."""
    docs = strip_tags(docs)
    docs = drop_repetitions(docs)
    return docs
