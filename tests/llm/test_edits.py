"""Programs out of SEARCH/REPLACE blocks and whole files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Program
from evolver.llm import EditError, read_program

CODE = """import math


def area(radius):
    if radius < 0:
        return 0.0
    return math.pi * radius ** 2


def side(length):
    if length < 0:
        return 0.0
    return length ** 2
"""
ONE = Program(files={"program.py": CODE})
TWO = Program(files={"program.py": CODE, "lib/tools.py": "STEP = 0.5\n"})


def block(search: str, replacement: str, heading: str = "") -> str:
    return f"{heading}\n<<<<<<< SEARCH\n{search}\n=======\n{replacement}\n>>>>>>> REPLACE\n"


def test_exact_lines_are_replaced() -> None:
    changed = read_program(block("    return length ** 2", "    return abs(length) ** 2"), ONE)
    assert changed.files["program.py"] == CODE.replace("return length", "return abs(length)")


def test_several_blocks_and_files_apply_in_order() -> None:
    text = (
        "First the step.\n"
        + block("STEP = 0.5", "STEP = 0.25\nMORE = 1", "lib/tools.py")
        + "Then use it, twice:\n"
        + block("import math", "import math\nfrom lib.tools import STEP", "### `program.py`")
        + block("from lib.tools import STEP", "from lib.tools import MORE, STEP")
        + block("", "NEW = True", "**lib/new.py**")
    )
    files = read_program(text, TWO).files
    assert files["lib/tools.py"] == "STEP = 0.25\nMORE = 1\n"
    assert files["program.py"].startswith("import math\nfrom lib.tools import MORE, STEP\n")
    assert files["lib/new.py"] == "NEW = True\n"


@pytest.mark.parametrize("heading", ["lib/tools.py", "File: lib/tools.py", "## lib/tools.py", "lib/tools.py:", "```python lib/tools.py", "```python\nlib/tools.py", "`lib/tools.py`", "# lib/tools.py", "1. lib/tools.py (updated)"])  # fmt: skip
def test_ways_to_name_a_file(heading: str) -> None:
    assert read_program(block("STEP = 0.5", "STEP = 1.0", heading), TWO).files["lib/tools.py"] == "STEP = 1.0\n"


def test_a_block_without_a_file_goes_where_it_fits() -> None:
    assert read_program(block("STEP = 0.5", "STEP = 1.0"), TWO).files["lib/tools.py"] == "STEP = 1.0\n"
    with pytest.raises(EditError, match="names no file"):
        read_program(block("SIZE = 0.5", "SIZE = 1.0"), TWO)


def test_other_indentation_is_carried_over() -> None:
    text = block(
        "if length < 0:\n    return 0.0\nreturn length ** 2",
        "if length < 0:\n    raise ValueError\n\nreturn length ** 3",
    )
    changed = read_program(text, ONE).files["program.py"]
    assert changed.endswith(
        "def side(length):\n    if length < 0:\n        raise ValueError\n\n    return length ** 3\n"
    )


def test_other_spaces_inside_a_line_are_forgiven() -> None:
    changed = read_program(block("    return length**2", "    return length**3"), ONE)
    assert changed.files["program.py"].endswith("    return length**3\n")


def test_tabs_and_spaces() -> None:
    tabbed = Program(files={"a.py": "def f():\n\tif x:\n\t\treturn 1\n"})
    changed = read_program(block("if x:\n    return 1", "if x:\n    while y:\n        y = 2\n    return y"), tabbed)
    assert changed.files["a.py"] == "def f():\n\tif x:\n\t\twhile y:\n\t\t\ty = 2\n\t\treturn y\n"


def test_uneven_indentation_is_not_guessed() -> None:
    with pytest.raises(EditError, match=r"not in program\.py"):
        read_program(block("if length < 0:\nreturn 0.0\n    return length ** 2", "pass"), ONE)


def test_an_ambiguous_search_is_refused_with_its_places() -> None:
    with pytest.raises(EditError, match=r"more than once \(at lines 6, 12\)"):
        read_program(block("        return 0.0", "        return 1.0"), ONE)


def test_a_missing_search_is_answered_with_the_nearest_lines() -> None:
    with pytest.raises(EditError) as caught:
        read_program(block("def area(r):\n    if r < 0:\n        return 0.0", "pass"), ONE)
    assert "these lines are not in program.py" in str(caught.value)
    assert "def area(radius):" in str(caught.value)


def test_all_blocks_that_fail_are_named_and_none_is_applied() -> None:
    text = block("import math", "import cmath") + block("nowhere", "x") + block("nothing", "y")
    with pytest.raises(EditError, match=r"(?s)block 2.*block 3"):
        read_program(text, ONE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<<<<<< SEARCH\nimport math\n=======\nimport cmath\n", "REPLACE` is missing"),
        ("<<<<<<< SEARCH\nimport math\n>>>>>>> REPLACE\n", "no line `=======`"),
        ("<<<<<<< SEARCH\na\n=======\nb\n<<<<<<< SEARCH\nc\n=======\nd\n>>>>>>> REPLACE\n", "before the next block"),
        ("import cmath\n>>>>>>> REPLACE\n", "never began"),
        (block("import math", "import math"), "changes nothing"),
        (block("", "x = 1"), "SEARCH part is empty"),
        (block("x", "y", "missing.py"), "no file missing.py"),
        (block("", "y = 1", "../outside.py"), "not a plain relative path"),
        ("Just use numpy.", "neither a SEARCH/REPLACE block nor a file"),
        ("```python\nx = 1\n", "closing ``` is missing"),
        (f"```python\n{CODE}```", "changes nothing"),
        ("program.py\n```python\nx = 1\n```\nRun it:\n```bash\npython program.py\n```", "name no file"),
        ("a.py\n```\nx = 1\n```\na.py\n```\nx = 2\n```", "more than once"),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_whole_is_refused(text: str, said: str) -> None:
    with pytest.raises(EditError, match=said):
        read_program(text, ONE)


def test_a_divider_inside_the_program() -> None:
    program = Program(files={"notes.rst": "Title\n=======\nold\n"})
    text = block("Title\n=======\nold", "Title\n=======\nnew")
    assert read_program(text, program).files["notes.rst"] == "Title\n=======\nnew\n"


def test_whole_files() -> None:
    text = (
        "program.py\n```python\nx = 1\n```\n\n```python lib/tools.py\ny = 2\n```\n"
        '### lib/more.py (new)\n````python\n"""\n```\nfenced\n```\n"""\n````\n'
    )
    files = read_program(text, TWO).files
    assert files["program.py"] == "x = 1\n" and files["lib/tools.py"] == "y = 2\n"
    assert files["lib/more.py"] == '"""\n```\nfenced\n```\n"""\n'


def test_one_nameless_file_for_a_program_of_one_file() -> None:
    assert read_program("Here:\n```python\nx = 1\n```\nDone.", ONE).files == {"program.py": "x = 1\n"}
    with pytest.raises(EditError, match="name no file"):
        read_program("Here:\n```python\nx = 1\n```\nDone.", TWO)


LINES = st.lists(
    st.text(st.sampled_from("abxy =()+.:#'"), min_size=1, max_size=12)
    .map(str.rstrip)
    .filter(lambda line: line.strip("= ") and "====" not in line),
    min_size=1,
    max_size=12,
)  # fmt: skip


@given(before=LINES, old=LINES, after=LINES, new=LINES)
def test_an_edit_changes_exactly_what_it_quotes(
    before: list[str], old: list[str], after: list[str], new: list[str]
) -> None:
    whole = Program(files={"a.txt": "\n".join([*before, *old, *after])})
    expected = Program(files={"a.txt": "\n".join([*before, *new, *after])})
    try:
        changed = read_program(block("\n".join(old), "\n".join(new)), whole)
    except EditError as error:
        assert "more than once" in str(error) or expected.id == whole.id
    else:
        assert changed.id == expected.id


@given(shift=st.integers(0, 6), new=LINES)
def test_replacements_move_with_their_block(shift: int, new: list[str]) -> None:
    inner = ["if ready:", "    go()", "", "    stop()"]
    program = Program(files={"a.py": "\n".join(["top:"] + [" " * (4 + shift) + line for line in inner] + ["end"])})
    replacement = ["if ready:", *("    " + line.lstrip() for line in new)]
    changed = read_program(block("\n".join(inner), "\n".join(replacement)), program)
    expected = ["top:"] + [" " * (4 + shift) + line for line in replacement] + ["end"]
    assert changed.id == Program(files={"a.py": "\n".join(expected)}).id


@given(text=st.text(st.sampled_from("<>= SEARCHREPLACE`\nabc./py:*#"), max_size=120))
def test_any_text_is_applied_or_refused_in_words(text: str) -> None:
    try:
        read_program(text, TWO)
    except EditError as error:
        assert str(error)
