"""What a model turned out to accept: parameters are tried, and dropped for the rest of the process when refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from evolver.llm.provider_errors import SYSTEM_ROLE, FailureKind, ProviderFailure

SHORTEST_ANSWER = 256
"""Tokens below which an answer is not worth asking for."""

_STREAM = re.compile(r"\bstream", re.IGNORECASE)
_TEMPERATURE = re.compile(r"\btemperature\b", re.IGNORECASE)
_LENGTH = re.compile(r"max_(completion_|output_)?tokens|num_predict", re.IGNORECASE)
_FORM = re.compile(
    r"response_format|json_?schema|structured|\bschema\b|\bstrict\b|\btools?\b|tool_choice|tool use|function.?call"
    r"|output_(config|format)|\bformat\b|grammar|additionalProperties",
    re.IGNORECASE,
)


_TOOLS = re.compile(r"\btools?\b|tool_choice|tool use|tool.?call|function", re.IGNORECASE)


class Form(IntEnum):
    """How an answer's form is asked for; each step down asks the server for less."""

    TEXT = 0
    """In words, in the prompt."""
    SCHEMA = 1
    """By a JSON schema, as a request."""
    STRICT = 2
    """By a JSON schema that the server enforces."""


class Length(IntEnum):
    """How an answer's length is limited."""

    NONE = 0
    LEGACY = 1
    """By the older name of the parameter."""
    PARAMETER = 2


@dataclass(frozen=True)
class Sent:
    """What a request that was refused had asked for."""

    form: Form
    length: Length
    stream: bool
    temperature: bool
    prompt_tokens: int
    answer_tokens: int
    system: bool = False
    """Whether there were instructions in a role of their own."""
    tools: bool = False
    """Whether the model was offered tools."""


@dataclass
class Capabilities:
    """What is still tried with one model in this process."""

    form: Form = Form.STRICT
    length: Length = Length.PARAMETER
    temperature: bool = True
    stream: bool = False
    system: bool = True
    """Whether instructions may have a role of their own."""
    tools: bool = True
    """Whether it may be offered tools."""
    most_tokens: int | None = None
    """Longest answer that the provider allows."""

    def answer_tokens(self, wanted: int) -> int:
        """The answer length to ask for."""
        return wanted if self.most_tokens is None else min(wanted, self.most_tokens)

    def step_down(self, failure: ProviderFailure, sent: Sent) -> str | None:
        """Drop what a provider refused. None: nothing helps; else what was dropped, empty where that was known."""
        if failure.kind is FailureKind.UNREADABLE:
            return self._try_streaming(sent)
        if failure.kind is FailureKind.CONTEXT:
            return self._shorten(failure, sent)
        if failure.kind is not FailureKind.REJECTED:
            return None
        if sent.tools and _TOOLS.search(f"{failure.parameter} {failure.text}"):
            known, self.tools = not self.tools, False
            return "" if known else "it takes no tools: researcher and coder answer at once, as with --tools off"
        return self._drop_parameter(failure, sent)

    def _drop_parameter(self, failure: ProviderFailure, sent: Sent) -> str | None:
        named = failure.parameter or failure.text
        if sent.system and SYSTEM_ROLE.search(f"{named} {failure.text}"):
            known, self.system = not self.system, False
            return "" if known else "instructions are part of the first message: the model takes no system role"
        if _STREAM.search(named):
            return self._try_streaming(sent)
        if sent.temperature and _TEMPERATURE.search(named):
            known, self.temperature = not self.temperature, False
            return "" if known else "temperature is not sent any more"
        if sent.length and _LENGTH.search(named):
            shorter = self._shorten(failure, sent)
            return self._rename_length(sent) if shorter is None else shorter
        if sent.form and _FORM.search(f"{named} {failure.text}"):
            return self._ask_for_less(sent)
        return None

    def _try_streaming(self, sent: Sent) -> str | None:
        if sent.stream:
            return None
        known, self.stream = self.stream, True
        return "" if known else "answers are streamed"

    def _shorten(self, failure: ProviderFailure, sent: Sent) -> str | None:
        """Where prompt and answer together are too long but the prompt is not: ask for a shorter answer."""
        limit = failure.limit
        if limit is None or not sent.length:
            return None
        whole = "context" in failure.text.lower()
        room = limit - int(sent.prompt_tokens * 1.1) if whole else limit
        if not SHORTEST_ANSWER <= room < sent.answer_tokens:
            return None
        if self.most_tokens is not None and self.most_tokens <= room:
            return ""
        self.most_tokens = room
        return f"answers are limited to {room} tokens"

    def _rename_length(self, sent: Sent) -> str:
        if self.length < sent.length:
            return ""
        self.length = Length(self.length - 1)
        if self.length is Length.LEGACY:
            return "the length of answers is limited by max_tokens"
        return "the length of answers is not limited any more, so a call may cost more than was reserved"

    def _ask_for_less(self, sent: Sent) -> str:
        if self.form < sent.form:
            return ""
        self.form = Form(self.form - 1)
        if self.form is Form.SCHEMA:
            return "the schema of answers is not enforced any more"
        return "the form of answers is asked for in words"


def strict_schema(schema: dict[str, Any]) -> dict[str, Any] | None:
    """A JSON schema in the form that servers can enforce, or None where it has parts that they cannot.

    Every property is required then, and no others are allowed.
    """
    try:
        return _strict_object(schema)
    except _Open:
        return None


class _Open(Exception):
    """A part of a schema that allows anything, such as an object with free keys."""


def _strict_object(node: dict[str, Any]) -> dict[str, Any]:
    if not node or (node.get("type") == "object" and not node.get("properties")):
        raise _Open
    strict = {key: _strict_part(key, value) for key, value in node.items() if key not in {"default", "title"}}
    if "properties" in strict:
        strict |= {"required": list(strict["properties"]), "additionalProperties": False}
    return strict


def _strict_part(key: str, value: Any) -> Any:
    if key in {"properties", "$defs"}:
        return {name: _strict_object(part) for name, part in value.items()}
    if key == "items":
        return _strict_object(value)
    if key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_strict_object(part) for part in value]
    return value
