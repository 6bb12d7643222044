from __future__ import annotations

import re

import pytest

from evolver.contracts import Program
from evolver.search import Operators, TechniqueLibrary

BASE = """class Model:
    def __init__(self, width):
        self.width = width

    def fit(self, x, y):
        return x


def train(x, y, seed=0):
    return Model(3).fit(x, y)
"""


def check(text: str, *, baseline: str | None = BASE) -> list[str]:
    base = None if baseline is None else Program(files={"program.py": baseline})
    operators = Operators(TechniqueLibrary.from_notes([]), ["program.py:train", "program.py:Model"], base)
    return operators.check(Program(files={"program.py": text}))


def test_sound_programs_pass() -> None:
    assert check(BASE) == []
    assert check(BASE.replace("seed=0", "seed=1, more=2")) == []
    assert check("import os\n" + BASE + "\ndef unused():\n    x = 1\n") == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("def train(", "def train((", "does not parse"),
        ("return x\n", "return z\n", "line 6: undefined name 'z'"),
        ("return x\n", "break\n", "outside loop"),
        ("def train(", "def learn(", "does not define train"),
        ("def fit(", "def learn(", r"does not define Model.fit\(\) any more"),
        ("x, y, seed=0", "x, y=0", r"train\(\) must take \(x, y\), not \(x\)"),
        ("x, y, seed=0", "x, y, seed", r"must take \(x, y\), not \(x, y, seed\)"),
        ("self, width", "self, height, width", r"Model.__init__\(\) must take \(self, width\)"),
        ("def train", "def train(x, y):\n    return x\n\n\ndef train", "train is defined 2 times"),
    ],
)
def test_faults_are_named(old: str, new: str, words: str) -> None:
    (fault, *_) = check(BASE.replace(old, new))
    assert fault.startswith("program.py")
    assert re.search(words, fault)


def test_without_a_baseline_only_definitions_are_asked_for() -> None:
    assert check(BASE.replace("x, y, seed=0", "x, y=0"), baseline=None) == []
    assert check("train = Model = None\n", baseline=None) == []
    assert check("x = 1\n", baseline=None) == ["program.py does not define train", "program.py does not define Model"]


def test_a_missing_file_is_named() -> None:
    operators = Operators(TechniqueLibrary.from_notes([]), ["model.py:train", "other.py:f"])
    assert operators.check(Program(files={"model.py": "def train(): ...\n"})) == ["other.py does not define f"]
