"""The curve of a trial: what its harness reports while it runs, read from what it prints.

A report is one line, `\\x1e{"step": 10, "value": 0.5}`, which the runtime writes (`evolver_trial.report`); a record
separator begins it, as in JSON text sequences (RFC 7464). A program that shares the harness's process can write the
same: the curve is believed no more than a score is there, and decides only whether a trial runs on.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.sandbox import Handle, Outcome, Sandbox

Point = tuple[int, float]
"""A step and the value that was reached at it."""
MOST_REPORTS = 10_000
"""Reports of a trial that are looked at; a program may print without end."""
MOST_POINTS = 256
"""Points that are kept of a curve."""
LONGEST_REPORT = 200
_REPORT = re.compile(r"\x1e(?P<text>\{[^\x1e\n]{0,200}\})\r?\n")
_LARGEST_STEP = 1 << 53


def without_reports(log: str) -> str:
    """What was printed beside the reports."""
    return _REPORT.sub("", log).replace("\x1e", "")


class LearningCurve:
    """The points that a trial has reported so far, in order of growing steps."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._rest = ""
        self._seen = 0

    def feed(self, text: str) -> list[Point]:
        """Take in a piece of the log; the points that are new with it."""
        self._rest += text
        found: list[Point] = []
        end = 0
        for match in _REPORT.finditer(self._rest):
            end = match.end()
            self._seen += 1
            point = _point(match["text"])
            if point is not None and self._seen <= MOST_REPORTS and (not self.points or point[0] > self.points[-1][0]):
                self.points.append(point)
                found.append(point)
        # Only the beginning of a report can matter in what is left.
        self._rest = self._rest[end:]
        begins = self._rest.rfind("\x1e")
        self._rest = self._rest[begins:] if begins >= 0 and len(self._rest) - begins <= LONGEST_REPORT + 4 else ""
        return found

    @property
    def kept(self) -> tuple[Point, ...]:
        """At most 256 of the points, evenly over their number, the last among them."""
        points, apart = self.points, -(-len(self.points) // MOST_POINTS)
        return tuple(point for place, point in enumerate(reversed(points)) if place % apart == 0)[::-1]


def _point(text: str) -> Point | None:
    """A report's step and value; None for what is none."""
    try:
        said = json.loads(text)
        step, value = said["step"], said["value"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(step) is not int or type(value) not in (int, float) or not 0 <= step <= _LARGEST_STEP:
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return (step, number) if math.isfinite(number) else None


class TrialPruner:
    """What ends a running trial by its curve.

    Args:
        rule: Given all points so far, says why the trial is hopeless, or nothing. It depends on the points alone.
        audits: Whether the trial runs to its end all the same, so that what the rule costs is measured.
    """

    def __init__(self, rule: Callable[[list[Point]], str], *, audits: bool) -> None:
        self.rule, self.audits = rule, audits


class CurveFollower:
    """Follows one trial through its phases, and ends it where the pruner says so.

    What a rule says of the first points decides, however many more a program has printed before it could be stopped.
    """

    def __init__(self, pruner: TrialPruner | None = None) -> None:
        self.curve = LearningCurve()
        self.pruning = ""
        """Why the rule would end it; empty so far."""
        self._pruner = pruner

    @property
    def is_over(self) -> bool:
        """Whether the trial is ended by the rule."""
        return bool(self.pruning) and self._pruner is not None and not self._pruner.audits

    async def wait(self, sandbox: Sandbox, handle: Handle) -> Outcome:
        """The outcome of a job that is followed while it runs, and ended where the rule says so."""
        began = time.monotonic()
        following = asyncio.create_task(self._follow(sandbox, handle))
        try:
            outcome = await sandbox.wait(handle)
            await following
        finally:
            following.cancel()
        if not self.is_over or outcome.seconds:
            return outcome
        # A container that is stopped does not say what it used: it is charged all the CPUs that it had.
        seconds = time.monotonic() - began
        return outcome.model_copy(update={"seconds": seconds, "cpu_seconds": seconds * handle.job.limits.cpus})

    async def _follow(self, sandbox: Sandbox, handle: Handle) -> None:
        """Read what a job prints until it ends or is to end."""
        async for text in handle.logs():
            await self.hear(text)
            if self.is_over:
                await sandbox.stop(handle)
                return

    async def hear(self, text: str) -> None:
        """Take in what was printed."""
        if self.is_over:
            return
        before = len(self.curve.points)
        if self.curve.feed(text) and self._pruner is not None and not self.pruning:
            await asyncio.to_thread(self._ask, self._pruner, before)

    def _ask(self, pruner: TrialPruner, before: int) -> None:
        points = self.curve.points
        for count in range(before + 1, len(points) + 1):
            self.pruning = pruner.rule(points[:count])
            if self.pruning:
                if not pruner.audits:
                    del points[count:]
                return
