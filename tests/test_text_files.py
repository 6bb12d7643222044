"""Texts of users: the same bytes in and out, and no place in the product that does it otherwise."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolver.contracts import Program
from evolver.text_files import lines_of, read_text, whole_text, write_text

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("agents", "cli", "evaluation", "graph", "llm", "memory", "sandbox", "search", "steering", "web", "src/evolver")
TABLE = 'TABLE = """\\\n1\t2\t3\n4\t5\t\n7\t8\t9\n"""\n'
WHERE_PROGRAMS_ARE = ("llm/edits.py", "llm/fuzzy_match.py", "search", "evaluation/program_diff.py", "web/diff_view.py")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_program_is_kept_and_written_byte_for_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("program")
    Program(files={"a/program.py": text}).write_to(folder)
    assert (folder / "a" / "program.py").read_bytes() == text.encode()
    write_text(folder / "again", text)
    assert read_text(folder / "again") == text.removeprefix("\ufeff")


def test_spaces_at_line_ends_count_where_they_matter() -> None:
    def key(text: str, name: str = "program.py") -> str:
        return Program(files={name: text}).id

    assert key("x = 1  \r\n\r\n") == key("x = 1\n")
    assert key(TABLE) != key(TABLE.replace("5\t\n", "5\n"))
    assert key("a  \n", "table.txt") != key("a\n", "table.txt")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n")
    assert read_text(tmp_path / "program.py") == "x = 1\r\n"


def test_lines_end_where_python_ends_them() -> None:
    assert lines_of("a\x0cb\u2028c\r\nd\n") == ["a\x0cb\u2028c", "d"]
    assert lines_of("") == [] and lines_of("\n") == [""] and lines_of("a") == ["a"]


def test_halves_of_characters_are_joined_or_replaced() -> None:
    assert whole_text("\ud83d\ude00 \ud83d") == "😀 \ufffd"
    assert whole_text("plain") == "plain"


def _product() -> list[Path]:
    return [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def test_no_text_is_read_or_written_in_the_encoding_of_the_locale() -> None:
    guilty = []
    for path in _product():
        for node in ast.walk(ast.parse(read_text(path))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            named = {keyword.arg for keyword in node.keywords}
            plain = node.func.attr == "read_text" and not node.args
            writes = node.func.attr == "write_text" and len(node.args) == 1
            if (plain or writes) and "encoding" not in named:
                guilty.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert guilty == []


def test_programs_are_not_parted_by_splitlines() -> None:
    guilty = [
        str(path.relative_to(ROOT))
        for path in _product()
        if str(path.relative_to(ROOT)).startswith(WHERE_PROGRAMS_ARE) and ".splitlines()" in read_text(path)
    ]
    assert guilty == []
