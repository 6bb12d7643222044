"""What a change is called, so that the same change has the same name whichever operator made it."""

from __future__ import annotations

from collections.abc import Set

from evolver.contracts import Proposal

LONGEST_KEY = 120
MODELS_OWN = " (experiment "
"""Begins what tells a model's idea from others about the same part."""


def change_key(component: str) -> str:
    """What a change is kept under: the same for `anneal` called, taken over as `anneal()` and dropped."""
    return " ".join(component.replace("()", "").split()).lower()[:LONGEST_KEY]


def key_of(proposal: Proposal, number: int) -> str:
    """The change of a proposal; a model's idea is a change of its own until it is said to be the same as another."""
    key = change_key(proposal.component)
    return f"{key}{MODELS_OWN}{number})" if proposal.author else key


def exact_key(key: str, before: Set[str], after: Set[str], *, removes: bool, replaced: str = "") -> str:
    """A change by all that it does to the functions which a program uses.

    A call that takes the place of another one is worth the difference of both, and a second call of the same function
    is not worth what the first is: neither says what the function alone is worth.

    Args:
        key: The change; it stays as it is unless it is a function.
        before: Names of the functions that the parent's entry points come to.
        after: The same of the program.
        removes: Whether the change is what was taken out.
        replaced: The function under whose name it stands now, where there is one.
    """
    if replaced and replaced.lower() != key:
        return f"{key} for {replaced}"[:LONGEST_KEY]
    own = {name for name in before | after if name.lower() == key.partition("@")[0]}
    if not own:
        return key
    if own <= (after if removes else before):
        return f"another {key}"[:LONGEST_KEY]
    lost = sorted(before - after - own)
    return f"{key} {'with' if removes else 'for'} {', '.join(lost)}"[:LONGEST_KEY] if lost else key
