"""`evolver run` in a terminal asks about experiments that wait for approval, beside all other surfaces."""

from __future__ import annotations

import asyncio
import getpass
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

from evolver.contracts import Program
from evolver.diffs import experiment_diff
from evolver.memory import Archive
from evolver.memory.event_feed import EventFeed
from evolver.steering.approval import ApprovalDecision, PendingApproval, directive_for, waiting
from evolver.text_files import read_text

DIFF = 40
"""Lines of a diff that are shown."""
ASK = "approve (a), reject (r REASON), edit (e), or leave it for later (Enter)? "


class Approvals:
    """Asks about each experiment once; what is left for later can be answered by `evolver chat`."""

    def __init__(self, archive: Archive, campaign: str, aside: Callable[[], AbstractContextManager[None]]) -> None:
        """`aside` takes the live display away while a question stands there."""
        self._archive = archive
        self._campaign = campaign
        self._aside = aside
        self._feed = archive.follow(campaign)
        self._answers: EventFeed | None = None
        self._ended = False
        self._asked: set[str] = set()

    async def watch(self) -> None:
        """Ask whenever an experiment waits, until `end`."""
        async for _ in self._feed:
            while not self._ended and (one := await self._archive.run(self._next)) is not None:
                self._asked.add(one.experiment.id)
                with self._aside():
                    await self._ask(one)

    def end(self) -> None:
        """Ask no more, and take back a question that is still open."""
        self._ended = True
        self._feed.stop()
        if self._answers is not None:
            self._answers.stop()

    def _next(self) -> PendingApproval | None:
        waits = waiting(self._archive, self._campaign)
        return next((one for one in waits if one.experiment.id not in self._asked), None)

    async def _ask(self, one: PendingApproval) -> None:
        console, experiment, archive = Console(highlight=False), one.experiment, self._archive
        diff = (await archive.run(experiment_diff, archive, experiment)).splitlines()
        plan = experiment.proposal.plan if experiment.proposal else ""
        console.print(f"\nExperiment {experiment.number} waits for approval: {one.estimate}", style="bold yellow")
        console.print(plan, markup=False)
        console.print(Syntax("\n".join(diff[:DIFF]), "diff", background_color="default", word_wrap=True))
        while (answer := await self._line(one)) is not None:
            decision = await asyncio.to_thread(self._decision, one, answer.strip())
            if decision is not None:
                await archive.run(archive.directives.add, directive_for(experiment, decision))
                return
            if not answer.strip():
                console.print(f"Later: evolver chat {self._campaign}, then `approve {experiment.number}`")
                return

    async def _line(self, one: PendingApproval) -> str | None:
        """What is typed; None where somebody else was quicker, or the campaign ends."""
        print(ASK, end="", flush=True)
        loop, archive = asyncio.get_running_loop(), self._archive
        self._answers = answers = await archive.run(archive.follow, self._campaign)
        typed: list[str] = []

        def read() -> None:
            loop.remove_reader(sys.stdin)
            typed.append(sys.stdin.readline())
            answers.stop()

        loop.add_reader(sys.stdin, read)
        try:
            async for _ in answers:
                if self._ended:
                    break
                waits = await archive.run(waiting, archive, self._campaign)
                if not typed and all(other.experiment.id != one.experiment.id for other in waits):
                    print("(answered elsewhere)")
                    return None
        finally:
            loop.remove_reader(sys.stdin)
        if not typed:
            print()
        return typed[0] if typed else None

    def _decision(self, one: PendingApproval, answer: str) -> ApprovalDecision | None:
        word, _, rest = answer.partition(" ")
        who = getpass.getuser()
        if word.lower() in ("a", "approve", "y", "yes"):
            return ApprovalDecision(decision="approve", who=who)
        if word.lower() in ("r", "reject", "n", "no"):
            reason = rest.strip().removeprefix("because ").strip()
            if reason:
                return ApprovalDecision(decision="reject", reason=reason, who=who)
            print("Say why, as in: r it is too expensive")
        elif word.lower() in ("e", "edit") and one.experiment.program:
            files = _edited(self._archive.programs.get(one.experiment.program))
            return ApprovalDecision(decision="edit", files=files, who=who)
        return None


def _edited(program: Program) -> dict[str, str]:
    """The program's files as the person leaves them in their editor."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        program.write_to(Path(folder))
        paths = {name: Path(folder, name) for name in program.files}
        subprocess.run([*editor.split(), *map(str, paths.values())], check=False)
        return {name: read_text(path) for name, path in paths.items()}
