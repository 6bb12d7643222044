"""Reading labelled pairs from a csv; whatever is wrong is said with its row and column."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from evolver.contracts import Record
from evolver.errors import UsageError

MOST_REPORTED = 10
Separator = Literal[",", ";", "\t", " "]


def _label(value: object) -> object:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if number not in (0.0, 1.0):
        raise ValueError(f"{str(value)[:40]!r} is not 0 or 1; turn measured affinities into labels first")
    return int(number)


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value


class Columns(Record):
    """Which column of a file holds what."""

    drug: str = "drug"
    target: str = "target"
    label: str = "label"
    drug_family: str = "drug_family"
    """Optional in the file: drugs of one family are hidden together."""
    target_family: str = "target_family"


class Pair(Record):
    """One row."""

    drug: Annotated[
        str,
        BeforeValidator(_stripped),
        Field(min_length=1, max_length=5000, pattern=r"^[A-Za-z0-9@+\-\[\]()=#$:/\\.%*~]+$"),
    ]
    """SMILES."""
    target: Annotated[str, BeforeValidator(_stripped), Field(min_length=10, max_length=50_000, pattern="^[A-Za-z*-]+$")]
    """Amino acids in one-letter code."""
    label: Annotated[int, BeforeValidator(_label)]
    drug_family: str = ""
    target_family: str = ""


_WANTED = {
    "drug": "is no SMILES: letters, digits and @+-[]()=#$:/\\.%*~ without blanks, at most 5000",
    "target": "is no sequence of amino acids: 10 to 50000 letters in one-letter code",
}


def read_pairs(path: Path, columns: Columns | None = None, separator: Separator = ",") -> list[Pair]:
    """The rows of a csv file with a header. Raises UsageError that names each wrong row and column, ten at most."""
    columns = columns or Columns()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _parsed(path, csv.reader(file, delimiter=separator), columns)
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} cannot be read as UTF-8 csv: {error}") from None


def _parsed(path: Path, lines: Iterator[list[str]], columns: Columns) -> list[Pair]:
    header = [name.strip() for name in next(lines, [])]
    places: dict[str, int] = {}
    for field, name in columns.model_dump().items():
        if name in header:
            places[field] = header.index(name)
        elif not field.endswith("_family"):
            raise UsageError(
                f"{path}: there is no column {name!r}; the header has {', '.join(header) or 'nothing'}. "
                "Say which column is which by --columns drug=NAME,target=NAME,label=NAME"
            )
    pairs: list[Pair] = []
    wrong: list[str] = []
    for number, line in enumerate(lines, 2):
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(header):
            wrong.append(f"{path}, row {number}: {len(line)} columns, the header has {len(header)}")
        else:
            try:
                pairs.append(Pair.model_validate({field: line[place] for field, place in places.items()}))
            except ValidationError as error:
                wrong.extend(f"{path}, row {number}, {said}" for said in _in_words(error, columns))
        if len(wrong) >= MOST_REPORTED:
            break
    if wrong:
        more = "\nand maybe more; these are the first" if len(wrong) >= MOST_REPORTED else ""
        raise UsageError("\n".join(wrong) + more)
    return pairs


def _in_words(error: ValidationError, columns: Columns) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        field = str(detail["loc"][0])
        column = getattr(columns, field)
        if field in _WANTED:
            yield f"column {column}: {str(detail['input'])[:40]!r} {_WANTED[field]}"
        else:
            yield f"column {column}: {detail['msg'].removeprefix('Value error, ')}"


def without_repeats(pairs: Iterable[Pair], *, drop_conflicts: bool = False) -> tuple[list[Pair], int, int]:
    """Each drug and target once: the pairs, how many repeats went, and how many pairs with two labels went.

    Raises UsageError where a pair has both labels, unless those are to be dropped.
    """
    seen: dict[tuple[str, str], Pair] = {}
    conflicts: set[tuple[str, str]] = set()
    total = 0
    for pair in pairs:
        total += 1
        # Case means something in SMILES and nothing in a sequence.
        clean = pair.model_copy(update={"target": pair.target.upper()})
        key = (clean.drug, clean.target)
        if seen.setdefault(key, clean).label != clean.label:
            conflicts.add(key)
    if conflicts and not drop_conflicts:
        drug, target = min(conflicts)
        raise UsageError(
            f"{len(conflicts)} pairs are labelled both 0 and 1, such as drug {drug[:60]} with target {target[:30]}...; "
            "fix them or leave them out with --drop-conflicts"
        )
    kept = [pair for key, pair in seen.items() if key not in conflicts]
    return kept, total - len(seen), len(conflicts)
