"""What a program left for the judge, as a hash that tells whether two programs did the same."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import zlib
from pathlib import Path

DIGITS = 9
"""Significant digits of numbers in JSON that are compared: the rest depends on the order of additions."""
_NUMBER = re.compile(rb"-?\d+\.\d+(?:[eE][-+]?\d+)?")
LARGEST = 256 << 20
"""Bytes that are read; a larger folder is not compared."""
MEASURED = 1 << 20
"""Bytes whose information is measured; more counts as nothing."""


def digest_of(folder: Path) -> tuple[str, int]:
    """Hash (16 hex digits) of a folder's files with their names, and about how many bits of information they hold.

    Numbers in JSON files of up to a mebibyte count with nine significant digits, other files byte for byte.
    Information is eight times the size that zlib compresses the first mebibyte to, so that twenty labels are few bits,
    and twenty columns of numbers many. Empty and 0 where the folder holds too much, or anything but plain files.
    """
    digest, squeezed, size, read = hashlib.sha256(), zlib.compressobj(6), 0, 0
    try:
        for path in sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode) or read + status.st_size > LARGEST:
                    return "", 0
                name = path.relative_to(folder).as_posix()
                digest.update(f"{len(name)}:{name}".encode())
                rounds = path.suffix == ".json" and status.st_size <= MEASURED
                while piece := file.read(MEASURED):
                    piece = _NUMBER.sub(_rounded, piece) if rounds else piece
                    digest.update(piece)
                    size += len(squeezed.compress(piece)) if read < MEASURED else 0
                    read += len(piece)
    except OSError:
        return "", 0
    bits = 8 * (size + len(squeezed.flush())) if read else 0
    return digest.hexdigest()[:16], bits


def _rounded(number: re.Match[bytes]) -> bytes:
    return f"{float(number[0]):.{DIGITS}g}".encode()
