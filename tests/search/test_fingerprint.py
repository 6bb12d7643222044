from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Program
from evolver.search import skeleton

CODE = '''"""A program."""
import math


class Model:
    """It."""

    rate = {rate}

    def fit(self, x, rounds={rounds}):
        """Fit."""
        for k in range(rounds):  # {comment}
            x = x - self.rate * math.log1p(x) + {shift}
        return x, "{text}"
'''


def of(text: str, path: str = "program.py") -> str:
    return skeleton(Program(files={path: text}))


def code(rate: object = 0.1, rounds: object = 3, shift: object = 1, comment: str = "loop", text: str = "a") -> str:
    return CODE.format(rate=rate, rounds=rounds, shift=shift, comment=comment, text=text)


@given(
    rate=st.floats(allow_nan=False, allow_infinity=False),
    rounds=st.integers(),
    shift=st.integers(),
    comment=st.from_regex(r"[a-z ]*", fullmatch=True),
    text=st.from_regex(r"[a-z]*", fullmatch=True),
)
def test_constants_and_comments_do_not_count(rate: float, rounds: int, shift: int, comment: str, text: str) -> None:
    assert of(code(repr(rate), rounds, shift, comment, text)) == of(code())


def test_formatting_and_docstrings_do_not_count() -> None:
    plain = code()
    assert of(plain.replace('    """It."""\n\n', "").replace('"""A program."""\n', "")) == of(plain)
    assert of(plain.replace("x - self.rate * math.log1p(x)", "(x\n    - self.rate*math.log1p( x ))")) == of(plain)


def test_structure_counts() -> None:
    plain = code()
    different = [
        plain.replace(" - self", " + self"),
        plain.replace("log1p", "sqrt"),
        plain.replace("x = x", "y = x"),
        plain.replace("fit(", "learn("),
        plain.replace("import math", "import cmath"),
        plain.replace("return x,", "return"),
        code(rate="True"),
        code(rate="None"),
        code(rate="[1, 2]"),
    ]
    assert len({of(text) for text in [plain, *different]}) == len(different) + 1
    assert of(plain) != of(plain, "other.py")


def test_files_that_are_not_python_count_by_their_text() -> None:
    one, two = (skeleton(Program(files={"program.py": "x = 1\n", "settings.json": text})) for text in ("{}", "[]"))
    assert one != two
    assert of("def f(:") != of("def g(:")
