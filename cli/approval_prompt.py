"""`evolver run` in a terminal asks about experiments that wait for approval, beside all other surfaces."""

from __future__ import annotations

import asyncio
import getpass
import os
import select
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from rich.console import Console
from rich.syntax import Syntax

from evolver.contracts import Program
from evolver.diffs import experiment_diff
from evolver.memory import Archive
from evolver.steering.approval import ApprovalDecision, PendingApproval, directive_for, waiting

LOOK_EVERY = 0.5
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
        self._ending = threading.Event()
        self._asked: set[str] = set()

    async def watch(self) -> None:
        """Ask whenever an experiment waits, until `end`."""
        while not self._ending.is_set():
            one = await asyncio.to_thread(self._next)
            if one is None:
                await asyncio.sleep(LOOK_EVERY)
                continue
            self._asked.add(one.experiment.id)
            with self._aside():
                await asyncio.to_thread(self._ask, one)

    def end(self) -> None:
        """Ask no more, and take back a question that is still open."""
        self._ending.set()

    def _next(self) -> PendingApproval | None:
        waits = waiting(self._archive, self._campaign)
        return next((one for one in waits if one.experiment.id not in self._asked), None)

    def _ask(self, one: PendingApproval) -> None:
        console, experiment, archive = Console(highlight=False), one.experiment, self._archive
        diff = experiment_diff(archive, experiment).splitlines()
        plan = experiment.proposal.plan if experiment.proposal else ""
        console.print(f"\nExperiment {experiment.number} waits for approval: {one.estimate}", style="bold yellow")
        console.print(plan, markup=False)
        console.print(Syntax("\n".join(diff[:DIFF]), "diff", background_color="default", word_wrap=True))
        while (answer := self._line(one)) is not None:
            decision = self._decision(one, answer.strip())
            if decision is not None:
                archive.directives.add(directive_for(experiment, decision))
                return
            if not answer.strip():
                console.print(f"Later: evolver chat {self._campaign}, then `approve {experiment.number}`")
                return

    def _line(self, one: PendingApproval) -> str | None:
        """What is typed; None where somebody else was quicker, or the campaign ends."""
        print(ASK, end="", flush=True)
        while not self._ending.is_set():
            if select.select([sys.stdin], [], [], LOOK_EVERY)[0]:
                return sys.stdin.readline()
            if all(other.experiment.id != one.experiment.id for other in waiting(self._archive, self._campaign)):
                print("(answered elsewhere)")
                return None
        print()
        return None

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
        return {name: path.read_text() for name, path in paths.items()}
