"""What a program prints: the last bytes of it are kept, and readers may follow along."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator


class LogTail:
    """The last `limit` bytes of a stream that may be endless. Belongs to one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0
        self._closed = False
        self._news = asyncio.Event()

    def add(self, data: bytes) -> None:
        """Append what was read; memory stays below about twice the limit."""
        self._kept += data
        # Trimmed now and then only, so that a flood in small pieces does not move the whole tail each time.
        if len(self._kept) > 2 * self._limit:
            surplus = len(self._kept) - self._limit
            del self._kept[:surplus]
            self._dropped += surplus
        self._wake()

    def close(self) -> None:
        """No more will come."""
        self._closed = True
        self._wake()

    def text(self) -> str:
        """The tail; what is not UTF-8 is replaced."""
        data = bytes(self._kept[-self._limit :])
        # A tail may begin inside a character.
        cut = self._dropped > 0 or len(self._kept) > self._limit
        while cut and data and data[0] & 0xC0 == 0x80:
            data = data[1:]
        return data.decode("utf-8", "replace")

    async def follow(self) -> AsyncIterator[str]:
        """Pieces as they come, from the oldest kept on; a reader that is too slow misses what was dropped."""
        position, decoder = self._dropped, codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            news, closed = self._news, self._closed
            start = max(0, position - self._dropped)
            piece = bytes(self._kept[start:])
            position = self._dropped + len(self._kept)
            text = decoder.decode(piece, final=closed)
            if text:
                yield text
            elif closed:
                return
            else:
                await news.wait()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
