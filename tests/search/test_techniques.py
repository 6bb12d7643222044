from __future__ import annotations

from evolver.contracts import Note
from evolver.search import TechniqueLibrary


def note(text: str, identity: str = "n1") -> Note:
    return Note(id=identity, source="a.md", title=f"Title of {identity}", text=text)


def library(*texts: str) -> TechniqueLibrary:
    return TechniqueLibrary.from_notes([note(text, f"n{place}") for place, text in enumerate(texts, 1)])


POLISH = '''Words.

```python
import math
from random import Random as Rng

STEP, SCALE = 0.1, 2
LIMIT = SCALE * 4


def _move(x, rng):
    return x + rng.gauss(0, STEP)


# keeps the better one
def polish(centers, radii, /, grow, *, budget, rounds=10, **rest):
    """Improve."""
    rng = Rng(0)
    for _ in range(rounds):
        if math.isnan(_move(1, rng)):
            return centers, radii
    centers = grow(centers, LIMIT)
    return centers, radii
```
'''


def test_a_public_function_is_a_technique_with_all_it_needs() -> None:
    (technique,) = library(POLISH).techniques.values()
    assert (technique.name, technique.note, technique.title) == ("polish", "n1", "Title of n1")
    assert technique.inputs == ("centers", "radii", "grow", "budget")
    assert technique.outputs == ("centers", "radii")
    assert technique.results == 2
    assert technique.refines
    assert technique.call == "centers, radii = polish(centers, radii, grow, budget=budget)"
    assert set(technique.needs) == {"_move", "STEP", "LIMIT", "SCALE"}
    assert set(technique.imports) == {"import math", "from random import Random as Rng"}
    assert technique.source.startswith("# keeps the better one\ndef polish(")


def test_needs_are_found_in_other_fences_and_notes() -> None:
    found = library(
        "```python\ndef anneal(x):\n    x = _cool(x)\n    return x\n```\n\n"
        "```py\ndef _cool(x):\n    return x * RATE\n```\n",
        "~~~python\nRATE = 0.9\n~~~\n",
    ).techniques
    assert set(found) == {"anneal"}
    assert found["anneal"].needs == ("_cool", "RATE")


def test_outputs_are_the_bare_names_of_the_last_return() -> None:
    found = library("""```python
def two(a):
    if a:
        return a, 1
    b = a
    return b, a

def expression(a):
    return a + 1

def nothing(a):
    a.sort()

def uneven(a):
    if a:
        return a
    return a, a

def nested(a):
    def inner():
        return 1, 2, 3
    return a
```
""").techniques
    assert {name: (t.outputs, t.results) for name, t in found.items()} == {
        "two": (("b", "a"), 2),
        "expression": ((), 1),
        "nothing": ((), None),
        "uneven": ((), None),
        "nested": (("a",), 1),
    }


def test_fences_that_are_no_python_are_left_out() -> None:
    text = "```python\nfor x in\n```\n```text\ndef f(x): ...\n```\n```\ndef g(x):\n    return x\n```\n"
    assert library(text).techniques == {}


def test_indented_fences_and_windows_lines_are_read() -> None:
    text = "- item\n\n  ```python\n  def f(x):\n      return x\n  ```\n"
    assert set(library(text, text.replace("f(", "g(").replace("\n", "\r\n")).techniques) == {"f", "g"}


def test_same_name_twice_keeps_both_unless_they_are_the_same() -> None:
    one, two = "```python\ndef f(x):\n    return x\n```\n", "```python\ndef f(x):\n    x = x + 1\n    return x\n```\n"
    found = library(one, two, one).techniques
    assert set(found) == {"f", "f@n2"}
    assert found["f"].digest != found["f@n2"].digest
    assert found["f@n2"].name == "f"


def test_renaming_follows_recursion() -> None:
    text = "```python\n@cache\ndef deep(x, deeper=None):\n    return deep(x - 1) if x else deeper\n```\n"
    (technique,) = library(text).techniques.values()
    assert (
        technique.renamed("shallow")
        == "@cache\ndef shallow(x, deeper=None):\n    return shallow(x - 1) if x else deeper\n"
    )
