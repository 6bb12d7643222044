"""`evolver run` and `evolver resume`: drive the campaign, print the outcome."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from evolver.cli.cpu_check import warn_of_sharing
from evolver.cli.foreign_options import ConfigPath, Env, Evaluator, MetricName, Minimize, Root, chosen_task
from evolver.cli.options import Json
from evolver.cli.run_options import BEGINNING, CONTINUING, configured, in_flags, said_of, with_options
from evolver.cli.stderr import say_to_stderr
from evolver.contracts import TrialStatus
from evolver.errors import UsageError, WorkFailed
from evolver.graph.resolved_run import ResolvedRun
from evolver.registry import SANDBOXES
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.cli.progress import Progress
    from evolver.graph.summary_record import Summary

Compare = Annotated[bool, typer.Option("--compare", help="Afterwards run the task's plain methods at equal CPU time.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Run the baseline once, estimate, and stop.")]


@with_options(BEGINNING)
def run(
    task: Annotated[str, typer.Argument(help=said_of("task"))],
    evaluator: Evaluator = "",
    *,
    config: ConfigPath = "",
    root: Root = "",
    env: Env = None,
    metric: MetricName = "",
    minimize: Minimize = False,
    dry_run: DryRun = False,
    compare: Compare = False,
    json: Json = False,
    **said: object,
) -> None:
    """Begin a new campaign, or estimate it."""
    settings = Settings()
    task = chosen_task(task, evaluator, config, root, env, metric, minimize, settings.home)
    with _resolved({"task": task, **said}, settings) as resolved:
        for warning in resolved.task.warnings:
            print(f"WARNING: {warning}", file=sys.stderr)
        warn_of_sharing(resolved)
        if (known := resolved.existing) is not None:
            raise UsageError(
                f"campaign {known.name} exists; continue it with `evolver resume {known.name}`, "
                f"or choose another {in_flags('campaign')}"
            )
        if dry_run:
            from evolver.cli.dry_run import print_estimate

            print_estimate(resolved, json)
            return
        if (earlier := resolved.earlier()) is not None:
            flag = in_flags("from_campaign", earlier.name)
            print(
                f"{earlier.name} was judged alike: {flag} begins with its programs, notes and lessons.", file=sys.stderr
            )
        _drive(resolved, compare=compare, as_json=json)


@with_options(CONTINUING, defaults=False)
def resume(
    campaign: Annotated[str, typer.Argument(help="Name of the campaign (see `evolver list`).")],
    *,
    compare: Compare = False,
    json: Json = False,
    **said: object,
) -> None:
    """Continue an existing campaign."""
    from evolver.graph.campaign_lock import is_running

    with _resolved({"campaign": campaign, **said}, Settings()) as resolved:
        known, context = resolved.archive.campaigns.get(campaign), resolved.context
        begun = resolved.archive.campaigns.counts(known.name).leased
        if context.experiments is not None and context.experiments < begun:
            raise UsageError(
                f"{in_flags('experiments', context.experiments)}: {begun} were begun already; name at least as many"
            )
        if is_running(resolved.home, known.name):
            _wake(resolved)
            return
        if context.workers:
            warn_of_sharing(resolved)
        _drive(resolved, compare=compare, as_json=json)


@contextmanager
def _resolved(said: dict[str, object], settings: Settings) -> Iterator[ResolvedRun]:
    """What was asked for, closed at the end."""
    resolved = ResolvedRun(configured(said, settings), settings=settings, spelling=in_flags)
    try:
        yield resolved
    finally:
        asyncio.run(resolved.close())


def _wake(resolved: ResolvedRun) -> None:
    """A campaign whose process lives, perhaps paused: it continues there, with the new budget and workers."""
    name = resolved.register().name
    print(
        f"Campaign {name} is being run by another process, where it continues. Watch and steer it: evolver chat {name}",
        file=sys.stderr,
    )


def _drive(resolved: ResolvedRun, *, compare: bool, as_json: bool) -> None:
    from evolver.cli.progress import Progress

    prepare_sandbox(resolved)
    progress = Progress(resolved.archive, resolved.register(), resolved.settings, to_stderr=as_json)
    try:
        summary = asyncio.run(_under_progress(resolved, progress, compare=compare))
    except WorkFailed:
        so_far = _summary(resolved)
        if so_far.trials.get(TrialStatus.TAMPERED):
            _report(so_far, resolved, as_json=as_json)
        raise
    _report(summary, resolved, as_json=as_json)


def _report(summary: Summary, resolved: ResolvedRun, *, as_json: bool) -> None:
    if as_json:
        print(summary.model_dump_json())
    else:
        from evolver.cli.summary_view import print_outcome

        print_outcome(summary, resolved.context.home)


def prepare_sandbox(resolved: ResolvedRun) -> None:
    """See that trials can run: make their image unless it is there, look for packages; warn where nothing protects."""
    _warn_unprotected(resolved.sandbox_kind)
    resolved.prepare_sandbox(say_to_stderr)
    say_to_stderr(f"Trials run in {resolved.where}.")
    for line in resolved.protections():
        if line.advice:
            say_to_stderr(f"NOTE: the limit of {line.what} is only watched; to have the kernel hold it, {line.advice}.")


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


async def _under_progress(resolved: ResolvedRun, progress: Progress, *, compare: bool) -> Summary:
    """Run with the display beside it; the first Ctrl-C finishes what runs, the second stops at once."""
    from langgraph.runtime import RunControl

    from evolver.graph.runner import drive

    control, loop = RunControl(), asyncio.get_running_loop()
    work = asyncio.ensure_future(drive(resolved, control))

    def interrupt() -> None:
        if control.drain_requested:
            work.cancel()
        else:
            control.request_drain("interrupted")
            progress.say("Stopping: running trials are finished first; press Ctrl-C again to stop them now.")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    async with progress.watching(), _asking(resolved, progress):
        try:
            summary = await work
        except asyncio.CancelledError:
            progress.say("Stopped at once; what was running will be run again.")
            summary = await resolved.archive.run(_summary, resolved)
    if compare and not control.drain_requested:
        from evolver.graph.baselines import run_comparisons

        summary = await run_comparisons(resolved, progress.say)
    if control.drain_requested:
        print(f"Paused. Continue with: evolver resume {resolved.name}", file=sys.stderr)
    return summary


@asynccontextmanager
async def _asking(resolved: ResolvedRun, progress: Progress) -> AsyncIterator[None]:
    """Ask about experiments that wait for approval, where there is somebody to ask."""
    if not progress.is_conversation:
        yield
        return
    from evolver.cli.approval_prompt import Approvals

    approvals = await resolved.archive.run(Approvals, resolved.archive, resolved.name, progress.aside)
    watcher = asyncio.ensure_future(approvals.watch())
    try:
        yield
    finally:
        approvals.end()
        await watcher


def _summary(resolved: ResolvedRun) -> Summary:
    """How the campaign stands."""
    from evolver.graph.summary import summarise

    return summarise(resolved.archive, resolved.name)
