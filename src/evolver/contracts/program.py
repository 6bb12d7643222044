"""A candidate's files, addressed by the hash of what they mean."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from pathlib import Path, PurePosixPath

from pydantic import field_validator

from evolver.contracts.record import Record
from evolver.text_files import write_text


class Program(Record):
    """A candidate's files, kept and run as they are, addressed by the hash of what they mean.

    Example:
        >>> program = evolver.Program(files={"program.py": "def main():\\n    return 1  \\n"})
        >>> program.files["program.py"]
        'def main():\\n    return 1  \\n'
        >>> program.id == evolver.Program(files={"program.py": "def main():\\n    return 1\\n"}).id
        True
        >>> len(program.id)
        16
    """

    files: dict[str, str]
    """Texts by plain relative path, with `/` between folders."""

    @field_validator("files")
    @classmethod
    def _plain_relative_paths(cls, files: dict[str, str]) -> dict[str, str]:
        if not files:
            raise ValueError("a program needs at least one file")
        for name in files:
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\x00" in name:
                raise ValueError(f"program path {name!r} is not a plain relative path")
        for name, text in files.items():
            try:
                (name + text).encode()
            except UnicodeEncodeError as error:
                place = error.start - len(name) + 1
                raise ValueError(f"{name!r} holds half of a surrogate pair at character {place}; no file can") from None
        return dict(sorted(files.items()))

    @property
    def id(self) -> str:
        """SHA-256 over paths and texts, first 16 hex digits; spaces at the ends of lines count where they matter."""
        digest = hashlib.sha256()
        for name, exact in self.files.items():
            text = _normal_form(name, exact)
            digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
        return digest.hexdigest()[:16]

    def write_to(self, folder: Path) -> None:
        """Write the files into a folder.

        Args:
            folder: Where to; it is made where it is missing.

        Raises:
            OSError: A file cannot be written.
        """
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)


@lru_cache(maxsize=512)
def _normal_form(name: str, text: str) -> str:
    """A Python file without spaces at the ends of lines, where that is the same program; else the text as it is."""
    normal = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
    if normal == text:
        return text
    try:
        same = name.endswith(".py") and ast.dump(ast.parse(normal)) == ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        same = False
    return normal if same else text
