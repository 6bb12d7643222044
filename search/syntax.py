"""Whether files of other languages than Python parse, by tree-sitter's grammars where they are installed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

LANGUAGES = {
    **dict.fromkeys((".c", ".h"), ("c", "cpp")),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hpp", ".hh"), ("cpp",)),
    **dict.fromkeys((".cu", ".cuh"), ("cuda",)),
    **dict.fromkeys((".yaml", ".yml"), ("yaml",)),
    **dict.fromkeys((".r",), ("r",)),
    **dict.fromkeys((".sh", ".bash"), ("bash",)),
    **dict.fromkeys((".js", ".mjs"), ("javascript",)),
    ".rs": ("rust",),
    ".go": ("go",),
    ".jl": ("julia",),
    ".toml": ("toml",),
    ".json": ("json",),
    ".java": ("java",),
    ".ts": ("typescript",),
}
"""Grammars by the ending of a file; a file is good if it parses by one of them."""
SHOWN = 60


@lru_cache(maxsize=512)
def syntax_fault(path: str, text: str) -> str:
    """Where a file does not parse, in words; empty where it does, or where there is no grammar for it."""
    faults = []
    for language in LANGUAGES.get(PurePosixPath(path).suffix.lower(), ()):
        parser = _parser(language)
        if parser is None:
            return ""
        root = parser.parse(text.encode()).root_node
        if not root.has_error:
            return ""
        faults.append(_words(next(_wrong(root), root), language, text))
    return faults[0] if faults else ""


@cache
def _parser(language: str) -> Parser | None:
    try:
        from tree_sitter_language_pack import get_parser

        return get_parser(language)  # type: ignore[arg-type]
    except (ImportError, LookupError, OSError):
        return None


def _wrong(root: Node) -> Iterator[Node]:
    """The places that do not parse, in order; what is innermost first says the most."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.is_missing or (node.type == "ERROR" and not any(child.has_error for child in node.children)):
            yield node
        if node.has_error:
            waiting += reversed(node.children)


def _words(node: Node, language: str, text: str) -> str:
    line = node.start_point.row
    lines = text.split("\n")
    near = lines[line].strip()[:SHOWN] if line < len(lines) else ""
    what = f"{node.type} is missing" if node.is_missing else "this does not parse"
    return f"line {line + 1}: {what} as {language}: `{near}`"
