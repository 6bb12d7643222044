"""The numbers that files of other languages than Python give names: settings and constants, by their texts alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

from evolver.search.numeric_literal import LARGEST, NumericLiteral

WEIGHT = 4.0
"""Of what a file gives a name, as of a named constant in Python."""
HASH = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".jl", ".r", ".sh"})
SLASHES = frozenset(
    {
        ".c",
        ".h",
        ".cc",
        ".cpp",
        ".cxx",
        ".hpp",
        ".hh",
        ".cu",
        ".cuh",
        ".cl",
        ".rs",
        ".go",
        ".java",
        ".js",
        ".ts",
        ".zig",
    }
)
CONFIGURATION = frozenset({".yaml", ".yml", ".toml", ".ini", ".cfg", ".conf", ".json"})
"""Endings of files that hold settings and nothing else."""
_NUMBER = r"(?P<number>[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
_SUFFIX = r"(?:_?(?:[fuiFUILl]\d{0,3}|usize|isize|UL+|ull))?"
_END = r"(?=\s*(?:[,;)}\]]|$))"
_KEY = r"(?P<name>[A-Za-z_][\w.-]*)"
_PATTERNS = {
    "yaml": re.compile(rf"(?:^|[{{,\s-]){_KEY}\s*:[ \t]+{_NUMBER}{_END}", re.MULTILINE),
    "json": re.compile(rf'(?<!\\)"(?P<name>[^"\\]+)"\s*:\s*{_NUMBER}{_END}', re.MULTILINE),
    "toml": re.compile(rf"(?:^|[{{,\s]){_KEY}\s*[=:][ \t]*{_NUMBER}{_END}", re.MULTILINE),
    "code": re.compile(
        rf"\b(?P<name>[A-Za-z_]\w*(?=[ \t]*:[ \t]*\w)|[A-Za-z_]\w+)[ \t]*"
        rf"(?::[ \t]*[\w:]+[ \t]*)?(?:(?<![=!<>+*/%&|^-])=(?!=)|:=|<-)[ \t]*"
        rf"{_NUMBER}{_SUFFIX}{_END}|^[ \t]*#[ \t]*define[ \t]+(?P<name2>\w+)[ \t]+"
        rf"{_NUMBER.replace('number', 'number2')}{_SUFFIX}[ \t]*$",
        re.MULTILINE,
    ),
}
_HASH_WORDS = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:[^'\n])*'|#[^\n]*")
_SLASH_WORDS = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|//[^\n]*|/\*.*?\*/", re.DOTALL)


@lru_cache(maxsize=512)
def assigned_numbers(path: str, text: str) -> tuple[NumericLiteral, ...]:
    """The numbers of a file in order; none in prompts and in languages that are not known."""
    return tuple(_found(PurePosixPath(path), text))


def _found(path: PurePosixPath, text: str) -> Iterator[NumericLiteral]:
    suffix = path.suffix.lower()
    if suffix == ".json":
        pattern, plain = _PATTERNS["json"], text
    elif suffix in (".yaml", ".yml"):
        pattern, plain = _PATTERNS["yaml"], _HASH_WORDS.sub(_blank, text)
    elif suffix in CONFIGURATION:
        pattern, plain = _PATTERNS["toml"], _HASH_WORDS.sub(_blank, text)
    elif suffix in HASH:
        pattern, plain = _PATTERNS["code"], _HASH_WORDS.sub(_blank, text)
    elif suffix in SLASHES:
        pattern, plain = _PATTERNS["code"], _SLASH_WORDS.sub(_blank, text)
    else:
        return
    for match in pattern.finditer(plain):
        group = "number" if match["number"] is not None else "number2"
        value = _value(match[group])
        if value is not None and abs(value) <= LARGEST:
            name = match["name"] if match["name"] is not None else match["name2"]
            yield NumericLiteral(*match.span(group), match[group], value, WEIGHT, f"{name} in {path.name}")


def _blank(match: re.Match[str]) -> str:
    """As many spaces as characters, so that places stay."""
    return "".join("\n" if sign == "\n" else " " for sign in match[0])


def _value(text: str) -> int | float | None:
    plain = text.replace("_", "")
    try:
        return int(plain) if re.fullmatch(r"[-+]?\d+", plain) else float(plain)
    except ValueError:
        return None
