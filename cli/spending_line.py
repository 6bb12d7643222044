"""What models have cost so far, quickly enough for a display that is drawn all the time."""

from __future__ import annotations

from evolver.contracts import Campaign, Spent
from evolver.formatting import cost
from evolver.settings import Settings


class SpendingLine:
    """Words for what a campaign's models were paid, against its caps."""

    def __init__(self, campaign: Campaign, settings: Settings) -> None:
        self._known = _prices_are_known(campaign, settings)

    def words(self, spent: Spent, campaign: Campaign) -> str:
        """Dollars and tokens, and the caps that there are."""
        budget = campaign.budget
        caps = [f"${budget.usd:g}"] if budget.usd is not None else []
        caps += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
        return cost(spent.usd if self._known else None, spent.tokens) + (f" of {' and '.join(caps)}" if caps else "")


def _prices_are_known(campaign: Campaign, settings: Settings) -> bool:
    if campaign.team == "offline":
        return True
    from evolver.llm import parse_models
    from evolver.llm.pricing import load_prices, prices_file

    prices = load_prices(prices_file(settings.home, settings))
    return all(prices.of(choice) is not None for choice in parse_models(campaign.models, campaign.base_url))
