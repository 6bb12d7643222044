"""The form that starts a campaign: which fields of a run's configuration it has, and how it writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue, TypeAdapter

from evolver.contracts.run_config import limits, option, what_to_write
from evolver.errors import WrongValue
from evolver.graph.context import Context

_BODY = TypeAdapter(dict[str, JsonValue])


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True)
class FormField:
    """A field of the form."""

    of: str
    """The field of the configuration."""
    name: str = ""
    """What the form calls it; empty: the same."""
    label: str = ""
    """Empty: its title."""
    read: Callable[[Any], Any] = _as_it_is
    """From what the form says to what the configuration takes."""

    @property
    def key(self) -> str:
        """Its name in the request."""
        return self.name or self.of

    @property
    def title(self) -> str:
        """Its label."""
        return self.label or str(limits(self.of)["title"])

    @property
    def is_required(self) -> bool:
        """Whether it must not stay empty."""
        return bool(limits(self.of).get("minLength"))

    @property
    def attributes(self) -> dict[str, Any]:
        """Of its input: the limits, and what holds while it is empty."""
        found = limits(self.of)
        said: dict[str, Any] = {"placeholder": option(self.of).unset or None, "required": self.is_required or None}
        if found["type"] not in ("integer", "number"):
            return {**said, "pattern": found.get("pattern"), "maxlength": found.get("maxLength"), "spellcheck": "false"}
        least = found.get("minimum", found.get("exclusiveMinimum"))
        step = 1 if found["type"] == "integer" else "any"
        return {**said, "type": "number", "min": least, "max": found.get("maximum"), "step": step}


def _minutes(value: Any) -> float:
    if not isinstance(value, int | float) or value <= 0:
        raise WrongValue(f"minutes {value}: write a number above 0")
    return value * 60.0


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


FIELDS = (
    FormField("task"),
    FormField("experiments"),
    FormField("seconds", "minutes", "Time, minutes", _minutes),
    FormField("workers"),
    FormField("sandbox"),
    FormField("seed"),
    FormField("campaign", label="Name"),
)
MODEL_FIELDS = (FormField("models", "model", read=_words), FormField("cost", label="Most US dollars"))
"""Those that a click shows."""
_BY_KEY = {field.key: field for field in (*FIELDS, *MODEL_FIELDS)}
_BY_OPTION = {field.of: field for field in _BY_KEY.values()}


def read_form(body: bytes, home: Path) -> Context:
    """The configuration that a request asks for. Raises WrongValue, and ValidationError where it is no object."""
    said = _BODY.validate_json(body)
    if unknown := said.keys() - _BY_KEY.keys():
        raise WrongValue(f"{min(unknown)}: the form has no such field; it has {', '.join(_BY_KEY)}")
    if not said.get("task"):
        raise WrongValue(f"task: {what_to_write('task')}")
    values = {_BY_KEY[key].of: _BY_KEY[key].read(value) for key, value in said.items() if value is not None}
    return Context.model_validate({**values, "home": home}, context={"spelling": in_form})


def in_form(name: str, value: object = None) -> str:
    """An option as the form calls it."""
    key = _BY_OPTION[name].key if name in _BY_OPTION else name
    return key if value is None else f"{key} {value}"
