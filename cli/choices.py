"""What may stand behind an option, checked, and where progress is told."""

from __future__ import annotations

import sys
from typing import get_args

from evolver.contracts import SandboxKind, TeamKind
from evolver.errors import UnknownName, UsageError
from evolver.registry import SANDBOXES
from evolver.settings import Settings


def sandbox_choice(word: str | None) -> SandboxKind:
    """The sandbox that was asked for, else that of the settings. Raises UsageError."""
    if word is None:
        return Settings().sandbox
    try:
        return SANDBOXES.check(word)
    except UnknownName as error:
        raise UsageError(f"--sandbox {word}: {error}") from None


def team_choice(word: str | None) -> TeamKind | None:
    """The team that was asked for, if one was. Raises UsageError."""
    kinds: tuple[TeamKind, ...] = get_args(TeamKind)
    for kind in kinds:
        if kind == word:
            return kind
    if word is not None:
        raise UsageError(f"--team {word}: choose one of {', '.join(kinds)}")
    return None


def say_to_stderr(line: str) -> None:
    """Tell how long work goes on."""
    print(line, file=sys.stderr, flush=True)
