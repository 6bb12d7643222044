"""Receives what a job left behind, on the host's side: nothing in the stream is believed before it is checked.

The stream comes from launcher.py, which a hostile program might have taken over; its frames are described there.
"""

from __future__ import annotations

import os
import shutil
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from evolver.sandbox.base import Limits

DEEPEST, LONGEST_NAME, LONGEST_TEXT = 16, 512, 1000
_CHUNK = 1 << 20


class OutputRefused(Exception):
    """The output is not acceptable; the text says why."""


@dataclass(frozen=True)
class Report:
    """What the launcher said after a program had ended."""

    exit_code: int
    peak_memory: int
    """Bytes: the largest resident size of one process; only a hint, the host did not measure it."""
    refused: str = ""
    """Why the files are not acceptable."""


def text_of(stream: BinaryIO) -> str:
    """A length and that many bytes of text, made printable. Raises Refused if the stream breaks off."""
    (length,) = struct.unpack(">H", _exactly(stream, 2))
    text = _exactly(stream, min(length, LONGEST_TEXT)).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)


def receive(stream: BinaryIO, folder: Path, limits: Limits) -> Report:
    """Read everything that follows the `D` of a stream, files into a fresh `folder` of mode 0700.

    Blocks until the stream ends. Raises Refused if it breaks off before the exit status is known, and OSError if the
    host's file system fails.
    """
    exit_code, peak = struct.unpack(">iQ", _exactly(stream, 12))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        _files(stream, folder, limits)
    except OutputRefused as refused:
        return Report(exit_code, peak, refused=str(refused))
    return Report(exit_code, peak)


def _files(stream: BinaryIO, folder: Path, limits: Limits) -> None:
    count, left = 0, limits.output
    while True:
        kind = _exactly(stream, 1)
        if kind == b".":
            return
        if kind == b"R":
            raise OutputRefused(text_of(stream))
        if kind != b"F":
            raise OutputRefused("the output stream is garbled")
        length, size = struct.unpack(">HQ", _exactly(stream, 10))
        if length > LONGEST_NAME:
            raise OutputRefused("a file name is too long")
        name = _checked_name(_exactly(stream, length))
        count, left = count + 1, left - size
        if count > limits.output_files:
            raise OutputRefused(f"more than {limits.output_files} files")
        if left < 0:
            raise OutputRefused(f"more than {limits.output} bytes")
        _write(stream, folder.joinpath(*name), size)


def _checked_name(raw: bytes) -> list[str]:
    """The parts of a plain relative path. Raises Refused for any other."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise OutputRefused(f"a file has an unusable name: {ascii(raw)[:200]}") from None
    parts = name.split("/")
    bad_part = any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
    if bad_part or not name.isprintable() or len(parts) > DEEPEST:
        raise OutputRefused(f"a file has an unusable name: {ascii(name)[:200]}")
    return parts


def _write(stream: BinaryIO, path: Path, size: int) -> None:
    """Create one file with the next `size` bytes of the stream."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except (FileExistsError, NotADirectoryError):
        raise OutputRefused(f"{path.name} was sent twice") from None
    with os.fdopen(descriptor, "wb") as file:
        while size:
            chunk = stream.read(min(size, _CHUNK))
            if not chunk:
                raise OutputRefused("the output stream broke off")
            file.write(chunk)
            size -= len(chunk)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise OutputRefused("the output stream broke off")
    return data
