"""How long prompts may be, and how they get shorter."""

from __future__ import annotations

from dataclasses import dataclass

from evolver.prompts import Keep, cut

CHARACTERS = 3
"""Of program text per token, with some margin."""


@dataclass(frozen=True)
class TokenBudget:
    """Tokens that the variable parts of a prompt may take; the task and the rules come on top."""

    tokens: int = 36_000

    def characters(self, share: float) -> int:
        """What a part of the prompt may take."""
        return int(self.tokens * CHARACTERS * share)

    def cut(self, text: str, share: float, keep: Keep = "both") -> str:
        """A text that fits into its share; what is left out is said."""
        return cut(text, self.characters(share), keep)

    def half(self) -> TokenBudget:
        """Half of it."""
        return TokenBudget(self.tokens // 2)
