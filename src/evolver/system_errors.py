"""Errors of databases and of the system, told in a sentence: a full disk, a file that is locked or damaged."""

from __future__ import annotations

import errno
import sqlite3
import sys

from evolver.redaction import Redactor

_ADVICE = {
    errno.ENOSPC: "make room on that disk",
    errno.EDQUOT: "your quota there is used up; make room",
    errno.EFBIG: "files may not be so large here (ulimit -f)",
    errno.EACCES: "give yourself the right to it",
    errno.EPERM: "give yourself the right to it",
    errno.EROFS: "the file system is read-only; choose another place with EVOLVER_HOME",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "the system has no open files left; end other programs",
    errno.ENOMEM: "there is no memory left; end other programs or take fewer workers",
    errno.EAGAIN: "the system allows no more processes or threads; end others (ulimit -u)",
    errno.EIO: "the disk or network drive fails; look at it",
    errno.ESTALE: "the network drive has changed below us; look at it",
    errno.ENAMETOOLONG: "choose a shorter path with EVOLVER_HOME",
}
_BLAMELESS = {"OperationalError", "DatabaseError", "InternalError"}
"""Errors of a database that no value that was written to it can be the cause of."""
_OF_DATABASE = (
    ("locked", "another process holds it; end that one, or wait until it is done"),
    ("busy", "another process holds it; end that one, or wait until it is done"),
    ("disk is full", "make room on that disk"),
    ("readonly", "give yourself the right to write there"),
    ("not a database", "the file is damaged; put a copy from a backup in its place"),
    ("malformed", "the file is damaged; put a copy from a backup in its place"),
    ("disk i/o error", "the disk is full or fails; look at it"),
    ("unable to open", "look whether the folder is there and yours"),
    ("connection", "look whether the database server runs"),
)


def of_system(error: BaseException) -> str | None:
    """What a database or the system says, and what to do about it.

    Args:
        error: Any exception.

    Returns:
        A sentence, or None where the error is none of the system's: then it is a fault of the program.
    """
    said = _of_database(error)
    if said is None and isinstance(error, OSError) and error.errno is not None:
        place = f"{error.filename}: " if error.filename is not None else ""
        advice = _ADVICE.get(error.errno)
        said = f"{place}{error.strerror or error}" + (f"; {advice}" if advice else "")
    elif said is None and isinstance(error, MemoryError):
        said = f"there is no memory left; {_ADVICE[errno.ENOMEM]}"
    return None if said is None else Redactor()(" ".join(said.split()))


def _of_database(error: BaseException) -> str | None:
    """Of SQLite's own errors, or of SQLAlchemy's, which is not imported for this: who has none of its has it loaded."""
    link: BaseException | None = error
    alchemy = sys.modules.get("sqlalchemy.exc")
    if alchemy is not None and isinstance(error, alchemy.DBAPIError):
        link = error.orig
    elif alchemy is not None and isinstance(error, alchemy.TimeoutError):
        return f"the database: {error}"
    elif _of_index(error):
        return f"the search index: {error}; once that is seen to, `evolver memory rebuild` makes it anew"
    elif not isinstance(error, sqlite3.Error):
        return None
    if type(link).__name__ not in _BLAMELESS:
        return None
    words = str(link)
    advice = next((advice for part, advice in _OF_DATABASE if part in words.lower()), "")
    return f"the database: {words}" + (f"; {advice}" if advice else "")


def _of_index(error: BaseException) -> bool:
    """Whether Chroma cannot read or write its files, which it says in many words, not all of which name the cause."""
    if not type(error).__module__.startswith("chromadb"):
        return False
    return type(error).__name__ == "InternalError" or any(part in str(error).lower() for part, _ in _OF_DATABASE)
