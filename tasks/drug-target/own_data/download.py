"""Fetching a file whose hash is known: what was begun is gone on with, and nothing appears that does not match."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evolver.errors import UsageError, WorkFailed
from own_data.sources import DataSource

if TYPE_CHECKING:
    import httpx

SECONDS = 30.0
"""Longest silence of a server."""


def fetch(source: DataSource, folder: Path, progress: Callable[[str], None]) -> Path:
    """The file of a source in `folder`, fetched unless it is there. Raises WorkFailed; UsageError for a wrong hash."""
    path = folder / f"{source.name}-{source.sha256[:12]}.csv"
    if path.is_file() and digest(path) == source.sha256:
        progress(f"{source.name} is there already: {path}")
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        _download(source, part, progress)
        _check(source, part)
        (folder / f"{source.name}-licence.txt").write_text(
            f"{source.licence.name}\n{source.licence.url}\n\n{source.licence.text}\n", encoding="utf-8"
        )
        part.replace(path)
    except OSError as error:
        raise WorkFailed(f"{error.filename or folder} cannot be written: {error.strerror or error}") from None
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(source: DataSource, part: Path) -> None:
    size = part.stat().st_size
    if size < source.bytes:
        raise WorkFailed(
            f"{source.name}: the transfer ended after {size} of {int(source.bytes)} bytes; "
            "run the command again to go on"
        )
    found = digest(part)
    if found != source.sha256:
        part.unlink()
        raise UsageError(
            f"{source.name}: what lies at {source.url} hashes to {found}, not to {source.sha256} as the sources file "
            "says; it was thrown away. The file has changed, or it is not what you think it is"
        )


def _download(source: DataSource, part: Path, progress: Callable[[str], None]) -> None:
    import httpx

    have = part.stat().st_size if part.is_file() else 0
    if have >= source.bytes:
        part.unlink()
        have = 0
    if have:
        progress(f"{source.name}: going on after {have} bytes")
    headers = {"Range": f"bytes={have}-"} if have else {}
    # As it lies there: the hash is of those bytes.
    headers["Accept-Encoding"] = "identity"
    try:
        with (
            httpx.Client(follow_redirects=True, timeout=SECONDS) as client,
            client.stream("GET", source.url, headers=headers) as response,
        ):
            _receive(source, part, response, have)
    except httpx.HTTPError as error:
        raise WorkFailed(
            f"{source.name}: {source.url} cannot be fetched: {str(error) or type(error).__name__}; "
            "run the command again to go on"
        ) from None


def _receive(source: DataSource, part: Path, response: httpx.Response, have: int) -> None:
    if response.status_code not in (200, 206):
        raise WorkFailed(f"{source.name}: {source.url} answers {response.status_code} {response.reason_phrase}")
    # A server that does not know ranges sends everything.
    resumed = response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    if response.status_code == 206 and not resumed:
        raise WorkFailed(f"{source.name}: {source.url} sent another part than it was asked for")
    size = have if resumed else 0
    with part.open("ab" if resumed else "wb") as file:
        for piece in response.iter_raw():
            size += len(piece)
            if size > source.bytes:
                file.close()
                part.unlink()
                raise UsageError(
                    f"{source.name}: {source.url} sends more than the {int(source.bytes)} bytes that the sources "
                    "file says"
                )
            file.write(piece)
