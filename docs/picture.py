"""Draws the README's moving picture from a campaign that was really run.

evolver run circle-packing
python docs/picture.py circle-packing-1 docs/circle-packing.svg
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

import evolver
from evolver.cli.progress import conclusion_line  # what a terminal shows is no part of the public face
from evolver.cli.summary_view import print_outcome

WIDTH = 108
STEP, HOLD = 0.45, 6.0
"""Seconds between two lines of the moving picture, and for which it stands when it is whole."""


def main(name: str, output: str) -> None:
    """Show the champions in order, then the outcome."""
    home = evolver.Settings().home
    console = Console(record=True, width=WIDTH, file=io.StringIO(), highlight=False, force_terminal=True)
    with evolver.open_archive(home) as archive:
        summary = evolver.summarise(archive, name)
        for event in archive.events.list(name, kind=evolver.event.RunsIn)[:1]:
            console.print(Text(f"$ {event.data.command}", style="bold"))
        for event in archive.events.list(name, kind=evolver.event.ChampionCrowned):
            console.print(conclusion_line(archive.experiments.get(str(event.experiment)), WIDTH))
        print_outcome(summary, home, console)
    drawn = console.export_svg(title="evolver")
    drawn = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # no font is fetched
    Path(output).write_text(moving(drawn), encoding="utf-8")


def moving(svg: str) -> str:
    """Have the lines of a terminal's SVG appear one after another, again and again; whole where nothing may move."""
    lines = 1 + max(int(number) for number in re.findall(r"-line-(\d+)\)", svg))
    total = lines * STEP + HOLD
    rules = [
        f"@keyframes l{n} {{0%, {100 * n * STEP / total:.2f}% {{opacity: 0}} "
        f"{100 * n * STEP / total + 0.01:.2f}%, 100% {{opacity: 1}}}} "
        f".l{n} {{animation: l{n} {total:g}s infinite}}"
        for n in range(1, lines)
    ]
    style = "@media (prefers-reduced-motion: no-preference) {" + " ".join(rules) + "}</style>"
    svg = svg.replace("</style>", style, 1)
    return re.sub(r'<text class="([^"]*)"([^>]*-line-(\d+)\))', r'<text class="\1 l\3"\2', svg)


if __name__ == "__main__":
    main(*sys.argv[1:])
