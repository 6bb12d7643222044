"""All operators on two unrelated programs: execution, determinism, properties, long chains."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolver import registry
from evolver.contracts import Note, Operator, Program, Trial, TrialStatus
from evolver.errors import CannotApply
from evolver.memory import read_notes
from evolver.search import Operators, Recipe, TechniqueLibrary, skeleton
from evolver.tasks import load_task
from evolver.testing import SearchOperatorContract

SAMPLES = Path(__file__).parent / "samples"
OPERATORS = [*registry.OPERATORS.builtin]
FAILURES = (TrialStatus.FAILED, TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.INVALID)
LOG = "Traceback:\n  File \"/in/program.py\", line 31, in construct\nNameError: name 'perturb' is not defined\n"


@dataclass(frozen=True)
class Sample:
    program: Program
    operators: Operators
    entry: tuple[str, ...]
    call: str

    def run(self, program: Program) -> Any:
        (text,) = program.files.values()
        scope: dict[str, Any] = {"__name__": "program"}
        exec(compile(text, "program.py", "exec"), scope)
        return eval(self.call, scope)


def _notes(kind: str) -> list[Note]:
    return [
        Note(id=path.stem, source=path.name, title=path.stem, text=path.read_text())
        for path in sorted(SAMPLES.glob(f"{kind}_*.md"))
    ]


@cache
def sample(kind: str) -> Sample:
    program = Program(files={"program.py": (SAMPLES / f"{kind}.txt").read_text()})
    entry, call = {
        "packing": (("program.py:construct",), "construct()"),
        "regression": (
            ("program.py:train", "program.py:Model"),
            "train([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 3.0]], [5.0, 4.0, 13.0, 10.0])",
        ),
    }[kind]
    return Sample(program, Operators(TechniqueLibrary.from_notes(_notes(kind)), entry, program), entry, call)


KINDS = ("packing", "regression")
kinds = pytest.mark.parametrize("kind", KINDS)


def _failure(program: Program, status: TrialStatus) -> Trial:
    return Trial(experiment="e", program=program.id, stage="full", seed=0, status=status, log_tail=LOG)


def _draw(kind: str, operator: str, program: Program, seed: int, others: list[Program]) -> Recipe | None:
    rng = random.Random(seed)
    return sample(kind).operators.draw(
        operator, program, rng, others=others, failure=_failure(program, FAILURES[seed % len(FAILURES)])
    )


def _relatives(kind: str) -> list[Program]:
    """Programs that differ from the sample: it with one technique each."""
    it = sample(kind)
    return [it.operators.apply(recipe, it.program, {}) for recipe in it.operators.techniques_for(it.program)]


@kinds
def test_each_technique_is_offered_first_once_and_runs_in_its_best_place(kind: str) -> None:
    it = sample(kind)
    recipes = it.operators.techniques_for(it.program)
    techniques = it.operators.library.techniques
    assert {recipe["technique"] for recipe in recipes} == set(techniques)
    assert [recipe["technique"] for recipe in recipes[: len(techniques)]] == list(
        dict.fromkeys(recipe["technique"] for recipe in recipes)
    )
    assert len(recipes) > len(techniques)
    before = it.run(it.program)
    for recipe in recipes[: len(techniques)]:
        program = it.operators.apply(recipe, it.program, {})
        assert it.operators.check(program) == []
        assert it.run(program) != before or recipe["technique"] == "polish"


@kinds
@pytest.mark.parametrize("operator", OPERATORS)
def test_recipes_are_deterministic_and_survive_json(kind: str, operator: str) -> None:
    it, others = sample(kind), _relatives(kind)
    by_id = {other.id: other for other in others}
    made = 0
    for seed in range(12):
        recipe = _draw(kind, operator, it.program, seed, others)
        assert recipe == _draw(kind, operator, it.program, seed, others)
        if recipe is None:
            continue
        assert recipe["operator"] == operator
        plan, component = it.operators.describe(recipe)
        assert plan and component
        try:
            program = it.operators.apply(recipe, it.program, by_id)
        except CannotApply:
            continue
        assert it.operators.apply(json.loads(json.dumps(recipe)), it.program, by_id).id == program.id != it.program.id
        made += 1
    assert made >= 3


@kinds
@pytest.mark.parametrize("operator", [Operator.TUNE, Operator.DRAFT, Operator.CROSSOVER])
def test_most_changes_still_run(kind: str, operator: str) -> None:
    it, others = sample(kind), _relatives(kind)
    ran = tried = 0
    for seed in range(30):
        recipe = _draw(kind, operator, it.program, seed, others)
        assert recipe is not None
        program = it.operators.apply(recipe, it.program, {other.id: other for other in others})
        tried += 1
        try:
            it.run(program)
            ran += 1
        except (ArithmeticError, ValueError, IndexError, TypeError):
            continue
    assert ran >= 0.8 * tried


@kinds
@pytest.mark.parametrize("operator", OPERATORS)
def test_untouched_lines_stay_as_they_are(kind: str, operator: str) -> None:
    it, others = sample(kind), _relatives(kind)
    lines = it.program.files["program.py"].splitlines()
    most = {"crossover": 30, "rewrite": 12, "ablate": 20}.get(operator, 10)
    for seed in range(10):
        recipe = _draw(kind, operator, it.program, seed, others)
        try:
            changed = it.operators.apply(recipe or {}, it.program, {other.id: other for other in others})
        except CannotApply:
            continue
        kept = set(changed.files["program.py"].splitlines())
        assert sum(line not in kept for line in lines) <= most


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    steps=st.lists(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 10**6)), min_size=1, max_size=8),
)
def test_any_recipe_parses_keeps_the_entry_or_cannot_apply(kind: str, steps: list[tuple[str, int]]) -> None:
    it = sample(kind)
    seen = [it.program]
    for operator, seed in steps:
        recipe = _draw(kind, operator, seen[-1], seed, seen[:-1])
        if recipe is None:
            continue
        try:
            program = it.operators.apply(recipe, seen[-1], {other.id: other for other in seen})
        except CannotApply:
            continue
        compile(program.files["program.py"], "program.py", "exec")
        assert not any("does not define" in fault or "must take" in fault for fault in it.operators.check(program))
        if operator == Operator.TUNE:
            assert skeleton(program) == skeleton(seen[-1])
        seen.append(program)


@kinds
@pytest.mark.parametrize("seed", [0, 1])
def test_long_chains_stay_sound_and_bounded(kind: str, seed: int) -> None:
    it, rng = sample(kind), random.Random(seed)
    seen, sound, applied = [it.program], 0, 0
    for step in range(200):
        mates = rng.sample(seen, min(3, len(seen)))
        recipe = _draw(kind, rng.choice(OPERATORS), seen[-1], step, mates)
        try:
            program = it.operators.apply(recipe or {}, seen[-1], {mate.id: mate for mate in mates})
        except CannotApply:
            continue
        assert program.files["program.py"].count("\n") <= 400
        applied += 1
        sound += not it.operators.check(program)
        seen.append(program)
    assert applied > 120
    assert sound >= 0.95 * applied


@kinds
def test_programs_do_not_grow_beyond_the_bound(kind: str) -> None:
    it = sample(kind)
    large = Program(files={"program.py": it.program.files["program.py"] + "\n".join(f"A{k} = {k}" for k in range(400))})
    recipe = it.operators.techniques_for(large)[0]
    with pytest.raises(CannotApply, match="grow"):
        it.operators.apply(recipe, large, {})
    tuned = it.operators.draw(Operator.TUNE, large, random.Random(0))
    assert tuned is not None
    assert it.operators.apply(tuned, large, {}).id != large.id


def test_what_is_no_recipe_cannot_be_applied() -> None:
    it = sample("packing")
    recipes: list[Recipe] = [
        {},
        {"operator": "baseline"},
        {"operator": "tune", "sigma": 0.3, "changes": []},
        {"operator": "tune", "sigma": 0.3, "changes": [], "more": 1},
    ]
    for recipe in recipes:
        with pytest.raises(CannotApply):
            it.operators.apply(recipe, it.program, {})
    with pytest.raises(CannotApply):
        it.operators.describe({"operator": "draft"})


def test_a_recipe_does_not_fit_another_program() -> None:
    it, other = sample("packing"), sample("regression")
    for operator in (Operator.TUNE, Operator.DRAFT, Operator.EDIT, Operator.ABLATE):
        recipe = _draw("packing", operator, it.program, 1, [])
        assert recipe is not None
        with pytest.raises(CannotApply):
            it.operators.apply(recipe, other.program, {})


def test_nothing_is_offered_where_there_is_nothing() -> None:
    operators = Operators(TechniqueLibrary.from_notes([]), ["program.py:f"])
    empty = Program(files={"program.py": "def f():\n    return g()\n"})
    assert operators.techniques_for(empty) == []
    for operator in OPERATORS:
        assert operators.draw(operator, empty, random.Random(0)) is None
    broken = Program(files={"program.py": "def f(:\n"})
    assert operators.techniques_for(broken) == []
    for operator in OPERATORS:
        recipe = operators.draw(operator, broken, random.Random(0), failure=_failure(broken, TrialStatus.FAILED))
        assert recipe is None


@pytest.mark.parametrize(
    "archived",
    json.loads((SAMPLES / "archived_recipes.json").read_text()),
    ids=lambda found: found["recipe"]["operator"],
)
def test_recipes_of_earlier_releases_are_carried_out_as_they_were(archived: dict[str, Any]) -> None:
    """One of each operator, from a campaign of function-fitting before operators were classes."""
    task = load_task("function-fitting")
    library = TechniqueLibrary.from_notes(read_notes([task.root / "notes"], task.name))
    operators = Operators(library, task.spec.program.entry, task.baseline())
    parent, *others = [Program(files=files) for files in archived["parents"]]
    made = operators.apply(archived["recipe"], parent, {other.id: other for other in others})
    assert made.id == archived["makes"]
    assert operators.describe(archived["recipe"]) == (archived["plan"], archived["component"])


def test_a_recipe_of_an_operator_that_is_not_here_is_refused() -> None:
    it = sample("packing")
    for name in ("anneal", "subprocess:Popen", "evolver.search.operators.tune:Tune"):
        with pytest.raises(CannotApply, match="there is no operator"):
            it.operators.apply({"operator": name}, it.program, {})


class TestContract(SearchOperatorContract):
    @pytest.fixture(params=OPERATORS)
    def operator(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)
