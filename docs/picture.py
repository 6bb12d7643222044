"""Draws the README's picture from a campaign that was really run.

evolver run circle-packing --campaign picture --compare
python docs/picture.py picture docs/circle-packing.svg
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from evolver.cli.progress import conclusion_line
from evolver.cli.summary_view import print_outcome
from evolver.graph.sessions import open_archive
from evolver.graph.summary import summarise
from evolver.settings import Settings

WIDTH = 108


def main(name: str, output: str) -> None:
    """Show the champions in order, then the outcome."""
    home = Settings().home
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, force_terminal=True)
    with open_archive(home) as archive:
        summary = summarise(archive, name)
        console.print(Text(f"$ evolver run {summary.task} --experiments {summary.experiments} --compare", style="bold"))
        for event in archive.events.list(name, kind="champion"):
            console.print(conclusion_line(archive.experiments.get(str(event.experiment)), WIDTH))
        print_outcome(summary, home, console)
    drawn = console.export_svg(title="evolver")
    Path(output).write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL))  # no font is fetched


if __name__ == "__main__":
    main(*sys.argv[1:])
