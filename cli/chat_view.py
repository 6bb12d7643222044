"""What `evolver chat` shows of the campaign: a few lines above the input, and the news as they come."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from prompt_toolkit.formatted_text import StyleAndTextTuples
from rich.console import Console

from evolver.cli.event_lines import happening
from evolver.cli.progress import conclusion_line
from evolver.contracts import Event, VerdictKind
from evolver.contracts.experiment_events import Concluded
from evolver.contracts.steering_events import DirectiveGiven
from evolver.graph.campaign_lock import is_running
from evolver.memory import Archive
from evolver.memory.event_feed import EventFeed
from evolver.settings import Settings
from evolver.steering.approval import waiting

WIDTH = 100
SHOWN = 3
"""Experiments in work."""


class View:
    """Follows the campaign in a thread of its own, so that typing is never slow."""

    refresh = 0.5
    """Seconds between two pictures of the input line."""

    def __init__(self, home: Path, archive: Archive) -> None:
        self._home = home
        self._archive = archive
        self._settings = Settings(home=home)
        self._campaign = ""
        self._lines: list[str] = []
        self._feed: EventFeed | None = None
        self._ending = False
        self._turned = threading.Event()
        self._looked = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="evolver-view", daemon=True)

    def __enter__(self) -> View:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self._turn()
        self._thread.join(timeout=5)

    @property
    def campaign(self) -> str:
        """The campaign that is shown; empty: none."""
        return self._campaign

    @campaign.setter
    def campaign(self, name: str) -> None:
        if name != self._campaign:
            self._campaign = name
            self._looked.clear()
            self._turn()

    def above(self) -> StyleAndTextTuples:
        """The state and the prompt, for the input line."""
        if self.campaign:
            self._looked.wait(2.0)
        state = [("fg:ansicyan", f"{line}\n") for line in self._lines]
        return [*state, ("bold", "> ")]

    def _turn(self) -> None:
        """Have the thread see that it is to show something else."""
        self._turned.set()
        if self._feed is not None:
            self._feed.stop()

    def _watch(self) -> None:
        while True:
            self._turned.clear()  # before it is looked what has turned
            if self._ending:
                return
            name = self._campaign
            if name:
                self._feed = self._archive.follow(name, every=self.refresh)
                self._show_all(name, self._feed)
            self._turned.wait()

    def _show_all(self, name: str, feed: EventFeed) -> None:
        for events in feed:
            if self._turned.is_set():
                return
            self._show(name, events)
            self._looked.set()

    def _show(self, name: str, events: Sequence[Event]) -> None:
        archive = self._archive
        # Made each time: standard output is exchanged while the prompt is shown.
        console = Console(highlight=False, soft_wrap=True)
        for event in events:
            if isinstance(event.data, Concluded) and event.experiment:
                experiment = archive.experiments.get(event.experiment)
                if experiment.verdict is not None and experiment.verdict.kind is VerdictKind.IMPROVED:
                    console.print(conclusion_line(experiment, WIDTH))
            elif (
                not isinstance(event.data, DirectiveGiven)
                and (line := happening(event, archive, self._settings)) is not None
            ):
                console.print(line)
        self._lines = _state(archive, name, running=is_running(self._home, name))


def _state(archive: Archive, name: str, *, running: bool) -> list[str]:
    campaign, counts = archive.campaigns.get(name), archive.campaigns.counts(name)
    champion = archive.experiments.champion(name)
    best = ""
    if champion is not None and champion.score is not None:
        best = f"  best {champion.score:.6g} (experiment {champion.number})"
    status = str(campaign.status) if running or campaign.status != "running" else "not running, say `go on`"
    lines = [f"── {name}: {status}  {counts.finished}/{campaign.budget.experiments}{best}"]
    waits = {one.experiment.id for one in waiting(archive, name)}
    for experiment in archive.leases.unfinished(name)[:SHOWN]:
        plan = " ".join((experiment.proposal.plan if experiment.proposal else "thinking").split())
        note = "waits for approval: " if experiment.id in waits else ""
        lines.append(f"   {experiment.number}  {note}{plan}"[:WIDTH])
    return lines
