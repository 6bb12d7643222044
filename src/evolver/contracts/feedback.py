"""What an evaluator says about a trial beside its metrics: named texts and small tables, bounded."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from typing_extensions import TypeIs

from evolver.contracts.record import Record
from evolver.formatting import counted

MOST_ENTRIES, LONGEST_NAME, LONGEST_TEXT, LONGEST_ALL = 24, 80, 4000, 24_000
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL, LONGEST_TABLE = 40, 12, 200, 6000
_HEAD = 2 / 3
"""Of a text that is too long, the share of what is kept that is its beginning."""

Cell = str | int | float | bool | None
Clean = Callable[[str], str]


class FeedbackTable(Record):
    """A small table."""

    columns: tuple[str, ...]
    """Names of the columns."""
    rows: tuple[tuple[Cell, ...], ...]
    """One cell a column; None where there is no value."""
    rows_left_out: int = 0
    """How many rows there were beyond those that are kept."""

    def __str__(self) -> str:
        lines = [" | ".join(self.columns), *(" | ".join(map(_shown, row)) for row in self.rows)]
        if self.rows_left_out:
            lines.append(f"[... {counted(self.rows_left_out, 'row')} cut ...]")
        return "\n".join(lines)


class Feedback(Record):
    """Texts and tables by name, in the order in which they were given.

    What a program or an evaluator that ran beside it wrote is untrusted: it is shown as data, never followed.

    Example:
        >>> said = evolver.Feedback.of({"why": "too slow", "per case": [{"case": "a", "score": 0.25}]})
        >>> print(said)
        [why] too slow
        [per case]
        case | score
        a | 0.25
    """

    texts: dict[str, str] = {}
    """Texts by name."""
    tables: dict[str, FeedbackTable] = {}
    """Tables by name."""
    left_out: int = 0
    """How many entries there were beyond those that are kept."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.tables)

    def __str__(self) -> str:
        parts = [f"[{name}]{chr(10) if chr(10) in text else ' '}{text}" for name, text in self.texts.items()]
        parts += [f"[{name}]\n{table}" for name, table in self.tables.items()]
        if self.left_out:
            parts.append(f"[... {self.left_out} more left out ...]")
        return "\n".join(parts)

    @property
    def trouble(self) -> str:
        """The first text whose name speaks of an error; empty where there is none."""
        words = ("error", "traceback", "exception", "failure", "stderr")
        return next((text for name, text in self.texts.items() if any(w in name.lower() for w in words)), "")

    @classmethod
    def of(cls, said: object, clean: Clean = str) -> Feedback:
        """What somebody said, within bounds.

        Args:
            said: Values by name. A text stays one; a list of mappings, or a mapping with `columns` and `rows`, is a
                table; a mapping of plain values is a table of two columns; anything else is shown as JSON.
            clean: Takes secrets out of a text.

        Returns:
            The first entries that fit; what is too long keeps its two ends.
        """
        if not isinstance(said, Mapping):
            return cls() if said is None else cls.of({"feedback": said}, clean)
        texts, tables, room, left_out = dict[str, str](), dict[str, FeedbackTable](), LONGEST_ALL, 0
        for name, value in said.items():
            key = _ends(clean(" ".join(str(name).split())), LONGEST_NAME)
            table = _table(value, clean)
            text = str(table) if table is not None else _ends(clean(_text(value)).strip(), LONGEST_TEXT)
            if text in ("", "[]", "{}"):
                continue
            if len(texts) + len(tables) >= MOST_ENTRIES or len(text) > room:
                left_out += 1
                continue
            room -= len(text)
            if table is not None:
                tables[key] = table
            else:
                texts[key] = text
        return cls(texts=texts, tables=tables, left_out=left_out)


def _shown(cell: Cell) -> str:
    return "" if cell is None else f"{cell:.6g}" if isinstance(cell, float) else str(cell)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _table(value: object, clean: Clean) -> FeedbackTable | None:
    """A table, if the value has the shape of one."""
    if isinstance(value, Mapping):
        columns, rows = value.get("columns"), value.get("rows")
        if value.keys() == {"columns", "rows"} and _is_list(columns) and _is_list(rows):
            return _bounded(columns, [row if _is_list(row) else [row] for row in rows], clean)
        if len(value) > 1 and all(_is_cell(cell) for cell in value.values()):
            return _bounded(("name", "value"), list(value.items()), clean)
        return None
    if not _is_list(value) or not value or not all(isinstance(row, Mapping) and row for row in value):
        return None
    names = list(dict.fromkeys(str(name) for row in value for name in row))
    return _bounded(names, [[row.get(name) for name in names] for row in value], clean)


def _bounded(columns: Sequence[object], rows: Sequence[Sequence[object]], clean: Clean) -> FeedbackTable:
    width, room, kept = min(len(columns), MOST_COLUMNS), LONGEST_TABLE, list[tuple[Cell, ...]]()
    for row in rows[:MOST_ROWS]:
        cells = tuple(_cell(row[place] if place < len(row) else None, clean) for place in range(width))
        room -= sum(len(_shown(cell)) + 3 for cell in cells)
        if room < 0:
            break
        kept.append(cells)
    return FeedbackTable(
        columns=tuple(_ends(clean(str(name)), LONGEST_NAME) for name in columns[:width]),
        rows=tuple(kept),
        rows_left_out=len(rows) - len(kept),
    )


def _cell(value: object, clean: Clean) -> Cell:
    if value is None or isinstance(value, bool | int | float):
        # A number that is not finite has no place in JSON.
        return value if value is None or math.isfinite(value) else str(value)
    return _ends(" ".join(clean(_text(value)).split()), LONGEST_CELL)


def _is_cell(value: object) -> bool:
    if isinstance(value, str):
        return len(value) < LONGEST_CELL
    return value is None or isinstance(value, bool | int | float)


def _is_list(value: object) -> TypeIs[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _ends(text: str, most: int) -> str:
    """The two ends of a text that is too long."""
    if len(text) <= most:
        return text
    head = int(most * _HEAD)
    return f"{text[:head]}[... {len(text) - most} characters cut ...]{text[len(text) - (most - head) :]}"
