"""Reading notes from files and folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver.errors import UsageError
from evolver.memory import Archive, read_notes
from evolver.memory.note_files import read_note_text
from evolver.memory.pdf_text import sections, without_running_heads

CODE = "```python\ndef anneal(points):\n\n    # cool down\n    return points\n```"


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _pdf(path: Path, lines: list[str]) -> Path:
    """A PDF of one page, written by hand."""
    text = b"BT /F1 12 Tf 50 700 Td " + b" ".join(f"({line}) Tj 0 -14 Td".encode() for line in lines) + b" ET"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF"
    path.write_bytes(body + trailer % (table, len(body)))
    return path


def test_a_file_is_read_by_its_headings(tmp_path: Path) -> None:
    path = _file(tmp_path, "n.md", f"# Packing\n\nFill the corners.\n\n## Annealing ##\n\nCool slowly.\n\n{CODE}\n")
    notes = read_notes([path], "packing")
    assert [(n.title, n.source, n.task) for n in notes] == [
        ("Packing", "n.md", "packing"),
        ("Annealing", "n.md", "packing"),
    ]
    assert "Fill the corners." in notes[0].text
    assert CODE in notes[1].text


def test_text_before_any_heading_is_called_by_its_file(tmp_path: Path) -> None:
    notes = read_notes([_file(tmp_path, "ideas.txt", "Try restarts.\n")], "")
    assert [(n.title, n.text, n.task) for n in notes] == [("ideas", "Try restarts.", "")]


def test_ids_depend_on_task_source_and_text_alone(tmp_path: Path) -> None:
    first = _file(tmp_path / "a", "n.md", "# A\n\none\n\n# B\n\ntwo\n")
    copy = _file(tmp_path / "b", "n.md", "# A\n\none\n\n# B\n\ntwo, changed\n")
    one, two = read_notes([first], "t"), read_notes([copy], "t")
    assert one[0].id == two[0].id
    assert one[1].id != two[1].id
    assert not {n.id for n in one} & {n.id for n in read_notes([first], "other")}
    assert read_notes([first], "t") == one


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("```python", "```"), ("~~~", "~~~"), ("  ```python", "  ```"), ("````", "````"), ("```", "`````")],
)
def test_a_fenced_block_is_never_split(tmp_path: Path, opening: str, closing: str) -> None:
    lines = [f"value_{number} = {number}\n\n# not a heading {number}" for number in range(200)]
    block = "\n".join([opening, *lines, closing])
    path = _file(tmp_path, "n.md", f"# Long\n\n{'prose ' * 200}\n\n{block}\n\nafter it\n")
    notes = read_notes([path], "t")
    assert {n.title for n in notes} == {"Long"}
    assert sum(block in n.text for n in notes) == 1
    assert "after it" in notes[-1].text


def test_code_stays_with_the_prose_that_introduces_it(tmp_path: Path) -> None:
    path = _file(tmp_path, "n.md", f"# Long\n\n{'prose ' * 240}\n\nCool slowly:\n\n{CODE}\n")
    (note,) = [n for n in read_notes([path], "t") if CODE in n.text]
    assert "Cool slowly:" in note.text


def test_long_text_is_cut_between_paragraphs(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {number}. " + "It says something. " * 20 for number in range(20)]
    notes = read_notes([_file(tmp_path, "n.txt", "\n\n".join(paragraphs))], "t")
    assert len(notes) >= 5
    assert all(len(n.text) <= 1600 for n in notes)
    assert "\n\n".join(n.text for n in notes).split("\n\n") == [p.strip() for p in paragraphs]


def test_a_long_paragraph_is_cut_between_sentences_and_loses_nothing(tmp_path: Path) -> None:
    text = " ".join(f"Sentence number {number} says something about packing." for number in range(200))
    notes = read_notes([_file(tmp_path, "n.txt", text)], "t")
    assert all(len(n.text) <= 1600 for n in notes)
    assert all(n.text.startswith("Sentence") and n.text.endswith(".") for n in notes)
    assert " ".join(n.text for n in notes).split() == text.split()


def test_a_word_without_end_is_cut_and_loses_nothing(tmp_path: Path) -> None:
    word = "".join(f"{number:05}" for number in range(1000))
    notes = read_notes([_file(tmp_path, "n.txt", word)], "t")
    assert all(len(n.text) <= 1600 for n in notes)
    assert "".join(n.text for n in notes) == word


def test_folders_are_searched_through_and_sources_are_relative(tmp_path: Path) -> None:
    _file(tmp_path, "b.md", "# B\n\nb\n")
    _file(tmp_path, "deep/a.TXT", "a\n")
    _file(tmp_path, "picture.svg", "<svg/>")
    assert [n.source for n in read_notes([tmp_path], "t")] == ["b.md", "deep/a.TXT"]


def test_a_pdf_is_read(tmp_path: Path) -> None:
    notes = read_notes([_pdf(tmp_path / "paper.pdf", ["Delta rules forget.", "Gates help."])], "t")
    assert [n.title for n in notes] == ["paper"]
    assert "Delta rules forget." in notes[0].text
    assert "Gates help." in notes[0].text


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_bytes(b"\xef\xbb\xbf# Title\r\n\r\nbody\r\n")
    assert [(n.title, n.text) for n in read_notes([tmp_path / "n.md"], "t")] == [("Title", "body")]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.md", b""),
        ("blank.txt", b" \n\n\t\n"),
        ("headings.md", b"# One\n## Two\n"),
        ("latin.txt", b"caf\xe9"),
        ("broken.pdf", b"%PDF-1.4 and then nothing"),
        ("no.pdf", b"plain text"),
        ("empty.pdf", b""),
    ],
)
def test_what_cannot_be_read_is_named_and_left_out(
    tmp_path: Path, name: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    _file(tmp_path, "good.md", "something\n")
    (tmp_path / name).write_bytes(content)
    problems: list[str] = []
    assert [note.source for note in read_notes([tmp_path], "t", problems)] == ["good.md"]
    assert len(problems) == 1
    assert name in problems[0]
    read_notes([tmp_path], "t")
    assert caplog.text.count(name) == 1


def test_files_of_tools_are_no_notes(tmp_path: Path) -> None:
    for name in ("._ideas.md", ".gitkeep", ".git/readme.md", "__MACOSX/ideas.md", "draft.md~"):
        _file(tmp_path, name, "\x00 not a note")
    problems: list[str] = []
    assert read_notes([tmp_path], "t", problems) == []
    assert problems == []


def test_the_same_text_is_read_once_also_under_another_name(tmp_path: Path, archive: Archive) -> None:
    for name in ("a.md", "copy of a.md"):
        _file(tmp_path, name, "# A\n\none\n")
    (first,) = read_notes([tmp_path], "t")
    assert archive.notes.save([first]) == [first]
    (again,) = read_notes([_file(tmp_path / "b", "b.md", "# A\n\none\n")], "t")
    assert archive.notes.save([again]) == []
    assert archive.notes.list() == [first]


def test_a_page_of_html_is_read_without_what_stands_around_it(tmp_path: Path) -> None:
    page = (
        "<!doctype html><html><head><title>x</title><script>var a = 1;</script></head><body><nav>Home About</nav>"
        "<h1>Cooling</h1><p>Cool <b>slowly</b>.</p><pre><code>def f(x):\n    return x_1\n</code></pre>"
        "<h2>Later</h2><p>Polish.</p><footer>Imprint</footer></body></html>"
    )
    notes = read_notes([_file(tmp_path, "page.html", page)], "t")
    assert [note.title for note in notes] == ["Cooling", "Later"]
    assert "Cool **slowly**." in notes[0].text
    assert "```\ndef f(x):\n    return x_1\n```" in notes[0].text
    assert not any(word in note.text for note in notes for word in ("Home", "Imprint", "var a"))
    assert [note.title for note in read_note_text(page.encode(), "stdin", "t")] == ["Cooling", "Later"]


def test_a_paper_has_no_running_heads_and_its_references_stand_apart() -> None:
    words = ("gates", "keys", "values", "heads", "decays")
    body = [
        [
            f"A Gate for the Delta Rule {page}",
            f"{page} The {word}",
            f"The {word} forget what was some-",
            f"thing else. {word.title()} help.",
            f"So do {word} with more {word}.",
            f"They cost {word} alone.",
            f"Nothing else about {word}.",
            f"Page {page}",
        ]
        for page, word in enumerate(words, start=1)
    ]
    body.append(["A Gate for the Delta Rule 6", "References", "[1] Smith. Delta rules. 2021.", "6"])
    body.append(["A Gate for the Delta Rule 7", "Appendix A", "More numbers.", "7"])
    found = sections(without_running_heads(body))
    assert [(s.title, s.page, s.is_references) for s in found] == [
        *((f"{page} The {word}", page, False) for page, word in enumerate(words, start=1)),
        ("References", 6, True),
        ("Appendix A", 7, False),
    ]
    assert found[0].text.startswith("The gates forget what was something else. Gates help.")
    assert not any("A Gate" in s.text or "Page" in s.text for s in found)


def test_a_missing_file_and_one_that_nobody_reads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.md"):
        read_notes([tmp_path / "gone.md"], "t")
    with pytest.raises(UsageError, match=r"image\.png"):
        (tmp_path / "image.png").write_bytes(b"\x89PNG")
        read_notes([tmp_path / "image.png"], "t")
    (tmp_path / "folder").mkdir()
    assert read_notes([tmp_path / "folder"], "t") == []


def test_a_scanned_pdf_without_text_is_named(tmp_path: Path) -> None:
    problems: list[str] = []
    assert read_notes([_pdf(tmp_path / "scan.pdf", [])], "t", problems) == []
    assert "scan.pdf: there is no text in it" in problems[0]
