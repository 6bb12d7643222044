"""The options of a run on the command line, made from the fields of its configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any, Literal

import typer

from evolver.contracts.run_config import Option, fields, limits, option
from evolver.graph.context import Context
from evolver.settings import Settings

BEGINNING = tuple(name for name in fields() if option(name).flags)
"""What may be said of a new campaign, beside its task."""
CONTINUING = ("task", *(name for name in BEGINNING if not option(name).begins))
"""What may be said of a campaign that goes on; its task, where its folder was moved."""

_TYPES = {"integer": int, "number": float, "string": str, "boolean": bool, "array": list[str]}
Command = Callable[..., None]


def with_options(names: Iterable[str], *, defaults: bool = True) -> Callable[[Command], Command]:
    """Give a command an option for each field; it takes those that were said as keywords.

    Without `defaults` what is not said stays as it is.
    """

    def given(command: Command) -> Command:
        own = list(inspect.signature(command, eval_str=True).parameters.values())
        places = [one for one in own if one.kind is one.POSITIONAL_OR_KEYWORD]
        flags = [one for one in own if one.kind is one.KEYWORD_ONLY]
        parameters = [*places, *(_parameter(name, defaults) for name in names), *flags]

        @wraps(command)
        def told(**values: Any) -> None:
            command(**{name: value for name, value in values.items() if value is not None})

        told.__dict__["__signature__"] = inspect.Signature(parameters)
        told.__annotations__ = {one.name: one.annotation for one in parameters}
        return told

    return given


def configured(said: Mapping[str, object], settings: Settings) -> Context:
    """The configuration that was asked for. Raises WrongValue, which names the option."""
    return Context.model_validate({**said, "home": settings.home}, context={"spelling": in_flags})


def in_flags(name: str, value: object = None) -> str:
    """An option, with its value if one is given, as it is written on the command line."""
    flags = option(name).flags
    written = flags[0].partition("/")[0] if flags else name
    return written if value is None else f"{written} {value}"


def said_of(name: str, *, default: bool = True) -> str:
    """The help of a field."""
    known, found = option(name), limits(name)
    text = str(found["description"])
    text += "; as 90s, 10m or 2h" if known.is_duration else ""
    text += "; may be given several times" if found["type"] == "array" else ""
    return f"{text}; default: {known.unset}." if known.unset and default else f"{text}."


def _parameter(name: str, has_default: bool) -> inspect.Parameter:
    known, found = option(name), limits(name)
    kind = _kind(known, found)
    is_number = kind in (int, float)
    info: Any = typer.Option(
        *(known.flags or (f"--{name}",)),
        help=said_of(name, default=has_default),
        min=found.get("minimum") if is_number else None,
        max=found.get("maximum") if is_number else None,
        # The configuration checks what was written, so that a mistake is told alike wherever it is made.
        parser=None if kind is bool else str,
        metavar="<duration>" if known.is_duration else None,
    )
    default = found["default"] if has_default and found["default"] not in ("", []) else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _kind(known: Option, found: Mapping[str, Any]) -> Any:
    if known.is_duration:
        return str
    return Literal[tuple(found["enum"])] if "enum" in found else _TYPES[found["type"]]
