from __future__ import annotations

import ast

import pytest

from evolver.errors import CannotApply
from evolver.search.scopes import binds, free, required, stores
from evolver.search.source import Statement, TextEdit, parse, splice


def statement(text: str, line: str) -> Statement:
    source = parse(text)
    return next(s for s in source.statements if source.first_line(s.node) == line)


def test_positions_count_characters_where_the_text_is_not_ascii() -> None:
    source = parse('x = "äöü€" + "𝔸"; y = 12\n')
    (_, assignment) = source.tree.body
    assert source.segment(assignment) == "y = 12"


def test_a_block_takes_decorators_and_the_comments_right_above() -> None:
    source = parse(
        "A = 1\n# not this one\n\n# this\n# and this\n@cache\ndef f():\n    return '''\n# text\n'''\nB = 2\n"
    )
    start, end = source.block(source.functions["f"].node)
    assert source.text[start:end] == "# this\n# and this\n@cache\ndef f():\n    return '''\n# text\n'''\n"


def test_statements_that_share_a_line_are_not_whole() -> None:
    text = "def f(x):\n    a = 1; b = 2\n    if x: return a\n    elif b:\n        c = 3  # alone\n    return 4\n"
    source = parse(text)
    whole = {source.segment(s.node).splitlines()[0]: s.whole for s in source.statements}
    assert whole == {
        "a = 1": False,
        "b = 2": False,
        "if x: return a": True,
        "return a": False,
        "elif b:": False,
        "c = 3": True,
        "return 4": True,
    }


def test_what_is_bound_before_and_after() -> None:
    text = """def f(a):
    if a:
        b = 1
        c = 1
    else:
        b = 2
    for d in a:
        e = d
    with a as g, b:
        h = [z for z in a]
    try:
        i = 1
        j = 1
    except ValueError:
        i = 2
    except KeyError:
        return 0
    if a:
        raise a
    else:
        k = 1
    return b
"""
    assert statement(text, "return b").bound_before == frozenset("abdeghik")
    assert statement(text, "e = d").bound_before == frozenset("abd")


def test_liveness_follows_blocks_and_loops() -> None:
    text = "def f(x, y):\n    for k in x:\n        print(y)\n        y = k\n        x = 1\n    x = 2\n    return x\n"
    assert statement(text, "y = k").live_after({"y"})
    assert not statement(text, "x = 1").live_after({"x"})
    again = "def f(x):\n    for k in x:\n        y = k + y\n    y = 0\n    return y\n"
    assert statement(again, "y = k + y").live_after({"y"})
    assert not statement(again.replace("k + y", "k"), "y = k").live_after({"y"})
    assert statement(text, "x = 2").live_after({"x", "q"})


def test_stages_are_calls_that_refine_what_they_are_given() -> None:
    text = "def f(x):\n    x = g(x)\n    x = np.sort(x)\n    y = g(x)\n    x = x + 1\n    x, y = h(3, y)\n"
    assert [s.stage for s in parse(text).statements] == ["g", "np.sort", None, None, "h"]
    assert [s.call for s in parse(text).statements] == ["g", "np.sort", "g", None, "h"]


def test_free_names_leave_out_locals_and_builtins() -> None:
    function = parse(
        "def f(a, *b, c=D, **e):\n    import g\n    h = [i for i in a]\n    def j(k): return k + L\n"
        "    return len(h) + M + g.n + j(1) + f(2)\n"
    ).tree.body[0]
    assert free(function) == {"D", "L", "M", "f"}
    assert isinstance(function, ast.FunctionDef)
    assert required(function) == ("a",)


def test_stores_stay_in_their_scope() -> None:
    text = (
        "for i, (j, *k) in x:\n    y.z = w[0] = 1\n    lambda q: q\n    (n := 2)\n    class C: m = 1\n"
        "    import a.b, c as d\n"
    )
    loop = ast.parse(text).body[0]
    assert isinstance(loop, ast.For)
    assert stores(loop) == {"i", "j", "k", "n", "C", "a", "d"}
    assert binds(loop) == stores(loop)


def test_edits_that_overlap_are_refused() -> None:
    assert splice("abcdef", [TextEdit(4, 6, "X"), TextEdit(0, 1, ""), TextEdit(0, 0, "-")]) == "-bcdX"
    with pytest.raises(CannotApply):
        splice("abcdef", [TextEdit(0, 3, ""), TextEdit(2, 4, "")])


def test_what_is_not_python_cannot_be_parsed() -> None:
    for text in ("def f(:", "x = '\0'", "if x:\n"):
        with pytest.raises(CannotApply):
            parse(text)
