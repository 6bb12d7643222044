"""Numbers of files in other languages, and what their names say about them."""

from __future__ import annotations

import random

import pytest

from evolver.contracts import Program
from evolver.search.assigned_numbers import assigned_numbers
from evolver.search.syntax import syntax_fault
from evolver.search.tuners.evolution import EvolutionTuner
from evolver.search.tuning import literals, may_vary
from evolver.search.tuning_space import parameters

TEXTS = {
    "c.yaml": ("lr: 0.1\nopt: {wd: 1e-4, n: 3}\n# x: 4\ns: 'k: 5'\nlist:\n  - a: 2\nv: 1.2.3\n", "lr wd n a"),
    "c.json": ('{"lr": 0.1, "n": {"k": -3}, "s": "\\"x\\": 3"}', "lr k"),
    "c.toml": ('[a]\nlr = 0.1 # c\nb = { c = 2 }\ns = "q = 3"\n', "lr c"),
    "m.cpp": ('const double LR = 0.5f; // X = 3\n#define N 32\nif (ab == 3) a += 4;\nauto s = "z = 3;";', "LR N"),
    "m.rs": ("const K: f64 = 0.5_f64;\nlet mut n: usize = 10;\nlet xx = -3;\n", "K n xx"),
    "m.go": ("rate := 0.5\nconst NN = 7\n", "rate NN"),
    "m.jl": ("alpha = 0.5\nwork(; b1=0.9)\n", "alpha b1"),
    "m.R": ("lr <- 0.1\n", "lr"),
    "m.cu": ("__global__ void k() {}\nconstexpr int BLOCK = 256;\n", "BLOCK"),
    "p.md": ("Use x = 3 of them.\n", ""),
    "p.jinja": ("{% set n = 3 %}\n", ""),
}


@pytest.mark.parametrize("path", TEXTS)
def test_numbers_with_a_name_are_found_by_text(path: str) -> None:
    text, names = TEXTS[path]
    found = assigned_numbers(path, text)
    assert " ".join(one.word for one in found) == names.lower()
    assert all(text[one.start : one.end] == one.text for one in found)
    assert may_vary(Program(files={path: text})) is bool(names)


def test_ranges_follow_from_names() -> None:
    text = (
        "learning_rate: 0.01\nweight_decay: 0.0\ndropout: 0.9\nnum_classes: 10\nseed: 3\nbatch-size: 64\nshift: 0.0\n"
    )
    program, tuner, seen = Program(files={"config.yaml": text}), EvolutionTuner(), dict[str, list[float]]()
    for seed in range(400):
        recipe = tuner.draw(program, random.Random(seed))
        assert recipe is not None and len(recipe.changes) == 1, "one at a time first"
        for change in recipe.changes:
            seen.setdefault(change.name.split()[0], []).append(float(change.new))
    assert set(seen) == {"learning_rate", "weight_decay", "dropout", "seed", "batch-size", "shift"}
    assert min(seen["learning_rate"]) > 0 and min(seen["weight_decay"]) >= 0 and min(seen["batch-size"]) > 0
    assert min(seen["dropout"]) > 0 and max(seen["dropout"]) < 1
    assert min(seen["shift"]) < 0
    ranges = {one.name.split()[0]: one for one in parameters(program)}
    assert set(ranges) == set(seen) - {"seed"}
    assert ranges["weight_decay"].low == 0 and ranges["shift"].low == -1
    several = [tuner.draw(program, random.Random(seed), sigma=0.3) for seed in range(30)]
    assert {len(recipe.changes) for recipe in several if recipe is not None} > {1}


def test_defaults_of_arguments_have_the_options_names() -> None:
    text = (
        "p.add_argument('-l', '--learning-rate', type=float, default=0.1, help='x')\np.add_argument('--n', default=3)\n"
    )
    assert [one.name for one in literals(text)] == ["learning_rate of add_argument()", "n of add_argument()"]


def test_files_of_other_languages_are_parsed() -> None:
    assert syntax_fault("a.rs", "fn main() { let x = 1; }\n") == ""
    assert "line 2: " in syntax_fault("a.rs", "fn main() {\n  let x = ;\n}\n")
    assert syntax_fault("a.h", "class A { public: int x; };\n") == "", "a header may be C++"
    assert syntax_fault("a.yaml", "a: [1, 2\n") != "" and syntax_fault("a.toml", "a = 1\n") == ""
    assert syntax_fault("a.md", "{{ anything") == syntax_fault("a.f90", "x = ") == ""
