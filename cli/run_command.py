"""`evolver run` and `evolver resume`: check the options, drive the campaign, print the outcome."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolver.cli.choices import sandbox_choice, say_to_stderr, team_choice
from evolver.cli.cpu_check import warn_of_sharing, workers_for
from evolver.contracts import CAMPAIGN_NAME, TrialStatus
from evolver.errors import UsageError, WorkFailed
from evolver.registry import SANDBOXES
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.cli.progress import Progress
    from evolver.graph.context import Context
    from evolver.graph.summary import Summary

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class RunOptions:
    """What was said on the command line."""

    task: str
    campaign: str
    experiments: int | None = None
    time: str | None = None
    workers: int | None = None
    sandbox: str | None = None
    notes: tuple[str, ...] = ()
    stage: str = ""
    seed: int = 0
    parents: str = "ucb1"
    tuner: str = "evolution"
    recall: bool = True
    compare: bool = False
    team: str | None = None
    models: tuple[str, ...] = ()
    base_url: str = ""
    cost: float | None = None
    tokens: int | None = None
    approve_above: str | None = None
    json_only: bool = False


def parse_duration(text: str) -> float:
    """Seconds in `90`, `90s`, `10m`, `1.5h` or `2d`. Raises UsageError."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds <= 0:
        raise UsageError(f"--time {text}: write a positive duration such as 90s, 10m or 2h")
    return seconds


def _threshold(text: str | None) -> float | None:
    """Seconds above which a person is asked; 0 asks always. Raises UsageError."""
    if text is None or text.strip() == "0":
        return None if text is None else 0.0
    try:
        return parse_duration(text)
    except UsageError:
        raise UsageError(f"--approve-above {text}: write 0, or a duration such as 90s, 10m or 2h") from None


def start(options: RunOptions, *, dry_run: bool) -> None:
    """Begin a new campaign, or estimate it."""
    from evolver.graph.sessions import open_archive

    if options.campaign:
        check_name(options.campaign)
    context = _context(options)
    context = context.model_copy(update={"workers": options.workers or workers_for(context)})
    _warn_of_task(context.task)
    warn_of_sharing(context)
    if options.campaign:
        with open_archive(context.home) as archive:
            if any(known.name == options.campaign for known in archive.campaigns.list()):
                raise UsageError(
                    f"campaign {options.campaign} exists; continue it with `evolver resume {options.campaign}`, "
                    "or choose another --campaign"
                )
    if dry_run:
        from evolver.cli.dry_run import print_estimate

        print_estimate(context, options.json_only)
        return
    _drive(context, options)


def go_on(options: RunOptions) -> None:
    """Continue an existing campaign."""
    from evolver.graph.campaign_lock import is_running
    from evolver.graph.sessions import open_archive

    with open_archive(Settings().home) as archive:
        campaign = archive.campaigns.get(options.campaign)
        begun = archive.campaigns.counts(campaign.name).leased
    if options.experiments is not None and options.experiments < begun:
        raise UsageError(f"--experiments {options.experiments}: {begun} were begun already; name at least as many")
    given = {
        "task": campaign.task,
        "workers": options.workers or campaign.workers,
        "sandbox": options.sandbox or campaign.sandbox,
    }
    if is_running(Settings().home, options.campaign):
        _wake(_context(options, **given))
        return
    context = _context(options, **given)
    if options.workers:
        warn_of_sharing(context)
    _drive(context, options)


def _wake(context: Context) -> None:
    """A campaign whose process lives, perhaps paused: it continues there, with the new budget and workers."""
    from evolver.graph.sessions import register

    register(context)
    print(
        f"Campaign {context.campaign} is being run by another process, where it continues. Watch and steer it: "
        f"evolver chat {context.campaign}",
        file=sys.stderr,
    )


