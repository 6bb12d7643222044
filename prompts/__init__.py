"""Prompt templates of the language-model team, one Jinja file a prompt; the offline team needs none.

`conversation` renders a template's blocks into messages. A variable that is missing is an error, and what comes from
programs or earlier experiments goes through the filters `fence` and `inline` of `quoting`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.contracts import Message
from evolver.prompts.quoting import Keep, cut, fence, inline, neutral

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Keep", "conversation", "cut", "fence", "inline", "neutral", "templates"]

HERE = Path(__file__).parent


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - prompts are no HTML, and programs must be shown as they are
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"fence": fence, "inline": inline}
    return environment


def templates() -> list[str]:
    """Names of all prompts, for `conversation`; parts that are only included begin with an underscore."""
    return sorted(path.stem for path in HERE.glob("*.jinja") if not path.stem.startswith("_"))


def conversation(name: str, **values: object) -> tuple[Message, ...]:
    """The messages of a prompt: its blocks `system`, where it has one, and `user`.

    Raises jinja2.UndefinedError where a variable is missing.
    """
    template = _environment().get_template(f"{name}.jinja")
    context = template.new_context(dict(values))
    texts = {block: "".join(template.blocks[block](context)).strip() for block in template.blocks}
    system = (Message(role="system", text=texts["system"]),) if "system" in texts else ()
    return (*system, Message(role="user", text=texts["user"]))
