"""What a request would fail by before it leaves the machine: keys and addresses that cannot be sent."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

from evolver.errors import UsageError

_BREAKS = {"\r": "a carriage return", "\n": "a line break", "\t": "a tab", " ": "a blank", "\u00a0": "a no-break space"}
_QUOTES = "\"'`\u201c\u201d\u2018\u2019"


def checked_key(variable: str, option: str) -> str:
    """The key in an environment variable, without white space around it; empty where there is none.

    Raises UsageError that says what is wrong with one that no request can carry.
    """
    given = os.environ.get(variable, "")
    key = given.strip(" \t\r\n\v\f\u00a0\u200b\ufeff")
    if not key:
        return ""
    if key[0] in _QUOTES or key[-1] in _QUOTES:
        raise UsageError(f"{option}: the key in {variable} stands in quotation marks; set it without them")
    if key.lower().startswith("bearer "):
        raise UsageError(f"{option}: the key in {variable} begins with the word Bearer; set the key alone")
    for place, letter in enumerate(key, 1):
        if letter.isascii() and letter.isprintable() and letter != " ":
            continue
        what = _BREAKS.get(letter) or (repr(letter) if letter.isprintable() else f"the character U+{ord(letter):04X}")
        raise UsageError(
            f"{option}: the key in {variable} holds {what} (character {place} of {len(key)}), which no key has; "
            "copy it once more"
        )
    return key


def check_address(address: str, option: str) -> None:
    """Raises UsageError where an address cannot be asked."""
    if bad := re.search(r"[\s\x00-\x1f\x7f]", address):
        raise UsageError(f"{option}: there is {_BREAKS.get(bad[0], 'a control character')} in {address!r}; remove it")
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise UsageError(f"{option}: {address} is no address of a server: {error}") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise UsageError(f"{option}: {address} is no address of a server; write http://HOST:PORT/v1")
