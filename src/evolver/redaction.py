"""Takes secrets out of texts before they are stored, shown or sent."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

from evolver.contracts import Message

REMOVED = "[secret removed]"
SHORTEST = 8
"""Values of fewer characters are more likely ordinary words than secrets."""

_NAME = re.compile(r"((KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS)$|(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSWD)(_|$))")
_SHAPES = re.compile(
    r"""\bsk-(?=[A-Za-z_*-]*\d)[A-Za-z0-9_*-]{16,}    # OpenAI, Anthropic and those who follow them
    | \bAIza[A-Za-z0-9_-]{30,}               # Google
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \b(AKIA|ASIA)[A-Z0-9]{16}\b            # AWS
    | \bhf_[A-Za-z0-9]{20,} | \bgsk_[A-Za-z0-9]{20,} | \bxai-[A-Za-z0-9]{20,} | \bxox[abprs]-[A-Za-z0-9-]{10,}
    | (?<=[Bb]earer\ )[A-Za-z0-9._~+/=-]{8,}
    | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)        # user and password in an address
    """,
    re.VERBOSE,
)


class Redactor:
    """Knows the secrets of this process's environment, quoted or not, and what well-known keys look like."""

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        variables = os.environ if environment is None else environment
        values = {
            form
            for name, value in variables.items()
            if _NAME.search(name.upper()) and len(value.strip()) >= SHORTEST
            for form in (value.strip(), json.dumps(value.strip())[1:-1], repr(value.strip())[1:-1])
        }
        longest_first = sorted(values, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text with secrets replaced, and what no database or file can hold."""
        text = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
        if self._values is not None:
            text = self._values.sub(REMOVED, text)
        return _SHAPES.sub(REMOVED, text)

    def messages(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """Messages with their texts scrubbed."""
        return tuple(message.model_copy(update={"text": self(message.text)}) for message in messages)
