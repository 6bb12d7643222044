"""Hard caps on tokens and dollars: a call reserves its worst case before it starts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from evolver.contracts import Budget, Spent
from evolver.errors import BudgetSpent, UsageError
from evolver.llm.pricing import Price

BYTES_PER_TOKEN = 2.5
"""To begin with; what a model really counted corrects it upwards."""
FRAME = 16
"""Tokens around one message."""
TELLING = 2000
"""Bytes of a prompt from which on its tokens say how many there are to a byte."""


@dataclass(frozen=True)
class Charge:
    """Tokens and dollars of one call; `usd` is 0 where no price is known, which no cap of dollars allows."""

    tokens: int = 0
    usd: float = 0.0


class TokenEstimate:
    """Tokens of a prompt before it is counted; learns from what was counted, so that it errs on the safe side."""

    def __init__(self) -> None:
        self._per_byte = 1.0 / BYTES_PER_TOKEN
        self._base = 1
        """Tokens that a provider adds to any prompt."""

    def tokens(self, size: int, messages: int) -> int:
        """For so many bytes of text in so many messages."""
        return self._base + int(size * self._per_byte) + FRAME * messages

    def learn(self, size: int, messages: int, counted: int) -> None:
        """What a provider counted for a prompt."""
        if size >= TELLING:
            # No tokeniser makes more tokens than there are bytes.
            self._per_byte = min(1.0, max(self._per_byte, (counted - self._base - FRAME * messages) / size))
        self._base += max(0, counted - self.tokens(size, messages))


class BudgetLedger:
    """What a campaign has spent, what is in flight, and what it may spend. For one event loop."""

    def __init__(self, budget: Budget, spent: Spent) -> None:
        self._budget = budget
        self._spent = Charge(spent.tokens, spent.usd)
        self._reserved: dict[object, Charge] = {}
        self._settled = asyncio.Event()

    def allow(self, budget: Budget) -> None:
        """Keep another budget from now on."""
        self._budget = budget
        self._settled.set()

    def require_price(self, model: str, price: Price | None) -> None:
        """Raises UsageError where dollars are capped and a model's price is unknown."""
        if self._budget.usd is not None and price is None:
            raise UsageError(
                f"no price is known for {model}, so a cap of ${self._budget.usd:g} cannot be kept: "
                "give its price in prices.json (EVOLVER_PRICES), or cap tokens instead"
            )

    async def reserve(self, worst: Charge) -> object:
        """Take the worst case of a call out of the budget; give the returned ticket back with `settle`.

        Waits while other calls hold more than they may need. Raises BudgetSpent where the call does not fit even if
        those turn out to cost nothing.
        """
        while True:
            self._refuse_if_over(worst)
            if self._fits(worst):
                ticket = object()
                self._reserved[ticket] = worst
                return ticket
            self._settled.clear()
            await self._settled.wait()

    def settle(self, ticket: object, charge: Charge) -> None:
        """Replace a reservation by what the call cost."""
        self._reserved.pop(ticket)
        self._spent = Charge(self._spent.tokens + charge.tokens, self._spent.usd + charge.usd)
        self._settled.set()

    def _fits(self, worst: Charge) -> bool:
        held = self._reserved.values()
        tokens = self._spent.tokens + sum(charge.tokens for charge in held) + worst.tokens
        usd = self._spent.usd + sum(charge.usd for charge in held) + worst.usd
        return not self._over(tokens, usd)

    def _over(self, tokens: int, usd: float) -> bool:
        budget = self._budget
        return (budget.tokens is not None and tokens > budget.tokens) or (budget.usd is not None and usd > budget.usd)

    def _refuse_if_over(self, worst: Charge) -> None:
        spent, budget = self._spent, self._budget
        if not self._over(spent.tokens + worst.tokens, spent.usd + worst.usd):
            return
        if budget.tokens is not None and spent.tokens + worst.tokens > budget.tokens:
            raise BudgetSpent(
                f"the token budget is spent: {spent.tokens} of {budget.tokens} used, the next call may take "
                f"{worst.tokens}"
            )
        raise BudgetSpent(
            f"the model budget is spent: ${spent.usd:.4f} of ${budget.usd:g} used, the next call may cost "
            f"${worst.usd:.4f}"
        )
