"""A constant."""

LEVEL = 1.0


def value():
    return LEVEL
