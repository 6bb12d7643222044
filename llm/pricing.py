"""What models cost: a shipped table, and a file of the user's that comes before it."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from evolver.contracts import Record
from evolver.errors import UsageError
from evolver.llm.model_spec import ModelSpec
from evolver.settings import Settings

MILLION = 1e6
_VERSION = re.compile(r"-(latest|\d{8}|\d{6}|\d{4}-\d{2}-\d{2}|\d{2}-\d{2}(-\d{4})?|\d{3})")
"""What a provider writes after a model's name to mean one version of it."""

Usd = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Price(Record):
    """US dollars for a million tokens."""

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
    """A table of prices by `provider:name`."""

    as_of: str = ""
    """When the shipped prices were known to hold."""
    models: dict[str, Price] = {}
    own: dict[str, Price] = {}
    """The user's, which come first and count for servers of any address."""

    def of(self, choice: ModelSpec) -> Price | None:
        """The price of a model, or None where nobody knows it; a server of the user's own has no shipped price."""
        own = _look_up(self.own, choice)
        return own if own is not None or choice.base_url else _look_up(self.models, choice)


def load_prices(file: Path | None) -> Prices:
    """The shipped table, with the user's prices before it. Raises UsageError naming the file."""
    shipped = Prices.model_validate_json(files(__package__).joinpath("prices.json").read_text(encoding="utf-8"))
    if file is None:
        return shipped
    try:
        given = Prices.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise UsageError(f"EVOLVER_PRICES: {file} cannot be read: {error.strerror}") from None
    except (ValidationError, ValueError) as error:
        detail = (
            "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            if isinstance(error, ValidationError)
            else str(error)
        )
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
