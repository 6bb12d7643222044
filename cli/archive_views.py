"""`evolver list`, `show` and `lessons`: the archive in tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import indent
from typing import TYPE_CHECKING

from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from evolver.cli.directive_table import directives_json, directives_table
from evolver.cli.lesson_search import print_found_lessons
from evolver.contracts import Call, Claim, Experiment, Program, Trial
from evolver.contracts.champion_events import ChampionCrowned
from evolver.contracts.lesson import told_order
from evolver.diffs import unified
from evolver.evaluation.reliability import reliability_of
from evolver.formatting import (
    claim_words,
    cost,
    counted,
    difference_with_interval,
    duration,
    score_with_interval,
    size,
    sparkline,
)
from evolver.graph.campaign_lock import shown_status
from evolver.graph.resolved_run import open_archive
from evolver.graph.summary import cost_of, summarise
from evolver.settings import Settings
from evolver.steering.review_page import newest_review, review_lines

if TYPE_CHECKING:
    from evolver.memory import Archive


NARROW = 100
"""Columns of a terminal below which metrics and teams are left out; `evolver show` has them."""


def show_campaigns(as_json: bool) -> None:
    """All campaigns of the data folder."""
    settings = Settings()
    home = settings.home
    with open_archive(home) as archive:
        listed = archive.campaigns.list()
        campaigns = [c.model_copy(update={"status": shown_status(c, settings)}) for c in listed]
        costs = {c.name: cost_of(archive, c.name) for c in campaigns}
        if as_json:
            rows = [{**c.model_dump(mode="json"), "cost": costs[c.name].model_dump(mode="json")} for c in campaigns]
            print(json.dumps({"campaigns": rows}))
            return
        if not campaigns:
            print(f"No campaigns in {home}. Start one: evolver run circle-packing")
            return
        console, table = Console(highlight=False), Table(box=None, header_style="dim")
        for column in ("campaign", "status", "experiments", "best", "metric", "team", "time", "cost"):
            right = column in ("experiments", "best", "time", "cost")
            table.add_column(column, justify="right" if right else "left", no_wrap=True)
        for campaign in campaigns:
            champion = archive.experiments.champion(campaign.name)
            best = f"{champion.score:.6g}" if champion and champion.score is not None else ""
            done = archive.campaigns.counts(campaign.name).finished
            table.add_row(
                campaign.name,
                campaign.status,
                f"{done}/{campaign.budget.experiments}",
                best,
                f"{campaign.metric.name} {'↓' if campaign.metric.direction == 'minimize' else '↑'}",
                campaign.team,
                duration(campaign.seconds),
                cost(costs[campaign.name].usd, costs[campaign.name].tokens) if costs[campaign.name].calls else "$0",
            )
        if console.width < NARROW:
            table.columns = [column for column in table.columns if column.header not in ("metric", "team")]
        console.print(table)


def show_campaign(name: str, last: int, as_json: bool) -> None:
    """One campaign: outcome, the steps of its champions, and its most recent experiments."""
    from evolver.cli.summary_view import print_outcome

    home = Settings().home
    with open_archive(home) as archive:
        status = shown_status(archive.campaigns.get(name), Settings())
        summary = summarise(archive, name).model_copy(update={"status": status})
        line = _champions(archive, name)
        newest = archive.campaigns.counts(name).leased
        recent = archive.experiments.list(name, after=max(-1, newest - last))
        if as_json:
            print(
                json.dumps(
                    {
                        "summary": summary.model_dump(mode="json"),
                        "champions": [e.model_dump(mode="json") for e in line],
                        "recent": [e.model_dump(mode="json") for e in recent],
                        "directives": directives_json(archive, name),
                    }
                )
            )
            return
        console = Console(highlight=False)
        print_outcome(summary, home, console)
        console.print("\n[bold]Champions[/]")
        console.print(_experiments_table(archive, line))
        console.print(f"\n[bold]Last {len(recent)} experiments[/]")
        console.print(_experiments_table(archive, recent))
        if (said := directives_table(archive, name)) is not None:
            console.print("\n[bold]Directives[/]")
            console.print(said)


def show_review(name: str, as_json: bool) -> None:
    """The page that was written about a campaign last."""
    with open_archive(Settings().home) as archive:
        archive.campaigns.get(name)
        page = newest_review(archive, name)
    if as_json:
        print(json.dumps({"review": None if page is None else page.model_dump(mode="json")}))
    else:
        Console(highlight=False, markup=False).print("\n".join(review_lines(page)))


def _champions(archive: Archive, name: str) -> list[Experiment]:
    """Every experiment that was champion, in order."""
    return [
        archive.experiments.get(event.experiment)
        for event in archive.events.list(name, kind=ChampionCrowned)
        if event.experiment
    ]


def _experiments_table(archive: Archive, experiments: Sequence[Experiment]) -> Table:
    table = Table(box=None, header_style="dim", expand=True)
    table.add_column("no.", justify="right", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("parents", justify="right", no_wrap=True)
    table.add_column("operator", no_wrap=True)
    table.add_column("what", overflow="ellipsis", no_wrap=True, ratio=1)
    for e in experiments:
        plan = e.proposal.plan if e.proposal else "not proposed yet"
        verdict = _verdict_word(e)
        style = {"improved": "green", "unusable": "red", "no_effect": "dim", "pruned": "dim"}.get(verdict, "")
        parents = _parents(archive, e)
        table.add_row(
            str(e.number),
            "" if e.score is None else f"{e.score:.6g}",
            Text(verdict, style=style),
            parents,
            str(e.proposal.operator) if e.proposal else "",
            Text(plan),
        )
    return table


def _verdict_word(experiment: Experiment) -> str:
    if experiment.claim is Claim.DETHRONED:
        return "dethroned"
    return str(experiment.verdict.kind) if experiment.verdict else "open"


def show_experiment(name: str, number: int, as_json: bool) -> None:
    """One experiment: proposal, diff against its parent, trials, verdict, lessons."""
    with open_archive(Settings().home) as archive:
        experiment = archive.experiments.by_number(name, number)
        metric = archive.campaigns.get(name).metric.name
        trials = archive.trials.list(experiment.id)
        lessons = [lesson for lesson in archive.lessons.list(campaign=name) if experiment.id in lesson.evidence]
        calls = archive.calls.list(name, experiment.id)
        program = archive.programs.get(experiment.program) if experiment.program else None
        diff, parents = _diff(archive, experiment, program), _parents(archive, experiment)
        if as_json:
            print(
                json.dumps(
                    {
                        "experiment": experiment.model_dump(mode="json"),
                        "trials": [{**t.model_dump(mode="json"), "contention": t.contention} for t in trials],
                        "lessons": [x.model_dump(mode="json") for x in lessons],
                        "calls": [c.model_dump(mode="json") for c in calls],
                        "program": program.files if program else None,
                        "diff": diff,
                    }
                )
            )
            return
    console = Console(highlight=False)
    console.print(f"[bold]Experiment {number}[/] of {name}")
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    if experiment.proposal:
        proposal = experiment.proposal
        facts.add_row("hypothesis", Text(proposal.hypothesis))
        facts.add_row("operator", str(proposal.operator))
        if proposal.author:
            facts.add_row("by", Text(proposal.author))
        facts.add_row("parents", parents or "none")
        facts.add_row(
            "given",
            f"{counted(len(proposal.notes), 'note')}, {counted(len(proposal.lessons), 'lesson')}"
            + (" (lessons held out)" if proposal.lessons_withheld else ""),
        )
    if experiment.verdict:
        verdict = experiment.verdict
        said = (
            ""
            if verdict.delta is None
            else f" {difference_with_interval(verdict.delta, verdict.interval)} against the champion"
        )
        facts.add_row("verdict", Text(f"{verdict.kind}{said} {verdict.reason}".strip()))
        for one in verdict.objectives:
            broken = ", breaks its limit" if one.keeps_limit is False else ""
            against = difference_with_interval(one.delta, one.interval)
            facts.add_row("", Text(f"{one.name} {one.mean:.6g}, {against} against the champion{broken}"))
    if experiment.score is not None:
        on = claim_words(experiment.claim, experiment.replicates)
        facts.add_row("score", f"{score_with_interval(experiment.score, experiment.interval)}  {on}")
    if (rate := reliability_of(trials)) is not None and rate.scored < rate.runs:
        facts.add_row("reliability", str(rate))
    for lesson in lessons:
        facts.add_row("lesson", Text(lesson.claim))
    for call in calls:
        facts.add_row("call" if call is calls[0] else "", Text(_call_line(call)))
    console.print(facts)
    for trial in trials:
        _print_trial(console, trial, metric)
    if diff:
        console.print(Syntax(diff, "diff", background_color="default", word_wrap=True))


def _print_trial(console: Console, trial: Trial, metric: str) -> None:
    """A trial with its metrics, or why there are none, and what was said of it."""
    metrics = ", ".join(f"{key} {value:.6g}" for key, value in trial.metrics.items())
    console.print(
        Text(
            f"trial {trial.stage} seed {trial.seed}: {trial.status} {metrics or trial.reason} "
            f"({trial.seconds:.2f} s, {size(trial.peak_memory)}{_processors(trial)})"
        )
    )
    if trial.is_contended:
        console.print(Text("  it waited too long for CPUs: do not compare times", style="yellow"))
    if trial.curve:
        (first, begin), (last, end) = trial.curve[0], trial.curve[-1]
        drawn = sparkline([value for _, value in trial.curve])
        console.print(Text(f"  curve {drawn} {begin:.4g} at step {first}, {end:.4g} at {last}"))
    if trial.audited:
        console.print(Text(f"  a rule would have given it up, and it went on to measure that: {trial.pruning}"))
    elif trial.pruning and trial.metrics:
        console.print(Text(f"  {trial.pruning}", style="yellow"))
    if trial.gate:
        console.print(Text(f"  it did not pass a gate: {trial.gate}", style="yellow"))
    if zero := trial.zero_with_error(metric):
        console.print(Text(f"  {zero}", style="yellow"))
    if trial.feedback:
        console.print(Text(indent(str(trial.feedback), "  "), style="dim"))
    if not trial.metrics and trial.log_tail.strip():
        console.print(Text(trial.log_tail.strip()[-1500:], style="dim"))


def _processors(trial: Trial) -> str:
    """The CPUs of a trial, and how long it waited for them; empty where nothing is known."""
    if trial.contention is None:
        return ""
    where = f"CPU {', '.join(map(str, trial.processors))} alone" if trial.processors else "shared CPUs"
    return f", {where}, {trial.contention:.0%} of its time waiting"


def _call_line(call: Call) -> str:
    problem = f": {call.error}" if call.error else ""
    return (
        f"{call.role} ({call.purpose}) by {call.model}: {cost(call.usd, call.tokens_in + call.tokens_out)}, "
        f"{call.seconds:.1f} s, {call.status}{problem}"
    )


def _parents(archive: Archive, experiment: Experiment) -> str:
    """Numbers of the experiments that it was made from."""
    keys = experiment.proposal.parents if experiment.proposal else ()
    return " ".join(str(archive.experiments.get(key).number) for key in keys)


def _diff(archive: Archive, experiment: Experiment, program: Program | None) -> str:
    """Unified diff against the first parent; the whole program where there is none."""
    parents = experiment.proposal.parents if experiment.proposal else ()
    key = archive.experiments.get(parents[0]).program if parents else None
    return unified(archive.programs.get(key) if key else None, program, "parent", "this")


def show_lessons(name: str, query: str | None, as_json: bool) -> None:
    """A campaign's lessons, the best known and strongest first, or those that answer a question first."""
    home = Settings().home
    with open_archive(home) as archive:
        archive.campaigns.get(name)
        lessons = archive.lessons.list(campaign=name)
        numbers = {
            evidence: archive.experiments.get(evidence).number for lesson in lessons for evidence in lesson.evidence
        }
    if query:
        print_found_lessons(lessons, query, numbers, as_json)
        return
    ranked = sorted(lessons, key=told_order)
    if as_json:
        print(json.dumps({"lessons": [lesson.model_dump(mode="json") for lesson in ranked]}))
        return
    if not ranked:
        print("No lessons yet: no experiment has been compared with its parent.")
        return
    console = Console(highlight=False)
    table = Table(box=None, header_style="dim", expand=True)
    table.add_column("effect", justify="right")
    table.add_column("helps", justify="right")
    table.add_column("status")
    table.add_column("experiments")
    table.add_column("claim", overflow="fold", ratio=1)
    for lesson in ranked:
        table.add_row(
            f"{lesson.effect:+.4g}",
            "" if lesson.helps is None else f"{lesson.helps:.0%}",
            str(lesson.status),
            " ".join(str(numbers[e]) for e in lesson.evidence),
            Text(lesson.claim),
        )
    console.print(table)
