"""Patterns of files, as shells and git write them: `*` stays in its folder, `**` goes through all below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", re.DOTALL)
_MEANS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def is_pattern(name: str) -> bool:
    """Whether a name stands for files rather than for one file."""
    return any(sign in name for sign in "*?[")


def fits(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path, with `/` between folders, fits one of the patterns; a folder's name fits all below."""
    return any(_compiled(pattern).fullmatch(path) for pattern in patterns)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = _PARTS.findall(pattern.rstrip("/"))
    means = (
        _MEANS.get(part, part.replace("[!", "[^", 1) if part[0] == "[" and len(part) > 2 else re.escape(part))
        for part in parts
    )
    return re.compile("".join(means) + ("" if is_pattern(pattern.rpartition("/")[2]) else "(?:/.*)?"))
