"""Quotes untrusted text inside a prompt: bounded, labelled as data, and unable to end its own quotation."""

from __future__ import annotations

import re
from typing import Literal

from evolver.formatting import counted

Keep = Literal["head", "tail", "both"]

LONGEST_LINE = 2000
"""Characters of one line; programs print whole arrays."""
_HEAD = 2 / 3
"""Of what is kept at both ends, the share at the beginning."""
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CHAT_TOKENS = re.compile(
    r"(<)(?=\|[^|\n]{1,40}\|>)"
    r"|(<)(?=/?(?:s|bos|eos|start_of_turn|end_of_turn)>)"
    r"|(\[)(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS)\])",
    re.IGNORECASE,
)
"""Marks between turns in the formats of common models; a local server may take them for real ones."""
_OUR_TAG = re.compile(r"(<)(?=/?data\b)", re.IGNORECASE)


def neutral(text: str) -> str:
    """The text with the marks of chat formats broken by a space; edits still find such lines."""
    # A variable that a template lacks complains when it is made a string.
    return _CHAT_TOKENS.sub(lambda match: f"{match[0]} ", str(text))


def cut(text: str, most: int, keep: Keep = "both") -> str:
    """At most about `most` characters in whole lines; what is left out is said in its place."""
    lines = [_shorter(line) for line in text.splitlines()]
    if sum(len(line) + 1 for line in lines) <= most + 1:
        return "\n".join(lines)
    front = {"head": most, "tail": 0, "both": int(most * _HEAD)}[keep]
    head = _fitting(lines, front)
    tail = _fitting(lines[head:][::-1], most - front)
    missing = len(lines) - head - tail
    if not missing:
        return "\n".join(lines)
    marker = f"[... {counted(missing, 'line')} cut ...]"
    return "\n".join([*lines[:head], marker, *lines[len(lines) - tail :]])


def _shorter(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]}[... {len(line) - 2 * half} characters cut ...]{line[-half:]}"


def _fitting(lines: list[str], most: int) -> int:
    """How many of the first lines fit."""
    used = 0
    for count, line in enumerate(lines):
        used += len(line) + 1
        if used > most:
            return count
    return len(lines)


def fence(text: str, name: str, *, exact: bool = False) -> str:
    """The text between tags that it cannot contain. `exact` keeps it as it is, for programs that are edited."""
    body, tag = neutral(text).strip("\n"), "data"
    if not exact:
        body = _OUR_TAG.sub(r"\1 ", _CONTROL.sub("", _ESCAPES.sub("", body)))
    number = 1
    while re.search(rf"</?{tag}\b(?!-)", body, re.IGNORECASE):
        number += 1
        tag = f"data-{number}"
    label = re.sub(r'[<>"\n]', " ", name)
    return f'<{tag} name="{label}">\n{body}\n</{tag}>'


def inline(text: str, most: int = 300) -> str:
    """The text on one line of at most about `most` characters, for use inside a sentence or a list."""
    flat = " ".join(_CONTROL.sub(" ", _ESCAPES.sub("", _OUR_TAG.sub(r"\1 ", neutral(text)))).split())
    if len(flat) <= most:
        return flat
    return f"{flat[:most].rstrip()} [... {len(flat) - most} characters cut ...]"
