"""Fills the templates; whatever comes from a campaign is text, never markup."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from evolver.contracts import Interval
from evolver.formatting import claim_words, counted, duration, interval_text, size, status_words

MINUS = "\N{MINUS SIGN}"
_MARKS = re.compile(r"[\\`*_{}\[\]#|~>!]")
STATIC = Path(__file__).with_name("static")
PLOTLY = "plotly.js"


@cache
def environment() -> Environment:
    """Templates with escaping on for all of them; an unknown name is an error."""
    made = Environment(
        loader=PackageLoader("evolver.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        number=number,
        signed=signed,
        between=between,
        claimed=claim_words,
        counted=counted,
        duration=_duration,
        moment=moment,
        words=status_words,
        bytes=size,
    )
    return made


def render(template: str, **values: Any) -> str:
    """A page."""
    return environment().get_template(template).render(**values)


@cache
def _text_environment() -> Environment:
    """Templates of plain text: nothing is escaped but what the `md` filter makes plain for Markdown."""
    made = environment().overlay(autoescape=False)
    made.filters["md"] = plain_markdown
    return made


def render_text(template: str, **values: Any) -> str:
    """A text."""
    return _text_environment().get_template(template).render(**values)


def plain_markdown(text: object) -> str:
    """A text in one line that means in Markdown what it says: no markup, no HTML, no cell of a table."""
    return _MARKS.sub(r"\\\g<0>", " ".join(str(text).split())).replace("<", "&lt;")


def static_file(name: str) -> Path:
    """Where a file lies that pages ask for; plotly's comes from its own package."""
    if name == PLOTLY:
        return Path(str(files("plotly") / "package_data" / "plotly.min.js"))
    return STATIC / name


def number(value: float | None) -> str:
    """Six digits; a dash for none."""
    return "–" if value is None else f"{value:.6g}".replace("-", MINUS)


def signed(value: float | None) -> str:
    """Four digits and always a sign."""
    return "–" if value is None else f"{value:+.4g}".replace("-", MINUS)


def between(interval: Interval | None, signs: bool = False) -> str:
    """An interval in brackets; nothing where there is none or it is a point."""
    return interval_text(interval, digits=4 if signs else 6, signed=signs).replace("-", MINUS)


def _duration(seconds: float) -> str:
    return duration(seconds, tenths=True)


def moment(value: datetime) -> str:
    """To the second, in UTC; the page turns it into the reader's own time."""
    return value.strftime("%Y-%m-%d %H:%M:%S UTC")
