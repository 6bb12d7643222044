"""How process 1 of a container talks to whoever is outside: a connection that may be down, and the log that waits.

Runs inside containers: standard library only.
"""

import socket
import struct
import time

RETRY = 0.25
PIECE = 1 << 16


class Gone(Exception):
    """The other side closed the connection."""


class Link:
    """The connection to whoever is outside; may be down for a while."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket: socket.socket | None = None
        self._outbox = b""
        self._tried = 0.0

    @property
    def up(self) -> bool:
        """Whether someone listens."""
        return self._socket is not None

    @property
    def socket(self) -> socket.socket:
        """The connection. Raises Gone if there is none."""
        if self._socket is None:
            raise Gone
        return self._socket

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._outbox)

    def connect(self, hello: bytes) -> bool:
        """Try once, not more often than every RETRY seconds."""
        if time.monotonic() - self._tried < RETRY:
            return False
        self._tried = time.monotonic()
        link = socket.socket(socket.AF_UNIX)
        try:
            link.connect(self._path)
            link.sendall(hello)
        except OSError:
            link.close()
            return False
        self._socket, self._outbox = link, b""
        return True

    def drop(self) -> None:
        """Forget a connection that broke."""
        if self._socket is not None:
            self._socket.close()
        self._socket, self._outbox = None, b""

    def exactly(self, count: int) -> bytes:
        """So many bytes. Raises Gone."""
        data = b""
        while len(data) < count:
            try:
                piece = self.socket.recv(count - len(data))
            except OSError:
                piece = b""
            if not piece:
                self.drop()
                raise Gone
            data += piece
        return data

    def send(self, data: bytes) -> None:
        """Send all of it, however long that takes. Raises Gone."""
        try:
            self.socket.setblocking(True)
            self.socket.sendall(self._outbox + data)
            self._outbox = b""
        except OSError:
            self.drop()
            raise Gone from None

    def offer(self, data: bytes = b"") -> None:
        """Send what can be sent at once and keep the rest."""
        self._outbox += data
        if self._socket is None or not self._outbox:
            return
        try:
            self._socket.setblocking(False)
            self._outbox = self._outbox[self._socket.send(self._outbox) :]
        except BlockingIOError:
            return
        except OSError:
            self.drop()


class Log:
    """The last bytes that the program printed, and how far they were handed on."""

    def __init__(self, limit: int) -> None:
        self._limit, self._kept, self._dropped, self._handed = limit, bytearray(), 0, 0
        self.total = 0

    def add(self, data: bytes) -> None:
        """Append what was read."""
        self._kept += data
        self.total += len(data)
        if len(self._kept) > 2 * self._limit:
            surplus = len(self._kept) - self._limit
            del self._kept[:surplus]
            self._dropped += surplus

    def go_back(self, offset: int) -> None:
        """Hand on everything from that byte again, as far as it is kept."""
        self._handed = min(offset, self.total)

    def piece(self) -> bytes:
        """The next `L` frame, or nothing."""
        start = max(0, self._handed - self._dropped)
        data = bytes(self._kept[start : start + PIECE])
        self._handed = self._dropped + start + len(data)
        return b"L" + struct.pack(">I", len(data)) + data if data else b""
