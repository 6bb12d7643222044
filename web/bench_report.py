"""A bench as tables: on the screen, as Markdown, as CSV, and as one HTML file with plots."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from markupsafe import Markup
from rich.table import Table

from evolver.formatting import interval_text
from evolver.graph.bench_results import ArmResult, BenchResults, BenchRun
from evolver.web.report import UNPACK, inline_script, packed_script, script_policy
from evolver.web.templating import PLOTLY, render, static_file

CHART = "bench-chart.js"
NOT_RUN = "not run"


def arm_table(results: BenchResults) -> Table:
    """The table for a terminal."""
    table = Table(box=None, header_style="dim")
    for column in ("task", "arm", "seeds"):
        table.add_column(column, no_wrap=True)
    for column in ("median", "interval", "share", "to 99 %", "to 99.9 %", "CPU s", "no effect"):
        table.add_column(column, justify="right", no_wrap=True)
    for result in results.arms:
        table.add_row(*_cells(result))
    return table


def _cells(result: ArmResult) -> tuple[str, ...]:
    if result.score is None:
        return (result.task, result.arm, NOT_RUN, "", "", "", "", "", "", "")
    seeds = f"{result.runs}" + (f" of {result.planned}" if result.runs < result.planned else "")
    seeds += f", {result.done} done" if result.done < result.runs else ""
    return (
        result.task,
        result.arm,
        seeds,
        f"{result.score.median:.9g}",
        interval_text(result.score.interval) if result.score.interval else "one seed",
        percent(result.share),
        effort_words(result, "0.99"),
        effort_words(result, "0.999"),
        "" if result.cpu_seconds is None else f"{result.cpu_seconds:.0f}",
        "" if result.without_effect is None else f"{result.without_effect:.0%}",
    )


def percent(share: float | None) -> str:
    """A share of the reference, never rounded up to a whole one."""
    return "" if share is None else f"{int(share * 1e5) / 1e3:.3f} %"


def effort_words(result: ArmResult, level: str) -> str:
    """Experiments, CPU seconds and dollars to a level; a dash where fewer than half of the runs got there."""
    effort = result.efforts.get(level)
    if effort is None:
        return "–"
    usd = "" if not effort.usd else f", ${effort.usd:.2f}"
    return f"{effort.experiments} exp, {effort.cpu_seconds:.0f} s{usd}"


def markdown_table(results: BenchResults) -> str:
    """One row a task: published values, then the median share of each arm; what was not run says so."""
    arms = results.plan.arms
    lines = [
        "| task | best known | " + " | ".join(arms) + " |",
        "| --- | --: |" + " --: |" * len(arms),
    ]
    by_place = {(one.task, one.arm): one for one in results.arms}
    for task in results.tasks:
        known = f"{task.reference:.14g}" if task.is_published and task.reference is not None else "–"
        cells = [_share_cell(by_place[task.name, arm]) for arm in arms]
        lines.append(f"| {task.name} | {known} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _share_cell(result: ArmResult) -> str:
    if result.score is None:
        return NOT_RUN
    share = percent(result.share) or f"{result.score.median:.6g}"
    return share if result.runs == result.planned == result.done else f"{share} ({result.done} of {result.planned})"


COLUMNS = ("task", "arm", "seed", "score", "share", "experiments", "without_effect", "cpu_seconds", "usd", "done")


def runs_csv(results: BenchResults) -> str:
    """One line a run."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in results.runs:
        if run.score is not None:
            writer.writerow([_value(run, column) for column in COLUMNS])
    return text.getvalue()


def _value(run: BenchRun, column: str) -> object:
    value = getattr(run, column)
    return repr(value) if isinstance(value, float) else value


def bench_html(results: BenchResults) -> str:
    """One file that needs nothing else: tables, and plots of every run."""
    loader = static_file(UNPACK).read_text(encoding="utf-8")
    data = json.dumps(plot_data(results), separators=(",", ":"))
    return render(
        "bench.html",
        results=results,
        rows=[(result, _cells(result)) for result in results.arms],
        percent=percent,
        style=Markup(static_file("evolver.css").read_text(encoding="utf-8")),  # noqa: S704 - ours, as the scripts are
        loader=Markup(inline_script(loader)),  # noqa: S704
        packed="\n".join(packed_script(name) for name in (PLOTLY, CHART)),
        data=Markup(data.replace("<", "\\u003c")),  # noqa: S704
        policy=script_policy(loader, (PLOTLY, CHART)),
    )


def plot_data(results: BenchResults) -> dict[str, Any]:
    """What the plots are drawn from: curves of best scores by experiment, and shares by task."""
    return {
        "arms": list(results.plan.arms),
        "tasks": [
            {
                "name": task.name,
                "metric": task.metric,
                "known": task.reference if task.is_published else None,
                "curves": [
                    {"arm": run.arm, "seed": run.seed, "scores": list(run.curve)}
                    for run in results.runs
                    if run.task == task.name and run.curve
                ],
            }
            for task in results.tasks
        ],
        "shares": [
            {"arm": run.arm, "task": run.task, "seed": run.seed, "share": run.share}
            for run in results.runs
            if run.share is not None
        ],
        "frontier": [row.model_dump() for row in results.frontier],
    }
