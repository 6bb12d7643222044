"""Pieces of patterns that several commands and questions share, and what they say."""

from __future__ import annotations

import re

from evolver.steering.normalize import NUMBERS

Found = re.Match[str]

NUMBER = rf"\d+|an?|{'|'.join(NUMBERS)}"
BEST = r"(?:the )?(?:best|champion)(?: (?:one|experiment|program))?"
WHICH = rf"(?:(?:(?:the )?(?:experiment|number|no\.?|trial) )?#?(?P<number>\d+)|(?P<best>{BEST}))"
"""One experiment, by its number or as the best one."""
IT = r"(?:\s+(?:it|now|here|for now|the campaign|the run|everything|all lanes|immediately|again|a moment))*"
STOPPING = "stop|pause|halt|end|quit"
"""Words that a message about stopping or pausing has, whichever of them it means."""
ASK = r"(?:ask|check with)(?: me| us)?(?: first)?"
ABOVE = (
    r"(?:over|above|longer than|more than|beyond|from) (?P<above>\d+(?:\.\d+)?) ?"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b"
)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(count: float, unit: str) -> float:
    """A duration in seconds; `unit` is what was written, such as `mins`."""
    return count * _SECONDS[unit[0].lower()]


def experiment_number(match: Found) -> int | None:
    """The experiment that `WHICH` names; None for the best one."""
    return int(match["number"]) if match["number"] else None


def bare_topic(text: str) -> str:
    """A topic without quotation marks and closing punctuation."""
    return text.strip(" .\"'“”`")
