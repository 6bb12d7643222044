"""Returns far more text than any budget holds: each document a thousand times, then a hundred million letters."""


def clean(docs):
    return [*docs * 1000, "a" * 100_000_000]
