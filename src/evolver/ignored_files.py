"""Which files are a tool's or a system's and no content of the user's."""

from __future__ import annotations

from pathlib import PurePath

_TOOLS = frozenset({"__MACOSX", "__pycache__", "Thumbs.db", "desktop.ini", "Icon\r", "lost+found"})


def is_content(path: PurePath) -> bool:
    """Whether no part of a relative path is hidden (.gitkeep, .DS_Store, AppleDouble's ._name) or made by a tool."""
    return not any(part.startswith(".") or part.endswith("~") or part in _TOOLS for part in path.parts)
