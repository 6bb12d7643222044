"""What a change is called, so that the same change has the same name whichever operator made it."""

from __future__ import annotations

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
