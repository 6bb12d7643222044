"""What models cost: the list of genai-prices, our corrections to it, and a file of the user's that comes before both.

The list is the one that was installed; nothing is fetched.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.formatting import mistakes
from evolver.llm.model_spec import ModelSpec
from evolver.settings import Settings
from evolver.text_files import read_text

if TYPE_CHECKING:
    from genai_prices.types import TieredPrices

MILLION = 1e6
_VERSION = re.compile(r"-(latest|\d{8}|\d{6}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}(-\d{4})?|\d{3})")
"""What a provider writes after a model's name to mean one version of it."""

Usd = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Price(Record):
    """US dollars for a million tokens; of a price that rises with the prompt's length, the lowest step."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    """For prompt tokens that the provider had cached; None: the same as `input`."""

    def cost(self, tokens_in: int, tokens_out: int, tokens_cached: int = 0) -> float:
        """Dollars for a call; `tokens_cached` is the part of `tokens_in` that was cached."""
        cached = self.input if self.cached_input is None else self.cached_input
        fresh = max(0, tokens_in - tokens_cached)
        return (fresh * self.input + tokens_cached * cached + tokens_out * self.output) / MILLION


class Prices(Record):
    """Prices by `provider:name`, for what the list of genai-prices does not say or says wrongly."""

    as_of: str = ""
    """When the shipped prices were known to hold."""
    models: dict[str, Price] = {}
    own: dict[str, Price] = {}
    """The user's, which come first and count for servers of any address."""

    def of(self, choice: ModelSpec) -> Price | None:
        """The price of a model, or None where nobody knows it; a server of the user's own has no listed price."""
        own = _look_up(self.own, choice)
        return own if own is not None or choice.base_url else _look_up(self.models, choice) or _listed(choice)


def load_prices(file: Path | None) -> Prices:
    """The shipped prices, with the user's before them. Raises UsageError naming the file."""
    shipped = Prices.model_validate_json(files(__package__).joinpath("prices.json").read_text(encoding="utf-8"))
    if file is None:
        return shipped
    try:
        given = Prices.model_validate(json.loads(read_text(file)))
    except OSError as error:
        raise UsageError(f"EVOLVER_PRICES: {file} cannot be read: {error.strerror}") from None
    except (ValidationError, ValueError) as error:
        detail = "; ".join(mistakes(error)) if isinstance(error, ValidationError) else str(error)
        raise UsageError(
            f'{file} is no table of prices: {detail}; write {{"models": {{"openai:NAME": {{"input": 0.25, '
            '"output": 2.0}}}, in dollars for a million tokens'
        ) from None
    return shipped.model_copy(update={"own": {**given.models, **given.own}})


def prices_file(home: Path, settings: Settings) -> Path | None:
    """The user's file: EVOLVER_PRICES, else `prices.json` in the data folder if it is there."""
    default = home / "prices.json"
    return settings.prices or (default if default.is_file() else None)


def _look_up(table: dict[str, Price], choice: ModelSpec) -> Price | None:
    """The entry of this very model, or the one whose version it is."""
    if choice.model in table:
        return table[choice.model]
    matches = [
        name
        for name in table
        if choice.model.startswith(name) and _VERSION.fullmatch(choice.model.removeprefix(name).replace("@", "-"))
    ]
    return table[max(matches, key=len)] if matches else None


def _listed(choice: ModelSpec) -> Price | None:
    """What genai-prices lists now for this model, or for the one whose version it is."""
    from genai_prices import Usage, calc_price  # takes 0.2 seconds, so only whoever asks a model pays for it

    name = choice.name.replace("@", "-")
    version = re.search(f"{_VERSION.pattern}$", name)
    for model in (name, name[: version.start()]) if version else (name,):
        try:
            price = calc_price(Usage(), model, provider_id=choice.provider).model_price
        except LookupError:
            continue
        tokens_in, tokens_out, cached = (
            _lowest(getattr(price, field, None)) for field in ("input_mtok", "output_mtok", "cache_read_mtok")
        )
        if tokens_in is not None and tokens_out is not None:
            return Price(input=tokens_in, output=tokens_out, cached_input=cached)
    return None


def _lowest(price: Decimal | TieredPrices | None) -> float | None:
    if price is None:
        return None
    return float(price if isinstance(price, Decimal) else price.base)
