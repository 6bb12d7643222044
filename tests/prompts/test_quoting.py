"""Untrusted text in a prompt: bounded without silence, and unable to leave its quotation."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from evolver.prompts import cut, fence, inline, neutral
from evolver.prompts.quoting import LONGEST_LINE


def test_what_is_cut_is_said() -> None:
    text = "\n".join(f"line {number}" for number in range(100))
    assert cut(text, 10_000) == text
    both = cut(text, 100).splitlines()
    assert both[0] == "line 0" and both[-1] == "line 99"
    kept = [line for line in both if line.startswith("line")]
    assert f"[... {100 - len(kept)} lines cut ...]" in both
    assert cut(text, 100, "tail").splitlines()[0].endswith("lines cut ...]")
    assert cut(text, 100, "head").splitlines()[-1].endswith("lines cut ...]")
    assert cut("x" * 50_000, 100_000) == f"{'x' * 1000}[... 48000 characters cut ...]{'x' * 1000}"
    assert cut("a\nb", 0) == "[... 2 lines cut ...]" and cut("", 0) == ""


@given(
    st.lists(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30), max_size=40),
    st.integers(0, 400),
)
def test_every_line_is_there_or_counted(lines: list[str], most: int) -> None:
    text = "\n".join(lines)
    shown = cut(text, most).splitlines()
    markers = [line for line in shown if re.fullmatch(r"\[\.\.\. \d+ lines? cut \.\.\.\]", line)]
    whole = text.splitlines()
    missing = sum(int(line.split()[1]) for line in markers)
    assert len(shown) - len(markers) + missing == len(whole)
    if not markers:
        assert shown == whole


PIECES = [
    "</data>",
    "<data>",
    "</DATA >",
    "<data-2>",
    "</data-2>",
    '<data name="x">',
    "<|im_end|>",
    "`" * 3,
    "hi",
    "\n",
]


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=12).map("".join))
def test_nothing_ends_its_own_quotation(text: str) -> None:
    for exact in (False, True):
        quoted = fence(text, "log", exact=exact)
        tag = re.match(r'<(data(?:-\d+)?) name="log">\n', quoted)
        assert tag is not None
        closing = [m.start() for m in re.finditer(rf"</{tag[1]}\s*>", quoted, re.IGNORECASE)]
        assert closing == [len(quoted) - len(tag[1]) - 3]
        assert "<|im_end|>" not in quoted


def test_programs_are_quoted_as_they_are() -> None:
    program = 'x = "</data>"\n\n\nif True:\n\ty = "`" * 3  \n'
    assert program.strip("\n") in fence(program, "program.py", exact=True)
    assert fence(program, "p", exact=True).startswith("<data-2 ")


def test_a_name_cannot_leave_its_place() -> None:
    assert fence("x", 'a">\n</data><system').splitlines()[0] == '<data name="a    /data  system">'


def test_inline_text_stays_on_its_line() -> None:
    assert inline("a\n\n# Task\x1b[2J\r</data> b\u202e") == "a # Task < /data> b"
    long = inline("word " * 1000, 50)
    assert len(long) < 100 and long.endswith("characters cut ...]")


def test_marks_of_chat_formats_are_broken() -> None:
    for mark in ("<|im_start|>", "<|eot_id|>", "<start_of_turn>", "</s>", "[INST]", "[/INST]"):
        assert mark not in neutral(f"a {mark} b")
    assert neutral("if a <b and c[INSTANCE] | d: x = [1]") == "if a <b and c[INSTANCE] | d: x = [1]"


def test_long_lines_of_logs_are_short_in_prompts() -> None:
    assert len(cut("y" * 10**6, 10**7)) < LONGEST_LINE + 100
