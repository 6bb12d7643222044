"""The text of a PDF as a reader means it: without running heads and page numbers, words joined, references apart."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter

from evolver.contracts import Record

EDGE = 3
"""Lines at the top and the bottom of a page that may be running heads."""
_NUMBERS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"^\W*(?:page\W*)?(?:\d+|[ivxl]+)(?:\s*(?:/|of)\s*\d+)?\W*$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?:\d{1,2}(?:\.\d{1,2}){0,3}\.?|[A-Z]\.(?:\d{1,2}\.?)*|[IVX]{1,4}\.)\s+[A-Z][^.?!]{2,70}$")
_KNOWN = re.compile(
    r"^(?:(?:\d{1,2}|[IVX]{1,4})\.?\s+)?(?:abstract|introduction|related work|background|methods?|methodology|"
    r"experiments?|experimental setup|results?|evaluation|discussion|limitations|conclusions?|acknowledge?ments?|"
    r"references|bibliography|appendix(?:\s+[a-z])?)\W*$",
    re.IGNORECASE,
)
_REFERENCES = re.compile(
    r"^(?:(?:\d{1,2}|[IVX]{1,4})\.?\s+)?(?:references|bibliography|literature cited)\W*$", re.IGNORECASE
)
_APPENDIX = re.compile(r"^(?:appendix|appendices|supplement|[A-Z]\.?\s+[A-Z][a-z])", re.IGNORECASE)


class Section(Record):
    """Lines of a document below one heading, on one page."""

    title: str
    page: int
    text: str
    is_references: bool = False


def pdf_sections(data: bytes) -> list[Section]:
    """Sections of a PDF, a new one on each page. Raises whatever the parser does on a damaged file."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of what it has mended
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(data)).pages]
    cleaned = [text.replace("\0", "").encode("utf-8", "replace").decode("utf-8").split("\n") for text in pages]
    return sections(without_running_heads(cleaned))


def without_running_heads(pages: list[list[str]]) -> list[list[str]]:
    """Pages of lines without page numbers and without lines that stand at the edge of many pages."""
    stripped = [[line.strip() for line in page if line.strip()] for page in pages]
    edges = Counter(
        shape for page in stripped for shape in {_NUMBERS.sub("#", line) for line in (*page[:EDGE], *page[-EDGE:])}
    )
    often = max(3, len(pages) // 4)

    def is_running(line: str) -> bool:
        return _PAGE_NUMBER.match(line) is not None or edges[_NUMBERS.sub("#", line)] >= often

    cleaned = []
    for page in stripped:
        begin, end = 0, len(page)
        while begin < min(EDGE, end) and is_running(page[begin]):
            begin += 1
        while end > max(begin, len(page) - EDGE) and is_running(page[end - 1]):
            end -= 1
        cleaned.append(page[begin:end])
    return cleaned


def sections(pages: list[list[str]]) -> list[Section]:
    """Lines of pages by their headings; what follows the references is the text's again from an appendix on."""
    found: list[Section] = []
    title, references = "", False
    for number, page in enumerate(pages, start=1):
        lines: list[str] = []
        for line in page:
            if _REFERENCES.match(line):
                _finish(found, title, number, lines, references)
                title, references = line, True
            elif (_NUMBERED.match(line) or _KNOWN.match(line)) and (not references or _APPENDIX.match(line)):
                _finish(found, title, number, lines, references)
                title, references = line, False
            else:
                lines.append(line)
        _finish(found, title, number, lines, references)
    return found


def _finish(found: list[Section], title: str, page: int, lines: list[str], references: bool) -> None:
    if lines:
        found.append(Section(title=title, page=page, text=_joined(lines), is_references=references))
        lines.clear()


def _joined(lines: list[str]) -> str:
    """Lines as text; a word that a hyphen divides at a line's end is made whole."""
    text = ""
    for line in lines:
        if text.endswith("-") and len(text) > 1 and text[-2].isalpha() and line[:1].islower():
            text = text[:-1] + line
        else:
            text = f"{text}\n{line}" if text else line
    return text
