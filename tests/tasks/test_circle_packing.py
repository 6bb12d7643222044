"""Circle packing: the judge is exact, the baseline and every fragment of the notes run."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evolver.tasks import load_task

TASK = load_task("circle-packing")
TEXT = TASK.baseline().files["program.py"]
R = 1 / 16
Packing = dict[str, list[Any]]


def touching() -> Packing:
    """26 circles of radius 1/16 on a grid of step 1/8: all numbers are binary fractions, all neighbours touch."""
    return {"centers": [[R + (k % 8) / 8, R + (k // 8) / 8] for k in range(26)], "radii": [R] * 26}


@pytest.fixture
def judge(load_file: Callable[[Path], ModuleType], tmp_path: Path) -> Callable[[object], dict[str, float]]:
    """Judge a packing, given as an object or as the text of packing.json; raises Invalid."""
    module = load_file(TASK.root / "judge.py")

    def run(packing: object) -> dict[str, float]:
        (tmp_path / "packing.json").write_text(packing if isinstance(packing, str) else json.dumps(packing))
        metrics: dict[str, float] = module.judge(tmp_path, tmp_path, "full", 0)
        return metrics

    run.invalid = module.Invalid  # type: ignore[attr-defined]
    return run


def refused(judge: Callable[[object], dict[str, float]], packing: object, said: str) -> None:
    with pytest.raises(judge.invalid, match=said):  # type: ignore[attr-defined]
        judge(packing)


def test_touching_exactly_is_allowed(judge: Callable[[object], dict[str, float]]) -> None:
    assert judge(touching()) == {"sum_of_radii": 26 / 16, "slack": 0.0}


def test_circles_may_touch_off_the_axes(judge: Callable[[object], dict[str, float]]) -> None:
    # Offsets 3/64 and 4/64 make a distance of exactly 5/64.
    packing = touching()
    packing["centers"][25], packing["radii"][25] = [0.5, 0.75], 2 / 64
    packing["centers"][24], packing["radii"][24] = [0.5 + 3 / 64, 0.75 + 4 / 64], 3 / 64
    assert judge(packing)["slack"] == 0.0
    packing["radii"][24] = math.nextafter(3 / 64, 1.0)
    refused(judge, packing, "circles 24 and 25 overlap")


@pytest.mark.parametrize("circle", [0, 9, 25])
def test_one_ulp_of_overlap_is_refused(circle: int, judge: Callable[[object], dict[str, float]]) -> None:
    packing = touching()
    packing["radii"][circle] = math.nextafter(R, 1.0)
    # The sum of the two radii rounds to their distance, so that arithmetic in floats would not see it.
    assert packing["radii"][circle] + R == 2 * R
    refused(judge, packing, "overlap|leaves the square")


@pytest.mark.parametrize(
    ("circle", "axis", "toward"), [(0, 0, 0.0), (0, 1, 0.0), (7, 0, 1.0), (9, 0, 0.0), (9, 1, 1.0)]
)
def test_one_ulp_of_displacement_is_refused(
    circle: int, axis: int, toward: float, judge: Callable[[object], dict[str, float]]
) -> None:
    packing = touching()
    packing["centers"][circle][axis] = math.nextafter(packing["centers"][circle][axis], toward)
    refused(judge, packing, "overlap|leaves the square")


def test_a_hair_less_is_allowed_and_has_slack(judge: Callable[[object], dict[str, float]]) -> None:
    packing = touching()
    packing["radii"] = [R * (1 - 1e-12)] * 26
    assert judge(packing)["slack"] == pytest.approx(R * 1e-12, rel=1e-3)


def test_the_sum_is_rounded_down(judge: Callable[[object], dict[str, float]]) -> None:
    packing = touching()
    packing["radii"] = [R / (3 + k) for k in range(26)]
    exact = sum(map(Fraction, packing["radii"]), Fraction())
    score = judge(packing)["sum_of_radii"]
    assert Fraction(score) <= exact < Fraction(math.nextafter(score, 2.0))
    packing["radii"] = [R] + [2.0**-60] * 25
    assert judge(packing)["sum_of_radii"] <= Fraction(R) + 25 * Fraction(2.0**-60)


def test_radii_may_be_zero_but_not_negative(judge: Callable[[object], dict[str, float]]) -> None:
    packing = touching()
    packing["radii"][3] = 0.0
    assert judge(packing)["sum_of_radii"] == 25 / 16
    packing["radii"][3] = -5e-324
    refused(judge, packing, "circle 3 has a negative radius")
    # Two points in one place touch.
    packing["centers"], packing["radii"] = [[0.5, 0.5]] * 26, [0] * 26
    assert judge(packing) == {"sum_of_radii": 0.0, "slack": 0.0}


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "1e308",
        "-1e308",
        "1" + "0" * 400,
        "true",
        "null",
        '"0.5"',
        "[0.5]",
        "{}",
        "1.0000000000000002",
        "-5e-324",
    ],
)
def test_what_is_no_coordinate_is_refused(value: str, judge: Callable[[object], dict[str, float]]) -> None:
    for key, old in (("centers", "0.9375"), ("radii", "0.0625]")):
        text = json.dumps(touching())
        at = text.rindex(old)
        new = value + ("]" if key == "radii" else "")
        refused(judge, text[:at] + new + text[at + len(old) :], ".")


def test_wrong_shapes_are_refused(judge: Callable[[object], dict[str, float]]) -> None:
    good = touching()
    wrong: list[object] = [
        [],
        3,
        None,
        {},
        {"centers": good["centers"]},
        {**good, "score": 3.0},
        {**good, "radii": good["radii"][:25]},
        {**good, "radii": [*good["radii"], 0.0]},
        {**good, "centers": good["centers"][:25]},
        {**good, "centers": [[0.5]] * 26},
        {**good, "centers": [[0.1, 0.2, 0.3]] * 26},
        {**good, "radii": 1.0},
        {**good, "centers": "x" * 26},
    ]
    for packing in wrong:
        refused(judge, packing, "does not hold")
    text = json.dumps(good)
    refused(judge, text[:-1] + ', "radii": [3.0]}', "twice")
    refused(judge, text + " " * 70_000, "more than 65536")


def test_a_missing_packing_is_refused(
    judge: Callable[[object], dict[str, float]], tmp_path: Path, load_file: Callable[[Path], ModuleType]
) -> None:
    module = load_file(TASK.root / "judge.py")
    with pytest.raises(module.Invalid, match=r"left no packing\.json"):
        module.judge(tmp_path / "empty", tmp_path, "full", 0)


# Programs


def with_stages(
    fences: str, *stages: str, layout: str = "place_centers", radii: str = "compute_radii"
) -> dict[str, str]:
    """The baseline with the notes' code in it and calls placed by hand."""
    last = "    return centers, radii\n"
    calls = "".join(f"    centers, radii = {stage}\n" for stage in stages)
    text = TEXT.replace("place_centers(N)", f"{layout}(N)").replace("= compute_radii(centers)", f"= {radii}(centers)")
    return {"program.py": fences + "\n" + text.replace(last, calls + last)}


