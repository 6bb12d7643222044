"""Shares experiments among search operators by what each has been worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence


class OperatorBandit:
    """Thompson sampling: the arm whose sampled value is the highest.

    Source:
        W. R. Thompson, "On the likelihood that one unknown probability exceeds another in view of the evidence of two
        samples", Biometrika 25 (1933) 285-294.
    """

    def choose(self, arms: Sequence[str], value: Callable[[str], float]) -> str:
        """The arm to pull next.

        Args:
            arms: On offer.
            value: A sample of what an arm may be worth, from its posterior.

        Returns:
            The arm of the highest sample; the first of equal ones.

        Raises:
            ValueError: There is no arm.
        """
        if not arms:
            raise ValueError("a bandit needs at least one arm")
        return max(arms, key=value)
