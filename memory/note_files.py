"""Reads notes and papers from markdown, text, HTML and PDF files, in chunks that can be retrieved one by one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from evolver.contracts import Note
from evolver.errors import UsageError
from evolver.ignored_files import is_content
from evolver.logging import get_logger

KINDS = (".md", ".markdown", ".txt", ".html", ".htm", ".pdf")
CHUNK = 1500
"""Characters of prose that a chunk aims at; a fenced code block is never split."""
REFERENCES = "References"
"""Title of the chunks of a paper that list what it refers to; they are kept, and not searched."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
_NO_PROSE = ("script", "style", "nav", "header", "footer", "aside", "form", "noscript", "template", "svg", "iframe")
_log = get_logger(__name__)


class _Unreadable(Exception):
    """Why nothing can be read from a file."""


_Piece = tuple[str, str, int | None]
"""Heading, text and page."""


def read_notes(paths: Sequence[Path | str], task: str, problems: list[str] | None = None) -> list[Note]:
    """All notes in files and folders (searched through), in order; the same text once.

    Files of tools and systems are no notes. What cannot be read is left out and added to `problems`, or else said in
    the log, all at once.

    Raises:
        UsageError: A file or folder that is named is not there, or a named file is of a kind that nobody reads.
    """
    found, notes, texts = list[str](), dict[str, Note](), set[str]()
    for folder, file in [(given, file) for given in map(Path, paths) for file in _files(given)]:
        source = str(file.relative_to(folder)) if folder.is_dir() else file.name
        try:
            data = file.read_bytes()
            pieces = _pieces(data, file.suffix.lower())
        except OSError as error:
            found.append(f"{file}: {error.strerror}")
        except _Unreadable as error:
            found.append(f"{file}: {error}")
        else:
            _add(notes, texts, pieces, source, file.stem, task)
    if problems is not None:
        problems += found
    elif found:
        _log.warning("notes that cannot be read are left out: %s", "; ".join(found))
    return list(notes.values())


def read_note_text(data: bytes, source: str, task: str) -> list[Note]:
    """Notes in a text, a page of HTML or a PDF that comes without a file. Raises UsageError if none can be read."""
    head = data[:1024].lstrip().lower()
    kind = ".pdf" if head.startswith(b"%pdf") else ".html" if head.startswith((b"<!doctype html", b"<html")) else ".md"
    notes: dict[str, Note] = {}
    try:
        _add(notes, set(), _pieces(data, kind), source, source, task)
    except _Unreadable as error:
        raise UsageError(f"notes {source}: {error}") from None
    return list(notes.values())


def _add(
    notes: dict[str, Note],
    texts: set[str],
    pieces: Sequence[_Piece],
    source: str,
    name: str,
    task: str,
) -> None:
    for heading, text, page in pieces:
        title = heading or name
        key = hashlib.sha256("\0".join((task, source, title, text)).encode()).hexdigest()[:16]
        if text not in texts:
            texts.add(text)
            notes[key] = Note(id=key, source=source, title=title, text=text, task=task, page=page)


def _files(given: Path) -> list[Path]:
    if given.is_dir():
        inside = (path for path in given.rglob("*") if is_content(path.relative_to(given)))
        return sorted(path for path in inside if path.suffix.lower() in KINDS and path.is_file())
    if not given.is_file():
        raise UsageError(f"notes {given}: no such file or folder")
    if given.suffix.lower() not in KINDS:
        raise UsageError(f"notes {given}: only {', '.join(KINDS)} files can be read")
    return [given]


def _pieces(data: bytes, kind: str) -> list[_Piece]:
    """(heading, text, page) of a file's chunks. Raises _Unreadable."""
    if kind == ".pdf":
        pieces = _pdf_pieces(data)
    else:
        text = _html_text(data) if kind in (".html", ".htm") else _decoded(data)
        pieces = [(title, chunk, None) for title, chunk in _chunks(text)]
    if not pieces:
        raise _Unreadable("there is no text in it")
    return pieces


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace").replace("\r\n", "\n")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"it cannot be read as UTF-8 text: {error}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _html_text(data: bytes) -> str:
    """A page's text as markdown, without what stands around it."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    soup = BeautifulSoup(data, "html.parser")
    for tag in soup.find_all(_NO_PROSE):
        tag.decompose()
    body = soup.find("main") or soup.find("article") or soup.body or soup
    converter = MarkdownConverter(heading_style="ATX", strip=["a", "img"], escape_misc=False, escape_underscores=False)
    return str(converter.convert_soup(body))


def _pdf_pieces(data: bytes) -> list[_Piece]:
    from evolver.memory.pdf_text import pdf_sections

    try:
        found = pdf_sections(data)
    except Exception as error:  # a damaged file can raise anything from inside the parser
        raise _Unreadable(f"it cannot be read as PDF: {error}") from None
    return [
        (REFERENCES if section.is_references else section.title, text, section.page)
        for section in found
        for _, text in _chunks(section.text)
    ]


def _chunks(text: str) -> Iterator[tuple[str, str]]:
    """(heading, text) pieces: a section, or parts of one that is long."""
    for title, blocks in _sections(text):
        piece: list[str] = []
        for block in (part for whole in blocks for part in _parts(whole)):
            if piece and sum(map(len, piece)) + len(block) > CHUNK and not _FENCE.match(block):
                yield title, "\n\n".join(piece)
                piece = []
            piece.append(block)
        if piece:
            yield title, "\n\n".join(piece)


def _parts(block: str) -> Iterator[str]:
    """A block, cut between sentences or lines where it is long prose, as the pages of a PDF are."""
    start = 0
    while len(block) - start > CHUNK and not _FENCE.match(block):
        ends = [match for match in _SENTENCE_END.finditer(block, start, start + CHUNK) if match.start() > start]
        stop, after = (ends[-1].start(), ends[-1].end()) if ends else (start + CHUNK, start + CHUNK)
        yield block[start:stop]
        start = after
    if start < len(block):
        yield block[start:]


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """(heading, blocks) where a block is a paragraph or a whole fenced piece of code."""
    title, blocks, block, fence = "", [], [], ""  # type: tuple[str, list[str], list[str], str]

    def finish() -> None:
        if block:
            blocks.append("\n".join(block))
            block.clear()

    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            block.append(line)
            if mark and mark[1].startswith(fence) and line.strip() == mark[1]:
                fence = ""
                finish()
        elif mark:
            finish()
            fence = mark[1]
            block.append(line)
        elif heading := _HEADING.match(line):
            finish()
            if blocks:
                yield title, list(blocks)
                blocks.clear()
            title = heading[1]
        elif line.strip():
            block.append(line.rstrip())
        else:
            finish()
    finish()
    if blocks:
        yield title, blocks