def _context(options: RunOptions, **given: Any) -> Context:
    from pydantic import ValidationError

    from evolver.graph.context import Context

    values: dict[str, Any] = {
        "task": options.task,
        "campaign": options.campaign,
        "experiments": options.experiments,
        "seconds": parse_duration(options.time) if options.time else None,
        "workers": options.workers or 1,
        "sandbox": sandbox_choice(options.sandbox),
        "stage": options.stage,
        "seed": options.seed,
        "parents": options.parents,
        "tuner": options.tuner,
        "recall": options.recall,
        "notes": options.notes,
        "team": team_choice(options.team),
        "models": options.models,
        "base_url": options.base_url,
        "cost": options.cost,
        "tokens": options.tokens,
        "approve_above": _threshold(options.approve_above),
        **given,
    }
    try:
        return Context(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--{first['loc'][0]} {first.get('input')}: {first['msg'].lower()}") from None


def check_name(name: str) -> None:
    """Whether a campaign can have this name. Raises UsageError."""
    if not re.fullmatch(CAMPAIGN_NAME, name):
        raise UsageError(f"--campaign {name}: use letters, digits, dot, dash and underscore, at most 64")


def _drive(context: Context, options: RunOptions) -> None:
    from evolver.cli.progress import Progress
    from evolver.graph.sessions import register

    prepare_sandbox(context)
    campaign = register(context)
    context = context.model_copy(update={"campaign": campaign.name})
    progress = Progress(context.home, campaign, to_stderr=options.json_only)
    try:
        summary = asyncio.run(_under_progress(context, progress, compare=options.compare))
    except WorkFailed:
        so_far = _paused(context)
        if so_far.trials.get(TrialStatus.TAMPERED):
            _report(so_far, context, options)
        raise
    _report(summary, context, options)


def _report(summary: Summary, context: Context, options: RunOptions) -> None:
    if options.json_only:
        print(summary.model_dump_json())
    else:
        from evolver.cli.summary_view import print_outcome

        print_outcome(summary, context.home)


def prepare_sandbox(context: Context) -> None:
    """See that trials can run: make their image unless it is there, look for packages; warn where nothing protects."""
    _warn_unprotected(context.sandbox)
    from evolver.evaluation.environment import sandbox_for
    from evolver.tasks import load_task

    task = load_task(context.task)
    sandbox = sandbox_for(task, context.sandbox, 1, stage=context.stage, progress=say_to_stderr)
    asyncio.run(sandbox.close())


def _warn_of_task(reference: str) -> None:
    """Say what a task's scores are worth, where that needs saying."""
    from evolver.tasks import load_task

    for warning in load_task(reference).warnings:
        print(f"WARNING: {warning}", file=sys.stderr)


def _warn_unprotected(sandbox: str) -> None:
    """Say what a sandbox that protects nothing does not guard."""
    if sandbox == "auto" or SANDBOXES.load(sandbox).protects:
        return
    print(
        f"WARNING: --sandbox {sandbox} runs candidate programs as you, on this machine. Not protected:", file=sys.stderr
    )
    for line in SANDBOXES.load(sandbox).open(1).protections():
        if not line.enforced:
            print(f"  {line.what}: {line.how}", file=sys.stderr)


async def _under_progress(context: Context, progress: Progress, *, compare: bool) -> Summary:
    """Run with the display beside it; the first Ctrl-C finishes what runs, the second stops at once."""
    from langgraph.runtime import RunControl

    from evolver.graph.runner import arun

    control, loop = RunControl(), asyncio.get_running_loop()
    work = asyncio.ensure_future(arun(context, control=control))

    def interrupt() -> None:
        if control.drain_requested:
            work.cancel()
        else:
            control.request_drain("interrupted")
            progress.say("Stopping: running trials are finished first; press Ctrl-C again to stop them now.")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    async with progress.watching(), _asking(context, progress):
        try:
            summary = await work
        except asyncio.CancelledError:
            progress.say("Stopped at once; what was running will be run again.")
            summary = _paused(context)
    if compare and not control.drain_requested:
        from evolver.graph.baselines import run_comparisons

        summary = await run_comparisons(context, progress.say)
    if control.drain_requested:
        print(f"Paused. Continue with: evolver resume {context.campaign}", file=sys.stderr)
    return summary


@asynccontextmanager
async def _asking(context: Context, progress: Progress) -> AsyncIterator[None]:
    """Ask about experiments that wait for approval, where there is somebody to ask."""
    if not progress.is_conversation:
        yield
        return
    from evolver.cli.approval_prompt import Approvals

    approvals = Approvals(context.home, context.campaign, progress.aside)
    watcher = asyncio.ensure_future(approvals.watch())
    try:
        yield
    finally:
        approvals.end()
        await watcher


def _paused(context: Context) -> Summary:
    from evolver.graph.sessions import open_archive
    from evolver.graph.summary import summarise

    with open_archive(context.home) as archive:
        return summarise(archive, context.campaign)
