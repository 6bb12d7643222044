"""Reads notes and papers from markdown, text and PDF files, in chunks that can be retrieved one by one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from evolver.contracts import Note
from evolver.errors import UsageError

KINDS = (".md", ".txt", ".pdf")
CHUNK = 1500
"""Characters of prose that a chunk aims at; a fenced code block is never split."""
_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+|\n")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")


def read_notes(paths: Sequence[Path | str], task: str) -> list[Note]:
    """All notes in files and folders (searched through), in order. Raises UsageError naming a file it cannot read."""
    notes: dict[str, Note] = {}
    for given in map(Path, paths):
        for file in _files(given):
            source = str(file.relative_to(given)) if given.is_dir() else file.name
            chunks = [(title or file.stem, text) for title, text in _chunks(_text(file))]
            if not chunks:
                raise UsageError(f"notes {file}: there is no text in it")
            for title, text in chunks:
                key = hashlib.sha256("\0".join((task, source, title, text)).encode()).hexdigest()[:16]
                notes[key] = Note(id=key, source=source, title=title, text=text, task=task)
    return list(notes.values())


def _files(given: Path) -> list[Path]:
    if given.is_dir():
        files = sorted(path for path in given.rglob("*") if path.suffix.lower() in KINDS and path.is_file())
        if not files:
            raise UsageError(f"notes {given}: no {', '.join(KINDS)} file in this folder")
        return files
    if not given.is_file():
        raise UsageError(f"notes {given}: no such file or folder")
    if given.suffix.lower() not in KINDS:
        raise UsageError(f"notes {given}: only {', '.join(KINDS)} files can be read")
    return [given]


def _text(file: Path) -> str:
    if file.suffix.lower() == ".pdf":
        return _pdf_text(file)
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"notes {file}: cannot be read as UTF-8 text: {error}") from None


def _pdf_text(file: Path) -> str:
    from pypdf import PdfReader

    try:
        pages = [page.extract_text() for page in PdfReader(file).pages]
    except Exception as error:  # a damaged file can raise anything from inside the parser
        raise UsageError(f"notes {file}: cannot be read as PDF: {error}") from None
    return "\n\n".join(pages).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


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

    for line in text.splitlines():
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
