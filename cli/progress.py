"""The live view of a campaign, projected from the archive: the same whoever runs it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from evolver.cli.event_lines import happening
from evolver.cli.spending_line import SpendingLine
from evolver.contracts import Campaign, Event, Experiment, VerdictKind
from evolver.contracts.experiment_events import Concluded
from evolver.contracts.lesson_events import LessonLearned
from evolver.contracts.steering_events import ApprovalWanted
from evolver.formatting import counted, duration, score_with_interval, status_words
from evolver.memory import Archive
from evolver.settings import Settings

REFRESH = 0.4
"""Seconds between looks into the archive."""
RUNNING_SHOWN = 6
LINE = 160
"""Characters of a line where no terminal says how wide it is."""


class Progress:
    """Shows a campaign while it runs: live in a terminal, a line per event elsewhere."""

    def __init__(self, archive: Archive, campaign: Campaign, settings: Settings, *, to_stderr: bool) -> None:
        self._console = Console(stderr=to_stderr, highlight=False, soft_wrap=not _is_terminal(to_stderr))
        self._campaign = campaign
        self._archive = archive
        self._feed = archive.follow(campaign.name, every=REFRESH)
        self._settings = settings
        self._began = time.monotonic()
        self._before: int | None = None
        self._last_lesson = ""
        self._spending = SpendingLine(campaign, settings)
        self._live: Live | None = None
        self._is_aside = False
        self._held: list[Text] = []
        """Lines that wait for a question to be answered."""

    @property
    def is_conversation(self) -> bool:
        """Whether somebody sits at a terminal who can be asked."""
        return self._console.is_terminal and sys.stdin.isatty()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the display away while something else is written."""
        if self._live is not None:
            self._live.stop()
        self._is_aside = True
        try:
            yield
        finally:
            self._is_aside = False
            if self._live is not None:
                self._live.start()

    def say(self, text: str) -> None:
        """A line above the display."""
        self._console.print(text, style="dim")

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Keep the view up to date until the block ends."""
        campaign = self._campaign
        self.say(
            f"Campaign {campaign.name}: task {campaign.task}, {campaign.metric.direction} {campaign.metric.name}, "
            f"{campaign.budget.experiments} experiments, {counted(campaign.workers, 'worker')}, seed {campaign.seed}, "
            f"team {campaign.team}" + (f" with {', '.join(campaign.models)}" if campaign.team != "offline" else "")
        )
        live = Live(console=self._console, refresh_per_second=4, transient=True) if self._console.is_terminal else None
        self._live = live
        watcher = asyncio.ensure_future(self._watch(live))
        try:
            if live is not None:
                live.start()
            yield
        finally:
            self._feed.stop()
            await watcher
            self._print_held()
            if live is not None:
                live.stop()

    async def _watch(self, live: Live | None) -> None:
        async for events in self._feed:
            lines, view = await self._archive.run(self._look, events)
            self._held += lines
            if not self._is_aside:
                self._print_held()
            if live is not None:
                live.update(view)

    def _print_held(self) -> None:
        for line in self._held:
            self._console.print(line)
        self._held.clear()

    def _look(self, events: Sequence[Event]) -> tuple[list[Text], RenderableType]:
        """New lines for the scroll, and the panel."""
        lines, archive = [], self._archive
        for event in events:
            if isinstance(event.data, Concluded) and event.experiment:
                lines.extend(self._conclusion(archive.experiments.get(event.experiment)))
            asked_here = isinstance(event.data, ApprovalWanted) and self.is_conversation
            if not asked_here and (line := happening(event, archive, self._settings)) is not None:
                lines.append(line)
            if isinstance(event.data, LessonLearned):
                self._last_lesson = event.data.claim
        return lines, self._panel()

    def _conclusion(self, experiment: Experiment) -> list[Text]:
        """A line for what is worth one: a new champion, or where no display shows the count, every experiment."""
        if experiment.verdict is None:
            return []
        if self._console.is_terminal and experiment.verdict.kind is not VerdictKind.IMPROVED:
            return []
        return [conclusion_line(experiment, self._console.width if self._console.is_terminal else LINE)]

    def _panel(self) -> RenderableType:
        archive = self._archive
        campaign, counts = archive.campaigns.get(self._campaign.name), archive.campaigns.counts(self._campaign.name)
        if self._before is None:
            self._before = counts.finished
        elapsed, total = time.monotonic() - self._began, campaign.budget.experiments
        done = counts.finished
        rate = (done - self._before) / elapsed * 60
        left = [f"{total - done} experiments left"]
        if campaign.budget.seconds is not None:
            left.append(f"{duration(max(0.0, campaign.budget.seconds - campaign.seconds - elapsed))} left")
        elif rate > 0:
            left.append(f"about {duration((total - done) / rate * 60)}")
        facts = Table.grid(padding=(0, 2))
        facts.add_row(Text("best", style="dim"), self._best(archive, campaign))
        facts.add_row(Text("pace", style="dim"), f"{rate:.1f} a minute, {', '.join(left)}, {duration(elapsed)} gone")
        facts.add_row(
            Text("trials", style="dim"),
            ", ".join(f"{count} {status_words(status)}" for status, count in sorted(counts.trials.items()))
            or "none yet",
        )
        if campaign.team != "offline":
            said = self._spending.words(archive.calls.spent(campaign.name), campaign)
            facts.add_row(Text("models", style="dim"), Text(said))
        running = archive.leases.unfinished(campaign.name)
        for row, experiment in enumerate(running[:RUNNING_SHOWN]):
            plan = experiment.proposal.plan if experiment.proposal else "thinking"
            facts.add_row(
                Text("running" if row == 0 else "", style="dim"),
                _one_line(f"{experiment.number}  {plan}", self._console.width - 16),
            )
        if self._last_lesson:
            facts.add_row(Text("lesson", style="dim"), _one_line(self._last_lesson, self._console.width - 16))
        bar = Table.grid(expand=True)
        bar.add_row(ProgressBar(total=total, completed=done, width=None))
        return Panel(
            Group(bar, facts),
            title=f"{campaign.name}  {done}/{total}",
            title_align="left",
            border_style="cyan",
        )

    @staticmethod
    def _best(archive: Archive, campaign: Campaign) -> Text:
        champion = archive.experiments.champion(campaign.name)
        if champion is None or champion.score is None:
            return Text("measuring the baseline", style="dim")
        text = Text(score_with_interval(champion.score, champion.interval), style="bold green")
        text.append(f"  {campaign.metric.name} of experiment {champion.number}", style="")
        return text


def conclusion_line(experiment: Experiment, width: int) -> Text:
    """Number, score and plan of an experiment with a verdict; a star marks a new champion."""
    assert experiment.verdict is not None
    plan = experiment.proposal.plan if experiment.proposal else ""
    improved = experiment.verdict.kind is VerdictKind.IMPROVED
    score = f"{experiment.score:.6g}" if experiment.score is not None else "no score"
    mark, style = ("★", "bold green") if improved else ("·", "dim")
    text = Text(f"{mark} {experiment.number:>4}  {score:>10}  ", style=style)
    explained = experiment.verdict.kind in (VerdictKind.UNUSABLE, VerdictKind.NO_EFFECT, VerdictKind.PRUNED)
    text.append(f"{plan}: {experiment.verdict.reason}" if explained else plan, style="" if improved else "dim")
    text.truncate(width, overflow="ellipsis")
    return text


def _one_line(text: str, width: int) -> Text:
    line = Text(text.replace("\n", " "))
    line.truncate(max(20, width), overflow="ellipsis")
    return line


def _is_terminal(to_stderr: bool) -> bool:
    return (sys.stderr if to_stderr else sys.stdout).isatty()