def test_the_baseline_scores_what_the_readme_says(run_trial: Callable[..., Any]) -> None:
    ran = run_trial(TASK.root, {"program.py": TEXT})
    assert ran.metrics["sum_of_radii"] == pytest.approx(0.963, abs=0.001)
    assert ran.metrics["slack"] > 0.0
    assert TASK.metric.accepts(ran.metrics["sum_of_radii"])


@pytest.mark.parametrize(
    ("returned", "status", "said"),
    [
        ("[[0.5, 0.5]] * 26, [0.0] * 25", 1, "25 radii, not 26 of each"),
        ("[[0.5, 0.5]] * 26, ['x'] * 26", 1, "ValueError"),
        ("None", 1, "TypeError"),
        ("[[0.5, 0.5]] * 26, [float('nan')] * 26", 0, "NaN"),
        ("[[0.5, 0.5]] * 26, [0.1] * 26", 0, "overlap"),
    ],
)
def test_what_is_no_packing_gets_no_score(returned: str, status: int, said: str, run_trial: Callable[..., Any]) -> None:
    ran = run_trial(TASK.root, {"program.py": f"def construct_packing():\n    return {returned}\n"})
    assert ran.status == status
    assert said in (ran.log if status else ran.answer["invalid"])


FRAGMENTS: list[tuple[str, dict[str, str], tuple[str, ...], float]] = [
    ("lp_radii", {"radii": "lp_radii"}, (), 1.7),
    ("hexagonal_rows", {"layout": "hexagonal_rows"}, (), 1.8),
    ("jittered_grid", {"layout": "jittered_grid"}, (), 1.5),
    ("hexagonal_rows and lp_radii", {"layout": "hexagonal_rows", "radii": "lp_radii"}, (), 2.3),
    ("polish", {}, ("polish(centers, radii)",), 2.5),
    ("fill_largest_gap", {}, ("fill_largest_gap(centers, radii, rounds=2)",), 2.4),
    ("multi_start", {}, ("multi_start(centers, radii, starts=2)",), 2.4),
    ("perturb_and_polish", {}, ("perturb_and_polish(centers, radii, rounds=3)",), 2.4),
    ("anneal", {}, ("anneal(centers, radii, steps=30)",), 0.97),
]


