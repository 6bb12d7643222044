"""Providers that are down: who may try them again, and when waiting ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable

from evolver.contracts.model_events import ProviderAnswers, ProviderFellSilent
from evolver.errors import ProviderDown
from evolver.llm.provider import RetryPolicy

Tell = Callable[..., Awaitable[None]]
"""Writes an event: its kind, then named details."""


class CircuitBreaker:
    """Whether one provider can be asked. While it is down, one caller at a time tries it, with growing pauses."""

    def __init__(self, retry_policy: RetryPolicy, wake: Callable[[], None]) -> None:
        """`wake` has those that wait look again."""
        self._retry_policy = retry_policy
        self._wake = wake
        self._pause = retry_policy.probe
        self._probing = False
        self.down_since: float | None = None
        self.due = 0.0
        """When the provider may be tried again."""
        self.reason = ""
        self.was_reached = False
        """Whether the provider has said anything so far, if only that it is overloaded."""
        self.unreached = False
        """Whether the last request did not leave the machine, nor any before it."""

    def admit(self) -> bool:
        """Whether the caller may ask now; if the provider is down, it asks for all that wait and must `leave`."""
        if self.down_since is None:
            return True
        if self._probing or time.monotonic() < self.due:
            return False
        self._probing = True
        return True

    def leave(self, *, probing: bool) -> None:
        """Let somebody else try; a prober may leave without a result, as when it is cancelled."""
        if probing:
            self._probing = False
            self._wake()

    def fail(self, reason: str, retry_after: float | None, *, probing: bool) -> bool:
        """The provider gave no answer; True where that is news."""
        news = self.down_since is None
        if news:
            self.down_since, self._pause = time.monotonic(), self._retry_policy.probe
        elif probing:
            self._pause = min(self._pause * 2, self._retry_policy.longest_probe)
        self.reason = reason
        if news or probing:
            self.due = time.monotonic() + max(self._pause, retry_after or 0.0)
        return news

    def answer(self) -> float | None:
        """The provider answered; the seconds that it was down, if it was."""
        since, self.down_since = self.down_since, None
        return None if since is None else time.monotonic() - since


class CircuitBreakers:
    """The gates of all providers of a campaign."""

    def __init__(self, retry_policy: RetryPolicy, tell: Tell) -> None:
        self._retry_policy = retry_policy
        self._tell = tell
        self._gates: dict[str, CircuitBreaker] = {}
        self._news = asyncio.Event()
        self._given_up = False

    def give_up(self) -> None:
        """Wait no longer, now and from now on: the campaign is to end."""
        self._given_up = True
        self._wake()

    def gate(self, server: str) -> CircuitBreaker:
        """The gate of a provider."""
        return self._gates.setdefault(server, CircuitBreaker(self._retry_policy, self._wake))

    async def failed(self, server: str, reason: str, retry_after: float | None, *, probing: bool) -> None:
        """A provider gave no answer, retries included."""
        if self.gate(server).fail(reason, retry_after, probing=probing):
            await self._tell(ProviderFellSilent(server=server, reason=reason))
        self._wake()

    async def answered(self, server: str) -> None:
        """A provider answered."""
        seconds = self.gate(server).answer()
        if seconds is not None:
            self._wake()
            await self._tell(ProviderAnswers(server=server, seconds=round(seconds, 3)))

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def wait(self, servers: Iterable[str]) -> None:
        """Until one of these providers can be tried.

        Raises ProviderDown when all have been down for too long, or nobody wants to wait any more.
        """
        gates = {server: self.gate(server) for server in servers}
        now = time.monotonic()
        if any(gate.down_since is None for gate in gates.values()):
            return
        last = max(gate.down_since or now for gate in gates.values())
        left = last + self._retry_policy.outage - now
        if left <= 0.0 or self._given_up:
            reasons = "; ".join(f"{server}: {gate.reason}" for server, gate in gates.items())
            raise ProviderDown(
                f"no model provider answered for {min(now - last, self._retry_policy.outage):.3g} s ({reasons}); "
                "nothing paid is lost, resume the campaign when it is back"
            )
        soonest = min(gate.due for gate in gates.values()) - now
        # A due provider that is being tried by another caller is waited for by the news of it.
        pause = soonest if soonest > 0.0 else left
        try:
            async with asyncio.timeout(min(left, pause)):
                await self._news.wait()
        except TimeoutError:
            pass
