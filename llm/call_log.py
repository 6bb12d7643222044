"""Calls that the archive has already, handed out again in order so that nothing is paid twice."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Call, CallStatus
from evolver.errors import ContextTooLong

if TYPE_CHECKING:
    from evolver.memory import Archive


def call_id(campaign: str, experiment: str, role: str, purpose: str, ordinal: int) -> str:
    """The archive's key of a call."""
    said = "\n".join((campaign, experiment, role, purpose, str(ordinal)))
    return hashlib.sha256(said.encode()).hexdigest()[:32]


class RecordedCalls:
    """The calls of one experiment, role and purpose; each is handed out once."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._left = sorted(calls, key=lambda call: call.ordinal)
        self._next = max((call.ordinal for call in calls), default=-1) + 1

    @property
    def is_empty(self) -> bool:
        """Whether all of them were handed out."""
        return not self._left

    def take(self, prompt: str) -> Call | None:
        """The first answer to this very prompt that was not handed out yet."""
        return self._take(lambda call: call.prompt == prompt and call.status is not CallStatus.ERROR)

    def take_any(self, prompt: str) -> Call | None:
        """The first call with this very prompt, failed ones too, else the first one that is left.

        One that was interrupted comes after all others: what was asked again instead of it has the answer.
        """
        return (
            self._take(lambda call: call.prompt == prompt and not _was_interrupted(call))
            or self._take(lambda call: not _was_interrupted(call))
            or self._take(lambda _: True)
        )

    def place(self, prompt: str) -> int:
        """The ordinal for a new call: that of one that failed with the same prompt, else the next free one."""
        failed = self._take(lambda call: call.prompt == prompt and call.status is CallStatus.ERROR)
        if failed is not None:
            return failed.ordinal
        self._next += 1
        return self._next - 1

    def _take(self, wanted: Callable[[Call], bool]) -> Call | None:
        for call in self._left:
            if wanted(call):
                self._left.remove(call)
                return call
        return None


def _was_interrupted(call: Call) -> bool:
    """Whether a call failed for a reason that is none of its question's: a stop, an outage, a spent budget."""
    return call.status is CallStatus.ERROR and not call.lost and not call.error.startswith(ContextTooLong.__name__)


class CallLog:
    """The recordings of a campaign, read from the archive when first asked for. For one event loop."""

    def __init__(self, archive: Archive, campaign: str) -> None:
        self._archive = archive
        self._campaign = campaign
        self._lock = asyncio.Lock()
        self._open: dict[tuple[str, str, str], RecordedCalls] = {}

    async def of(self, experiment: str, role: str, purpose: str) -> RecordedCalls:
        """The calls of one experiment, role and purpose."""
        key = (experiment, role, purpose)
        if key not in self._open:
            async with self._lock:
                if key not in self._open:
                    found = await self._archive.run(self._archive.calls.list, self._campaign, *key)
                    self._open[key] = RecordedCalls(found)
        return self._open[key]
