"""Which lanes of a campaign's process work, which wait for a person, and which directives they know."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from evolver.contracts import now


@dataclass
class Lanes:
    """Where the lanes of one open campaign are; for one event loop."""

    began: datetime = field(default_factory=now)
    working: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    """Lanes whose experiment waits for approval."""
    heard: set[str] = field(default_factory=set)
    """Directives whose effect on this process has begun; it begins once."""
    rejected: set[str] = field(default_factory=set)
    """Experiments that a person rejected: their verdict is there."""
    walled: set[str] = field(default_factory=set)
    """Experiments that an error of Evolver's own has ended."""
    resting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by the lane that waits for the campaign to go on; the others queue behind it."""

    def enter(self, lane: int) -> None:
        """A lane is at work."""
        self.working.add(lane)

    def leave(self, lane: int) -> None:
        """A lane has come to its end."""
        self.working.discard(lane)

    def others_work(self) -> bool:
        """Whether any lane is at work that does not wait for a person."""
        return bool(self.working - self.waiting)

    @contextmanager
    def asking(self, lane: int) -> Iterator[None]:
        """While a lane waits for approval."""
        self.waiting.add(lane)
        try:
            yield
        except BaseException:
            # Interrupted: the lane comes back when somebody has answered.
            self.leave(lane)
            raise
        finally:
            self.waiting.discard(lane)
