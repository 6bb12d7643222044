"""Constants chosen by Optuna's samplers: ranges, determinism, and whether they find a known optimum."""

from __future__ import annotations

import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from evolver.contracts import Operator, Program
from evolver.errors import UsageError
from evolver.graph.team_factory import check_search
from evolver.registry import TUNERS
from evolver.search import EvolveBlocks, Operators, ScoredProgram, TechniqueLibrary
from evolver.search.tuners.optuna_samplers import TpeTuner
from evolver.search.tuning import change_constants, literals
from evolver.search.tuning_space import parameters, point

TEXT = """
RATE = 0.1
EPOCHS = 60
BATCH = 8
MOMENTUM = 0.9
LIFT = 0.0
SHIFT = -2.5


def train(x, rounds=1, seed=3):
    return clip(x, axis=1) + 2 * RATE
"""
OPTIMUM = {"RATE": 0.01, "EPOCHS": 150, "DROP": 0.2, "DECAY": 0.05, "WIDTH": 48}
START = "RATE = 0.1\nEPOCHS = 60\nDROP = 0.3\nDECAY = 0.01\nWIDTH = 16\n"


def program(text: str) -> Program:
    return Program(files={"program.py": text})


def values(of: Program) -> dict[str, float]:
    return {one.name: one.value for one in literals(of.files["program.py"])}


def away(of: Program) -> float:
    """Squared distance to the optimum, in logarithms; at START it is 9.1."""
    return sum(math.log(max(value, 1e-9) / OPTIMUM[name]) ** 2 for name, value in values(of).items())


Draw = Callable[[Program, Sequence[ScoredProgram], random.Random], Program]


def tuned(kind: str) -> Draw:
    def draw(parent: Program, history: Sequence[ScoredProgram], rng: random.Random) -> Program:
        tune = TUNERS.load(kind)("minimize").draw(parent, rng, sigma=0.3, history=history)
        assert tune is not None
        return Program(files={**parent.files, **change_constants(parent, tune.changes)})

    return draw


def searched(draw: Draw, seed: int, rounds: int = 30) -> float:
    """The distance that a search from START arrives at."""
    rng, history = random.Random(seed), [ScoredProgram(program(START), away(program(START)))]
    for _ in range(rounds):
        best = min(history, key=lambda outcome: outcome.score or 0.0)
        child = draw(best.program, history, rng)
        history.append(ScoredProgram(child, away(child)))
    return min(outcome.score for outcome in history if outcome.score is not None)


def test_constants_become_parameters_with_ranges_around_them() -> None:
    found = {one.name: one for one in parameters(program(TEXT))}
    assert {name: (one.low, one.high, one.scale) for name, one in found.items()} == {
        "RATE": (0.01, 1.0, "log"),
        "EPOCHS": (6, 600, "log"),
        "BATCH": (1, 32, "linear"),
        "MOMENTUM": (pytest.approx(0.01), pytest.approx(1.0), "share"),
        "LIFT": (-1.0, 1.0, "linear"),
        "SHIFT": (0.25, 25.0, "log"),
        "rounds of train()": (1, 4, "linear"),
    }
    assert found["SHIFT"].text(3.0) == "-3.0"
    assert found["EPOCHS"].text(75) == "75"
    assert found["MOMENTUM"].text(0.05) == "0.95"


def test_what_a_program_has_comes_back_as_it_was() -> None:
    declared = parameters(program(TEXT))
    found = point(program(TEXT), declared)
    assert found is not None
    texts = [parameter.text(value) for parameter, value in zip(declared, found, strict=True)]
    assert [float(text) for text in texts] == [0.1, 60, 8, 0.9, 0.0, -2.5, 1]
    assert point(program(TEXT.replace("RATE = 0.1", "RATE = 1")), declared) is None
    assert point(program("RATE = 0.1\n"), declared) is None


@pytest.mark.parametrize("kind", ["optuna:tpe", "optuna:cmaes"])
def test_sampling_finds_a_known_optimum_better_than_the_evolution_strategy(kind: str) -> None:
    plain = [searched(tuned("evolution"), seed) for seed in range(5)]
    sampled = [searched(tuned(kind), seed) for seed in range(5)]
    assert statistics.median(sampled) < 0.6 * statistics.median(plain)


