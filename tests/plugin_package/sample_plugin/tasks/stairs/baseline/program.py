"""Two steps that are too high."""

FIRST = 6.0
SECOND = 3.0


def heights():
    first = FIRST
    second = SECOND
    return [first, second]
