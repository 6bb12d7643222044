"""What a program left for the judge, changed in ways that an honest judge refuses or sees through."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evolver.text_files import write_text

MOVES = (0.5, 0.9, 1.1, 2.0)
"""What a reported number is multiplied by."""
MOST_NUMBERS = 6
"""Reported numbers that are moved."""
HUGE = 1e300
_LONG = 8
"""Lists of more numbers are data, not reports."""


class Probe(NamedTuple):
    """A change of all files."""

    what: str
    not_a_number: bool
    """Whether it puts in what is no finite number: then no score is right."""
    numbers: Callable[[float], float] | None
    """What becomes of each number; None: the shape changes."""
    shape: Callable[[Any], Any] | None = None
    """What becomes of a list or an array's first axis."""


PROBES = (
    Probe("NaN", True, lambda value: math.nan),
    Probe("infinity", True, lambda value: math.inf),
    Probe("-infinity", True, lambda value: -math.inf),
    Probe("huge numbers", False, lambda value: HUGE),
    Probe("nothing in it", False, None, lambda items: items[:0]),
    Probe("the last part missing", False, None, lambda items: items[:-1]),
)


class ProbeReport(NamedTuple):
    """A number that a program reports: in which file, and where in it."""

    file: str
    place: tuple[str | int, ...]
    value: float

    def __str__(self) -> str:
        return f"{self.file}: {'.'.join(map(str, self.place)) or 'the number'}"


def changed_copy(outputs: Path, probe: Probe, folder: Path) -> bool:
    """Write the outputs, changed, to a folder; whether anything that a judge reads was changed."""
    shutil.copytree(outputs, folder)
    changed = False
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".json":
            value = _json(path)
            new = _changed(value, probe)
            changed |= json.dumps(new) != json.dumps(value)
            write_text(path, json.dumps(new))
        elif path.suffix in (".npy", ".npz"):
            changed |= _changed_arrays(path, probe)
    return changed


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None


def _changed(value: Any, probe: Probe) -> Any:
    match value:
        case bool() | str() | None:
            return value
        case int() | float():
            return probe.numbers(value) if probe.numbers else value
        case list():
            kept = probe.shape(value) if probe.shape else value
            return [_changed(item, probe) for item in kept] if probe.numbers else kept
        case dict():
            return {name: _changed(item, probe) for name, item in value.items()}
    return value


def _changed_arrays(path: Path, probe: Probe) -> bool:
    import numpy

    loaded = numpy.load(path, allow_pickle=False)
    arrays = {"": loaded} if path.suffix == ".npy" else dict(loaded)
    new = {}
    for name, array in arrays.items():
        if probe.shape is not None:
            new[name] = probe.shape(array) if array.ndim else array
        elif probe.numbers is not None and array.dtype.kind == "f":
            new[name] = numpy.full_like(array, min(probe.numbers(0.0), float(numpy.finfo(array.dtype).max)))
            if math.isnan(probe.numbers(0.0)):
                new[name][...] = math.nan
            elif math.isinf(probe.numbers(0.0)):
                new[name][...] = probe.numbers(0.0)
        else:
            new[name] = array
    if path.suffix == ".npy":
        numpy.save(path, new[""], allow_pickle=False)
    else:
        numpy.savez(path, allow_pickle=False, **new)
    return any(new[name] is not array for name, array in arrays.items())


def reported(outputs: Path) -> list[ProbeReport]:
    """The numbers that JSON files report by name or alone, in order; those in long lists are data."""
    found = [
        ProbeReport(path.relative_to(outputs).as_posix(), place, value)
        for path in sorted(outputs.rglob("*.json"))
        for place, value in _numbers(_json(path), ())
    ]
    return [report for report in found if report.value][:MOST_NUMBERS]


def _numbers(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], float]]:
    match value:
        case bool():
            return
        case int() | float():
            yield place, float(value)
        case dict():
            for name, item in value.items():
                yield from _numbers(item, (*place, name))
        case list() if len(value) <= _LONG:
            for number, item in enumerate(value):
                yield from _numbers(item, (*place, number))


def with_number(outputs: Path, report: ProbeReport, value: float, folder: Path) -> None:
    """Write the outputs to a folder with one reported number replaced."""
    shutil.copytree(outputs, folder)
    path = folder / report.file
    content = copy.deepcopy(_json(path))
    if not report.place:
        content = value
    else:
        inner = content
        for part in report.place[:-1]:
            inner = inner[part]
        inner[report.place[-1]] = value
    write_text(path, json.dumps(content))


def follows(report: ProbeReport, score: float, moved: list[tuple[float, float]]) -> bool:
    """Whether a score is what is reported, whatever that is: at least two other values gave that multiple of it.

    `moved` has pairs of a reported number and the score that it got. One minus what is reported counts too.
    """
    if len(moved) < 2 or all(math.isclose(got, score, rel_tol=1e-12) for _, got in moved):
        return False
    as_it_is = all(math.isclose(got * report.value, score * value, rel_tol=1e-9) for value, got in moved)
    as_rest = all(math.isclose(got - score, report.value - value, rel_tol=1e-9) for value, got in moved)
    return as_it_is or as_rest
