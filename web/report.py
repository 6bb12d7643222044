"""A campaign as one file that needs nothing else: HTML with the page's views, style, scripts and data, or Markdown."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markupsafe import Markup

from evolver.contracts import now
from evolver.formatting import difference_with_interval
from evolver.graph.resolved_run import open_archive
from evolver.graph.summary_record import LessonWorth
from evolver.web.campaign_views import CampaignViews, experiment_line
from evolver.web.charts import curve, lineage
from evolver.web.report_facts import report_facts
from evolver.web.templating import PLOTLY, render, render_text, static_file

MOST_SHOWN = 24
"""Champions whose programs, trials and calls are in the file; the newest of more."""
ROWS = 200
"""Newest experiments whose rows are plain in the file; those of earlier ones are compressed."""
SCRIPTS = (PLOTLY, "chart.js")
UNPACK = "unpack.js"


def report(home: Path, name: str) -> str:
    """The report as HTML. Raises UnknownName."""
    with open_archive(home) as archive:
        views = CampaignViews(archive, home)
        view = views.campaign(name, all_lessons=True)
        experiments, crowned = views.experiments(name), views.crowned(name)
        numbers = {experiment.id: experiment.number for experiment in experiments}
        shown = sorted(numbers[key] for key in crowned if key in numbers)[-MOST_SHOWN:]
        lines = [experiment_line(experiment, numbers, crowned) for experiment in reversed(experiments)]
        inside = frozenset(shown)
        data = json.dumps(curve(view.campaign, experiments, crowned), separators=(",", ":"))
        loader = static_file(UNPACK).read_text(encoding="utf-8")
        return render(
            "report.html",
            view=view,
            facts=report_facts(archive, view, experiments),
            worth=_worth(view.summary.lesson_worth),
            tree=lineage(view.campaign, experiments, crowned),
            table=lines[:ROWS],
            rows=_compressed(render("report-rows.html", lines=lines[ROWS:], name=name, inside=inside)),
            details=[views.experiment(name, number) for number in shown],
            inside=inside,
            left_out=len(crowned) - len(shown),
            written=now(),
            style=Markup(static_file("evolver.css").read_text(encoding="utf-8")),  # noqa: S704 - ours, as the scripts are
            loader=Markup(inline_script(loader)),  # noqa: S704
            packed="\n".join(packed_script(name) for name in SCRIPTS),
            data=Markup(data.replace("<", "\\u003c")),  # noqa: S704
            policy=script_policy(loader, SCRIPTS),
        )


def report_markdown(home: Path, name: str) -> str:
    """The report as Markdown, without the table of all experiments. Raises UnknownName."""
    with open_archive(home) as archive:
        views = CampaignViews(archive, home)
        view = views.campaign(name, all_lessons=True)
        text = render_text(
            "report.md.jinja",
            view=view,
            s=view.summary,
            facts=report_facts(archive, view, views.experiments(name)),
            worth=_worth(view.summary.lesson_worth),
            written=now(),
        )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _worth(worth: LessonWorth) -> str:
    """What memory brought, with its interval where enough is known."""
    said = [
        f"{where}, decisions that memory changed earned {difference_with_interval(found.difference, found.interval)} "
        f"more than such decisions from which it was held out ({found.told} and {found.withheld})."
        for where, found in (("Here", worth.here), ("Over all campaigns on this scope", worth.pooled))
        if found is not None
    ]
    if said:
        return " ".join([*said, "A decision earns the probability that its program beats its parent."])
    return "Nothing can be said yet: too few decisions were taken with memory and without."


@cache
def _script(name: str) -> str:
    return static_file(name).read_text(encoding="utf-8")


@cache
def packed_script(name: str) -> str:
    """A static script compressed, in letters, for the file's loader."""
    return _compressed(_script(name))


def _compressed(text: str) -> str:
    """A text compressed, in letters."""
    return base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()


def inline_script(script: str) -> str:
    """A script that cannot end the element that it stands in."""
    return re.sub(r"<(/script|!--)", r"<\\\1", script, flags=re.IGNORECASE)


def script_policy(loader: str, names: Sequence[str]) -> str:
    """The loader and these static scripts and no other; nothing is fetched from anywhere."""
    scripts = [inline_script(loader), *map(_script, names)]
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
