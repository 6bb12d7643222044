"""The suite `records`: exact judges accept constructions with their value and refuse lies; families share their code."""

from __future__ import annotations

import copy
import functools
import importlib.util
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evolver.errors import TaskError, UnknownName
from evolver.search import Operators, TechniqueLibrary
from evolver.tasks import RUNTIME, Task, load_task
from evolver.tasks.task_places import suite_tasks
from tests.tasks.conftest import fences

NAMES = suite_tasks("records")
Left = dict[str, Any]
Judge = Callable[[object], dict[str, Any]]
FILES = {
    "circles": "packing",
    "distance-ratio": "points",
    "heilbronn": "points",
    "hexagons": "hexagons",
    "autocorrelation": "heights",
    "minimum-overlap": "heights",
    "sums-and-differences": "set",
    "kissing-number": "vectors",
}


@functools.cache
def task_of(name: str) -> Task:
    return load_task(name)


@functools.cache
def module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"records_{path.parent.parent.name}_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module", autouse=True)
def runtime() -> Iterator[None]:
    sys.path.insert(0, str(RUNTIME))
    yield
    sys.path.remove(str(RUNTIME))
    for name in ("evolver_exact", "evolver_trial", "evolver_readers"):
        sys.modules.pop(name, None)


@pytest.fixture
def judge_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Judge]:
    def of(name: str) -> Judge:
        task = task_of(name)
        monkeypatch.setenv("EVOLVER_PARAMETERS", json.dumps(task.spec.parameters))

        def run(left: object) -> dict[str, Any]:
            text = left if isinstance(left, str) else json.dumps(left)
            (tmp_path / f"{FILES[task.root.name]}.json").write_text(text)
            found: dict[str, Any] = module(task.root / "judge.py").judge(tmp_path, tmp_path, "full", 0)
            return found

        return run

    return of


def refused(judge: Judge, left: object) -> bool:
    invalid: type[Exception] = sys.modules["evolver_trial"].Invalid
    try:
        judge(left)
    except invalid:
        return True
    return False


# What is right: constructions of a formula.