@pytest.mark.parametrize(
    ("places", "stages", "least"), [case[1:] for case in FRAGMENTS], ids=[case[0] for case in FRAGMENTS]
)
def test_each_fragment_of_the_notes_improves_the_baseline(
    places: dict[str, str],
    stages: tuple[str, ...],
    least: float,
    run_trial: Callable[..., Any],
    fences: Callable[[Path], str],
) -> None:
    ran = run_trial(TASK.root, with_stages(fences(TASK.root / "notes"), *stages, **places))
    assert ran.metrics["sum_of_radii"] > least


def test_every_technique_of_the_notes_is_tried_here(fences: Callable[[Path], str]) -> None:
    names = {line[4 : line.index("(")] for line in fences(TASK.root / "notes").splitlines() if line.startswith("def ")}
    assert {name for name in names if not name.startswith("_")} == {case[0] for case in FRAGMENTS if " " not in case[0]}


@pytest.mark.slow
def test_polishing_and_perturbing_reach_a_good_packing(
    run_trial: Callable[..., Any], fences: Callable[[Path], str]
) -> None:
    program = with_stages(fences(TASK.root / "notes"), "polish(centers, radii)", "perturb_and_polish(centers, radii)")
    ran = run_trial(TASK.root, program, seconds=30.0)
    assert ran.metrics["sum_of_radii"] > 2.61


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "count"),
    [("multi_start", "starts"), ("perturb_and_polish", "rounds"), ("fill_largest_gap", "rounds"), ("anneal", "steps")],
)
def test_a_fragment_with_too_much_to_do_returns_in_time(
    stage: str, count: str, run_trial: Callable[..., Any], fences: Callable[[Path], str]
) -> None:
    program = with_stages(fences(TASK.root / "notes"), f"{stage}(centers, radii, {count}=10**6)")
    ran = run_trial(TASK.root, program, seconds=4.0)
    assert ran.metrics["sum_of_radii"] > 1.0
    assert ran.cpu_seconds < 4.0


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASK.comparisons()))
def test_the_comparison_methods_fill_their_time(name: str, run_trial: Callable[..., Any]) -> None:
    ran = run_trial(TASK.root, TASK.comparisons()[name].files, seconds=4.0)
    assert ran.metrics["sum_of_radii"] > 2.58
    assert ran.seconds > 2.5 and ran.cpu_seconds < 4.0


def test_coincident_centers_cost_only_their_own_radii(
    load_file: Callable[[Path], ModuleType], fences: Callable[[Path], str], tmp_path: Path
) -> None:
    (tmp_path / "notes.py").write_text(fences(TASK.root / "notes"))
    notes = load_file(tmp_path / "notes.py")
    centers = np.array(touching()["centers"])
    centers[1] = centers[0]
    assert notes.lp_radii(centers).sum() > 1.0
    assert notes.lp_radii(centers)[:2].sum() == 0.0
