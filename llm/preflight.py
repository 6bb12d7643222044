"""Looks before a campaign starts whether its models can be opened at all; nothing is asked."""

from __future__ import annotations

from collections.abc import Sequence

from evolver.contracts import Budget, Spent
from evolver.errors import UsageError
from evolver.llm.budget import BudgetLedger
from evolver.llm.model_spec import ModelSpec, Role, models_for
from evolver.llm.pricing import load_prices, prices_file
from evolver.llm.provider import ChatModel
from evolver.redaction import Redactor
from evolver.settings import Settings


def refuse_secrets(texts: Sequence[str], option: str) -> None:
    """Raises UsageError where a word that would be kept in the archive has a key or a password in it."""
    redactor = Redactor()
    for text in texts:
        if redactor(text) != text:
            raise UsageError(
                f"{option}: there is a key or a password in it, which the archive would keep; set the provider's "
                "variable instead, such as OPENAI_API_KEY"
            )


def check_models(choices: Sequence[ModelSpec], roles: Sequence[Role], budget: Budget, settings: Settings) -> None:
    """Open the models of these roles; takes seconds, since libraries are imported.

    Raises UsageError where a role has no model, a package or a key is missing, or dollars are capped and a price is
    unknown.
    """
    prices, ledger = load_prices(prices_file(settings.home, settings)), BudgetLedger(budget, Spent())
    wanted = dict.fromkeys(choice for role in roles for choice in models_for(choices, role))
    for choice in wanted:
        ledger.require_price(choice.model, prices.of(choice))
    for choice in wanted:
        ChatModel(choice, request_seconds=settings.request_seconds, redactor=Redactor(), notice=_ignore).check()


async def _ignore(model: str, difference: str) -> None:
    """No request is sent, so nothing is dropped."""