def grid(n: int, side: int) -> list[list[float]]:
    return [[(k % side) / 8, (k // side) / 8] for k in range(n)]


def right(name: str) -> tuple[Left, float]:
    """Something that is right by a formula, and its value."""
    task = task_of(name)
    n = int(task.spec.parameters.get("n", 0))
    match task.root.name:
        case "circles":
            # Neighbours and walls are touched, in binary fractions.
            centers = [[1 / 16 + x, 1 / 16 + y] for x, y in grid(n, 8)]
            return {"centers": centers, "radii": [1 / 16] * n}, n / 16
        case "distance-ratio":
            if name.endswith("2d"):
                return {"points": [[k % 4, k // 4] for k in range(16)]}, 18.0
            cube = [list(map(float, corner)) for corner in product((-1, 1), repeat=3)]
            faces = [[2.0 * s * (k == axis) for k in range(3)] for axis in range(3) for s in (-1, 1)]
            return {"points": cube + faces}, 16 / 3  # the rhombic dodecahedron: 4^2 over 3
        case "heilbronn":
            if "triangle" in name:
                return {"points": [[k / 32, k * k / 1024] for k in range(11)]}, 2 / 32**3
            points = [[float(k), float(k * k)] for k in range(n)]
            return {"points": points}, 2 / sum(2 * (k * (n - 1) - k * k) for k in range(n))
        case "hexagons":
            step = math.sqrt(3.0) * (1 + 1e-9)
            # Cells of a honeycomb around one, then those beside: 12 of them lie in a hexagon of side 8 / sqrt 3.
            cells = [(step * (a + b / 2), step * b * math.sqrt(3) / 2) for a in range(-3, 4) for b in range(-3, 4)]
            near = sorted(cells, key=lambda cell: (round(math.hypot(*cell), 6), cell))[:n]
            return {"centers": list(map(list, near)), "angles": [math.pi / 6] * n}, 0.0
        case "autocorrelation":
            # A constant: f*f is a triangle with the peak 2 / integral^2 of half its support.
            return {"heights": [0.5] * 7}, 2 / 3 if name.endswith("2") else 2.0
        case "minimum-overlap":
            return {"heights": [0.5] * 5}, 0.5
        case "sums-and-differences":
            return {"integers": [0, 1, 3]}, 1 + math.log(7 / 6) / math.log(7)
        case _:
            rows = []
            for i, j in combinations(range(11), 2):
                for one, other in product((1, -1), repeat=2):
                    rows.append([one if k == i else other if k == j else 0 for k in range(11)])
            return {"vectors": rows}, 220.0


@pytest.mark.parametrize("name", NAMES)
def test_a_construction_gets_the_value_of_its_formula(name: str, judge_of: Callable[[str], Judge]) -> None:
    left, value = right(name)
    found, metric = judge_of(name)(left), task_of(name).metric
    score = found[metric.name]
    if value:
        assert score == pytest.approx(value, rel=1e-14)
    assert metric.accepts(score)
    assert len(found["feedback"]["certificate"]) > 60


def test_bounds_are_rounded_to_the_side_on_which_they_hold(judge_of: Callable[[str], Judge]) -> None:
    thirds = {"heights": [1.0, 1.0, 1.0, 2.0, 1.0]}
    for name, up in (("records/autocorrelation-1", True), ("records/autocorrelation-2", False)):
        score = judge_of(name)(thirds)["ratio"]
        h = [1, 1, 1, 2, 1]
        sums = [sum(h[i] * h[k - i] for i in range(5) if 0 <= k - i < 5) for k in range(9)]
        ends = list(zip([0, *sums], [*sums, 0], strict=True))
        squares = sum(a * a + a * b + b * b for a, b in ends)
        exact = Fraction(max(sums) * 10, 36) if up else Fraction(squares, 3 * 36 * max(sums))
        near = math.nextafter(score, -math.inf if up else math.inf)
        assert (Fraction(near) < exact <= Fraction(score)) if up else (Fraction(score) <= exact < Fraction(near))


# Lies


def spoilt(left: Left) -> Iterator[tuple[str, object]]:
    """Thirty ways to spoil an output that is right, for any of the judges."""
    keys = list(left)
    first = keys[0]
    text = json.dumps(left)

    def at_first(value: object) -> Left:
        """The first number anywhere replaced."""
        lie = copy.deepcopy(left)
        place = lie[first]
        while isinstance(place[0], list):
            place = place[0]
        place[0] = value
        return lie

    def raw(value: str) -> str:
        return json.dumps(at_first("@")).replace('"@"', value)

    for word in ("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 400, "9" * 5000, "1e308", "-1e308"):
        yield f"the number {word[:12]}", raw(word)
    for value in ("0.5", True, None, [0.5], {"real": 0.5, "imag": 0.0}, [[[[[0.5]]]]]):
        yield f"the value {str(value)[:20]}", at_first(value)
    yield "a score beside", {**left, "score": 1e9}
    yield "only a score", {"score": 1e9}
    yield "a missing list", {key: value for key, value in left.items() if key != keys[-1]}
    yield "another key", {f"{key}s": value for key, value in left.items()}
    yield "an empty list", {**left, first: []}
    yield "a text for a list", {**left, first: "0" * 26}
    yield "a number for a list", {**left, first: 26}
    yield "an object for a list", {**left, first: dict(enumerate(left[first]))}
    yield "a list around all", [left]
    yield "a number alone", 1e9
    yield "nothing", "null"
    yield "no JSON", text[:-1]
    yield "a key twice", text[:-1] + f', "{first}": {json.dumps(left[first])}}}'
    yield "nesting without end", "[" * 100_000
    yield "too large a file", text + " " * (5 << 20)
    yield "a list in each item", {**left, first: [[item] for item in left[first]]}


@pytest.mark.parametrize("name", NAMES)
def test_thirty_lies_are_refused(name: str, judge_of: Callable[[str], Judge]) -> None:
    left, _ = right(name)
    judge, lies = judge_of(name), list(spoilt(left))
    assert not refused(judge, left)
    assert len(lies) >= 30
    assert [what for what, lie in lies if not refused(judge, lie)] == []


def ulp(value: float, toward: float = math.inf) -> float:
    return math.nextafter(value, toward)


def own_lies(name: str) -> Iterator[tuple[str, Left]]:
    """Lies that only this kind of problem knows."""
    left, _ = right(name)

    def changed(key: str, place: int, value: object) -> Left:
        lie = copy.deepcopy(left)
        lie[key][place] = value
        return lie

    match task_of(name).root.name:
        case "circles":
            yield "an overlap of one ulp", changed("radii", 9, ulp(1 / 16))
            yield "a negative radius", changed("radii", 0, -1e-300)
            yield "a negative denormal radius", changed("radii", 0, -5e-324)
            yield "one circle more", {key: [*value, value[-1]] for key, value in left.items()}
            yield "one circle fewer", {key: value[:-1] for key, value in left.items()}
            yield "all in one place", {**left, "centers": [[0.5, 0.5]] * len(left["radii"])}
            yield "out of the container", {**left, "radii": [1.0, *left["radii"][1:]]}
        case "distance-ratio":
            yield "two points in one place", changed("points", 1, left["points"][0])
            yield "another dimension", {"points": [[*point, 0.0] for point in left["points"]]}
            yield "one point fewer", {"points": left["points"][:-1]}
        case "heilbronn":
            yield "one point more", {"points": [*left["points"], [0.1, 0.1]]}
            if "triangle" in name:
                yield "below by a denormal", changed("points", 0, [0.25, -5e-324])
                yield "beyond by one ulp", changed("points", 0, [0.5, ulp(0.5)])
            else:
                yield "no hull", {"points": [[float(k), 0.0] for k in range(len(left["points"]))]}
        case "hexagons":
            exact = [[x / (1 + 1e-9) * (1 - 1e-15), y / (1 + 1e-9)] for x, y in left["centers"]]
            yield "an overlap of some ulps", {**left, "centers": exact}
            yield "one on another", changed("centers", 1, left["centers"][0])
            yield "an angle beyond all", changed("angles", 0, 1e9)
            yield "one hexagon fewer", {key: value[:-1] for key, value in left.items()}
            yield "turned into its neighbours", changed("angles", 0, 0.0)
        case "autocorrelation":
            yield "no integral", {"heights": [0.0] * 5}
            yield "too many parts", {"heights": [1.0] * 4097}
            if not name.endswith("3"):
                yield "a negative height", {"heights": [1.0, -5e-324]}
            else:
                yield "an integral of 0", {"heights": [1.0, -1.0]}
        case "minimum-overlap":
            yield "an integral that needs more than 1", {"heights": [1.0, 0.0, 0.0]}
            yield "a height above 1 by one ulp", {"heights": [ulp(1.0), 0.5]}
            yield "no integral", {"heights": [0.0, 0.0]}
            yield "a negative height", {"heights": [0.5, -5e-324]}
        case "sums-and-differences":
            yield "a number twice", {"integers": [0, 1, 1]}
            yield "a float", {"integers": [0, 1, 3.0]}
            yield "no zero", {"integers": [1, 2, 4]}
            yield "a negative number", {"integers": [0, -1, 3]}
            yield "one number", {"integers": [0]}
            yield "more than can be counted", {"integers": [0, *range(10**20, 10**20 + 1600)]}
        case _:
            yield "a vector twice", {"vectors": [*left["vectors"], left["vectors"][0]]}
            yield "a zero vector", {"vectors": [*left["vectors"], [0] * 11]}
            yield "a longer vector", {"vectors": [*left["vectors"], [1] * 11]}
            yield "floats", {"vectors": [[float(x) for x in row] for row in left["vectors"]]}
            yield "another dimension", {"vectors": [row[:10] for row in left["vectors"]]}


@pytest.mark.parametrize("name", NAMES)
def test_lies_about_the_problem_itself_are_refused(name: str, judge_of: Callable[[str], Judge]) -> None:
    judge, lies = judge_of(name), list(own_lies(name))
    assert lies and [what for what, lie in lies if not refused(judge, lie)] == []


# Seeds, notes and families


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_program_gets_a_score(name: str, tmp_path: Path, judge_of: Callable[[str], Judge]) -> None:
    task, judge = task_of(name), judge_of(name)
    from evolver_trial import Trial  # type: ignore[import-not-found]  # of the runtime

    trial = Trial(*[tmp_path] * 5, stage="full", seed=0, phase="run")
    (tmp_path / "program.py").write_text(task.baseline().files["program.py"])
    module_of = module(task.root / "harness.py")
    module_of.run(trial)
    left = json.loads((tmp_path / f"{FILES[task.root.name]}.json").read_text())
    assert task.metric.accepts(judge(left)[task.metric.name])


@pytest.mark.parametrize("family", sorted(FILES))
def test_every_technique_of_the_notes_fits_the_seed(family: str) -> None:
    from evolver.contracts import Note

    task = task_of(next(name for name in NAMES if task_of(name).root.name == family))
    notes = [
        Note(id=path.stem, source=path.name, title=path.stem, text=path.read_text())
        for path in sorted((task.root / "notes").glob("*.md"))
    ]
    library, program = TechniqueLibrary.from_notes(notes), task.baseline()
    recipes = Operators(library, task.spec.program.entry, program).techniques_for(program)
    assert len(library.techniques) >= 2
    assert {recipe["technique"] for recipe in recipes} == set(library.techniques)
    compile(fences(task.root / "notes"), family, "exec")


def test_members_of_a_family_differ_in_version_and_texts_alone() -> None:
    small, large = task_of("records/circle-packing-26"), task_of("circle_packing_32")
    assert small.root == large.root and small.version != large.version and small.scope != large.scope
    assert "26 circles" in small.spec.summary and "n = 32" in large.spec.program.interface
    assert "{" not in large.spec.program.interface
    assert len(NAMES) == 16 and all(name.startswith("records/") for name in NAMES)


def test_a_family_is_no_task_and_a_member_is_found_below_it(tmp_path: Path) -> None:
    root = task_of("records/circle-packing-26").root
    assert load_task(root / "circle-packing-32").name == "circle-packing-32"
    with pytest.raises(TaskError, match=r"family of tasks; name one below its folder: circle-packing-26, .*"):
        load_task(root)
    with pytest.raises(UnknownName, match="did you mean circle-packing-32"):
        load_task("records/circle-packing-33")
    assert suite_tasks("circle-packing") == []


def test_parameters_reach_harness_and_judge() -> None:
    from evolver.evaluation.sandbox_jobs import TrialJobs

    jobs = TrialJobs.of(task_of("records/circle-packing-32"), "full", 0, Path("/tmp/x/y"))
    for job in (jobs.harness("run", artifacts=None), jobs.judge(Path("/tmp"))):
        assert json.loads(job.environment["EVOLVER_PARAMETERS"])["n"] == 32
    plain = TrialJobs.of(load_task("circle-packing"), "full", 0, Path("/tmp/x/y"))
    assert "EVOLVER_PARAMETERS" not in plain.judge(Path("/tmp")).environment
    assert os.environ.get("EVOLVER_PARAMETERS") is None
