"""What `evolver run` says at the end."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evolver.contracts import CONTENDED, SHORTEST_WAIT, CampaignStatus, Claim, TrialStatus
from evolver.evaluation.cycling import Cycling
from evolver.formatting import (
    claim_words,
    cost,
    counted,
    difference_with_interval,
    duration,
    is_point,
    score_with_interval,
    status_words,
)
from evolver.graph.summary_record import Cost, ModelCost, Summary


def print_outcome(summary: Summary, home: Path, console: Console | None = None) -> None:
    """A table of the outcome and where to look next."""
    console = console or Console(highlight=False)
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    best, baseline, metric = summary.best, summary.baseline, summary.metric
    if baseline:
        table.add_row(
            "baseline", f"{score_with_interval(baseline.mean, baseline.interval)}  {metric} ({summary.direction})"
        )
    if best:
        found = f"[bold green]{score_with_interval(best.mean, best.interval)}[/]  experiment {best.number}, "
        found += claim_words(best.claim, len(best.seeds))
        table.add_row("best", found if best.number else "the baseline: no experiment was better with evidence")
    _add_evidence(table, summary)
    _add_retest(table, summary)
    for arm in summary.comparisons:
        said = f"{arm.score:.6g}" if arm.score is not None else f"no score: {arm.reason}"
        table.add_row("compare", f"{said}  {arm.name}, {arm.cpu_seconds:.0f} CPU s, one run")
    standings = ", ".join(
        f"{count} {status_words(name)}" for name, count in sorted(summary.experiments_by_standing.items())
    )
    trials = ", ".join(f"{count} {status_words(name)}" for name, count in sorted(summary.trials.items()))
    table.add_row("experiments", f"{summary.experiments} ({standings})" if standings else f"{summary.experiments}")
    table.add_row("trials", trials or "none")
    _add_learnt(table, summary)
    if summary.team != "offline" or summary.cost.calls:
        table.add_row("team", f"{summary.team}: {', '.join(summary.models)}" if summary.models else summary.team)
        table.add_row("models", Text(cost_line(summary.cost)))
        for role, share in summary.cost.by_role.items():
            table.add_row("", Text(f"{role}: {cost(share.usd, share.tokens_in + share.tokens_out)}, {_calls(share)}"))
    table.add_row("time", f"{duration(summary.seconds)}, {summary.cpu_seconds:.0f} CPU s in trials")
    console.print(f"\n[bold]{summary.campaign}[/] is {summary.status}")
    console.print(table)
    _print_front(console, summary)
    for remark in summary.remarks:
        console.print(Text(f"Note: {remark}", style="yellow"))
    if tampered := summary.trials.get(TrialStatus.TAMPERED):
        console.print(
            f"[bold red]TAMPERED: the task's files were changed while {tampered} of these trials ran; "
            "those have no score.[/]"
        )
    if starved := summary.trials.get(TrialStatus.MACHINE_TROUBLE):
        console.print(
            f"[yellow]{starved} of these trials could not end because other work had the CPUs: machine trouble, which "
            "says nothing about their programs. They were run again alone, in vain.[/]"
        )
    if summary.contended:
        console.print(
            f"[yellow]{summary.contended} of these trials waited more than {CONTENDED:.0%} of their time, and "
            f"{SHORTEST_WAIT:g} s, for a CPU: scores that depend on time are not comparable. `show CAMPAIGN ID` tells "
            "which; fewer --workers, or less work beside, helps.[/]"
        )
    if summary.ended:
        failed = summary.status is CampaignStatus.FAILED
        said = f"Failed: {summary.ended}" if failed else f"Ended early: {summary.ended}."
        console.print(Text(said, style="bold red" if failed else "yellow"))
    name = summary.campaign
    if summary.status is CampaignStatus.FINISHED:
        hints = (
            ("See it", f"evolver show {name}"),
            ("What it learned", f"evolver lessons {name}"),
            ("Take it", f"evolver export {name} -o DIR"),
            ("Continue", f"evolver resume {name} {_more(summary)}"),
            ("Data folder", str(home)),
        )
        # A command stands on a line of its own and is never broken in two.
        console.print("\n" + "\n".join(f"{what + ':':<17}{said}" for what, said in hints), soft_wrap=True, markup=False)


def _print_front(console: Console, summary: Summary) -> None:
    """Programs that keep the limits and that no other dominates, with their objectives."""
    if not summary.front:
        return
    table = Table(box=None, header_style="dim")
    table.add_column("no.", justify="right", no_wrap=True)
    for one in summary.objectives:
        table.add_column(str(one), justify="right")
    table.add_column("stands on")
    for member in summary.front:
        scores = [
            Text(score_with_interval(score.mean, score.interval), style="yellow" if score.keeps_limit is False else "")
            for score in member.objectives
        ]
        table.add_row(str(member.number), *scores, claim_words(member.claim, member.replicates))
    console.print("\n[bold]Front[/]")
    console.print(table)


def _more(summary: Summary) -> str:
    """The option that lets a finished campaign go on."""
    budget = summary.budget
    for word, option, now in (
        ("time budget", "--time", f"{budget.seconds or 0:g}s"),
        ("token budget", "--tokens", f"{budget.tokens}"),
        ("model budget", "--cost", f"{budget.usd}"),
    ):
        if word in summary.ended:
            return f"{option} MORE (now {now})"
    return f"--experiments {max(2 * summary.experiments, budget.experiments + 1)}"


def _add_evidence(table: Table, summary: Summary) -> None:
    """How the champion was found, where that is not plain."""
    if summary.confirmations:
        said = f"{counted(summary.confirmations, 'candidate')} tested against the champion on fresh replicates"
        table.add_row("confirmations", said)
    if summary.best and summary.best.claim is Claim.FIT:
        table.add_row("looks", f"{counted(summary.looks, 'program')} judged on the same data")
    if summary.dethroned:
        numbers = ", ".join(map(str, summary.dethroned))
        table.add_row("dethroned", Text(f"{numbers}: no better than the baseline on fresh replicates", style="yellow"))
    for name, told in summary.stages.lines:
        table.add_row(name, Text(told))
    if summary.best and (rate := summary.best.reliability) is not None and rate.scored < rate.runs:
        table.add_row("reliability", f"{rate}, experiment {summary.best.number}")


def _add_retest(table: Table, summary: Summary) -> None:
    fresh, best = summary.fresh, summary.best
    if fresh is None:
        if summary.retest_failed:
            table.add_row("re-tested", Text(f"no score on fresh replicates: {summary.retest_failed}", style="bold red"))
        return
    gain = difference_with_interval(fresh.delta, fresh.interval)
    where = (
        "run again"
        if is_point(fresh.interval)
        else f"on fresh {'replicates (held-out)' if fresh.held_out else 'seeds'}"
    )
    against = f", {gain} against the baseline there" if best and best.number else ""
    table.add_row("re-tested", f"{fresh.mean:.6g}  {where}{against}")
    if fresh.failed:
        table.add_row("", f"[bold red]no score on {fresh.failed} of {fresh.replicates}[/] fresh replicates")
    for name, (ours, base) in fresh.sealed.items():
        table.add_row(name, f"{ours:.6g}  kept from the search; the baseline has {base:.6g}")


def cost_line(spent: Cost) -> str:
    """What models were paid in all."""
    return f"{cost(spent.usd, spent.tokens)} ({spent.tokens_in:,} in, {spent.tokens_out:,} out), {spent.calls} calls"


def _calls(share: ModelCost) -> str:
    repaired = f", {share.repaired} answers repaired" if share.repaired else ""
    lost = f", {share.lost} questions lost" if share.lost else ""
    return f"{share.calls} calls{repaired}{lost}"


def _add_learnt(table: Table, summary: Summary) -> None:
    """How many lessons, what memory is worth, and whether the search goes in circles."""
    table.add_row("lessons", str(summary.lessons))
    if worth := str(summary.lesson_worth):
        table.add_row("memory", Text(worth))
    if summary.cycling.brought_back:
        table.add_row("cycling", Text(cycling_words(summary.cycling)))


def cycling_words(found: Cycling) -> str:
    """How much of what the champion's lineage added had been removed before."""
    share = f"{found.brought_back} of {counted(found.added, 'line')} that the champion's lineage added"
    return f"{share} had been removed before, such as `{found.lines[0][:60]}`"
