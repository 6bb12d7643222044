"""Three settings."""

A, B, C = 10, 10, 10


def settings():
    return [A, B, C]
