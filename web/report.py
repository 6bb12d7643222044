"""A campaign as one HTML file that needs nothing else: the page's views, with their style, scripts and data inside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

from markupsafe import Markup

from evolver.contracts import now
from evolver.graph.resolved_run import open_archive
from evolver.web.campaign_views import CampaignViews, experiment_line
from evolver.web.charts import curve, lineage
from evolver.web.templating import PLOTLY, render, static_file

MOST_SHOWN = 60
"""Champions whose programs, trials and calls are in the file; the newest of more."""


def report(home: Path, name: str) -> str:
    """The report's text. Raises UnknownName."""
    with open_archive(home) as archive:
        views = CampaignViews(archive, home)
        view = views.campaign(name, all_lessons=True)
        experiments, crowned = views.experiments(name), views.crowned(name)
        numbers = {experiment.id: experiment.number for experiment in experiments}
        shown = sorted(numbers[key] for key in crowned if key in numbers)[-MOST_SHOWN:]
        data = json.dumps(curve(view.campaign, experiments, crowned), separators=(",", ":"))
        scripts = [static_file(name).read_text(encoding="utf-8") for name in (PLOTLY, "chart.js")]
        return render(
            "report.html",
            view=view,
            tree=lineage(view.campaign, experiments, crowned),
            table=[experiment_line(experiment, numbers, crowned) for experiment in reversed(experiments)],
            details=[views.experiment(name, number) for number in shown],
            inside=frozenset(shown),
            left_out=len(crowned) - len(shown),
            written=now(),
            style=Markup(static_file("evolver.css").read_text(encoding="utf-8")),  # noqa: S704 - ours, as the scripts are
            scripts=[Markup(_inline(script)) for script in scripts],  # noqa: S704
            data=Markup(data.replace("<", "\\u003c")),  # noqa: S704
            policy=_policy([_inline(script) for script in scripts]),
        )


def _inline(script: str) -> str:
    """A script that cannot end the element that it stands in."""
    return re.sub(r"<(/script|!--)", r"<\\\1", script, flags=re.IGNORECASE)


def _policy(scripts: list[str]) -> str:
    """These scripts and no other; nothing is fetched from anywhere."""
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'"