@pytest.mark.parametrize("kind", ["optuna:tpe", "optuna:cmaes"])
def test_the_same_seed_and_programs_give_the_same_values(kind: str) -> None:
    assert searched(tuned(kind), 4, 14) == searched(tuned(kind), 4, 14)
    assert searched(tuned(kind), 4, 14) != searched(tuned(kind), 5, 14)


def test_until_enough_is_known_the_evolution_strategy_goes_on() -> None:
    some = [ScoredProgram(program(START.replace("60", str(60 + k))), float(k)) for k in range(TpeTuner.first)]
    tuner, first = TpeTuner("minimize"), some[0].program
    assert tuner.sampled(first, random.Random(0), history=some[:-1]) is None
    assert tuner.sampled(first, random.Random(0), history=[some[0]] * 10) is None
    assert tuner.sampled(first, random.Random(0), history=some) is not None
    plain, ready = (Operators(TechniqueLibrary.from_notes([]), [], tuner=chosen) for chosen in (None, tuner))
    draws = [o.draw(Operator.TUNE, some[0].program, random.Random(3), history=some[:2]) for o in (plain, ready)]
    assert draws[0] == draws[1]


def test_programs_of_another_structure_count_if_they_have_the_constants() -> None:
    other = START + "\n\ndef extra(x, power=2.0):\n    return x**power\n"
    some = [ScoredProgram(program(other.replace("60", str(60 + k))), float(k)) for k in range(6)]
    tuner = TpeTuner("minimize")
    tune = tuner.sampled(program(START), random.Random(0), history=some)
    assert tune is not None
    assert {change.name for change in tune.changes} <= set(OPTIMUM)
    unknown = [ScoredProgram(program(START), 1.0)] * 6
    assert tuner.sampled(program(other), random.Random(0), history=unknown) is None


def test_constants_that_failed_are_avoided() -> None:
    """Everything above 100 epochs fails: it is proposed less and less."""
    rng, history, tries = random.Random(2), [ScoredProgram(program(START), away(program(START)))], list[bool]()
    for _ in range(40):
        best = min((o for o in history if o.score is not None), key=lambda outcome: outcome.score or 0.0)
        child = tuned("optuna:tpe")(best.program, history, rng)
        failed = values(child)["EPOCHS"] > 100
        tries.append(failed)
        history.append(ScoredProgram(child, None if failed else away(child)))
    assert sum(tries[20:]) < 0.5 * len(tries[20:])
    best = min((o for o in history if o.score is not None), key=lambda outcome: outcome.score or 0.0)
    assert values(best.program)["EPOCHS"] <= 100


def test_only_marked_blocks_are_sampled() -> None:
    text = "FIXED = 5.0\n# EVOLVE-BLOCK-START\nRATE = 0.1\n# EVOLVE-BLOCK-END\nLAST = 7\n"
    operators = Operators(
        TechniqueLibrary.from_notes([]), [], program(text), EvolveBlocks(program(text)), TpeTuner("minimize")
    )
    history = [ScoredProgram(program(text.replace("0.1", f"0.{k}")), float(k)) for k in range(1, 9)]
    for seed in range(5):
        recipe = operators.draw(Operator.TUNE, program(text), random.Random(seed), history=history)
        assert recipe is not None
        assert [change["name"] for change in recipe["changes"]] == ["RATE"]  # type: ignore[union-attr,index,call-overload]


def test_a_tuner_whose_packages_are_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    check_search("ucb1", "optuna:cmaes")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    check_search("ucb1", "evolution")
    with pytest.raises(UsageError, match=r"optuna and cmaes: pip install optuna cmaes, or take"):
        check_search("ucb1", "optuna:cmaes")


def test_constants_whose_changes_fail_are_left_alone() -> None:
    worked = [ScoredProgram(program(START.replace("RATE = 0.1", f"RATE = 0.{k}")), float(k)) for k in range(1, 9)]
    failed = [ScoredProgram(program(START.replace("EPOCHS = 60", f"EPOCHS = {70 + k}")), None) for k in range(8)]
    changed = Counter[str]()
    for seed in range(40):
        recipe = TpeTuner("minimize").sampled(worked[0].program, random.Random(seed), history=[*worked, *failed])
        changed.update(change.name for change in (recipe.changes if recipe else ()))
    assert changed["EPOCHS"] < 15 < 25 < changed["RATE"]
