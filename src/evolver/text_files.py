"""Text that belongs to users: read and written as UTF-8 whatever the locale, and never changed on the way.

Programs are opaque: `lines_of` parts lines where Python does, not at every character that some system ends lines with.
"""

from __future__ import annotations

from pathlib import Path


def read_text(path: Path) -> str:
    """The text of a file, its line ends as they are, without the byte order mark that some editors write.

    Args:
        path: The file.

    Returns:
        Its text.

    Raises:
        OSError: It cannot be read.
        UnicodeDecodeError: It is not UTF-8.
    """
    return path.read_bytes().decode("utf-8-sig")


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, its line ends as they are.

    Args:
        path: The file; its folder is there.
        text: What it is to hold.

    Raises:
        OSError: It cannot be written.
    """
    path.write_bytes(text.encode("utf-8"))


def lines_of(text: str) -> list[str]:
    """The lines of a program, without their ends.

    Args:
        text: Of a file, with `\\n` or `\\r\\n` between lines.

    Returns:
        As many as an editor shows; a form feed or a Unicode separator ends none.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def whole_text(text: str) -> str:
    """A text whose halves of surrogate pairs, which UTF-8 cannot hold, are joined or replaced.

    Args:
        text: From outside, such as from JSON with escapes.

    Returns:
        The same text where there were none.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
