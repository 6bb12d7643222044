"""The directives of a campaign in a table, with what each changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from evolver.contracts import Directive
from evolver.steering.directive_effect import MEASURED, effect_of

if TYPE_CHECKING:
    from evolver.memory import Archive

LONGEST = 200


def directives_of(archive: Archive, name: str) -> list[Directive]:
    """All that was ordered; questions are left out."""
    return [directive for directive in archive.directives.list(name) if directive.kind != "ask"]


def directives_json(archive: Archive, name: str) -> list[dict[str, Any]]:
    """Directives with their measured effect, for `--json`."""
    return [
        {
            **directive.model_dump(mode="json"),
            "effect": effect_of(archive, directive).model_dump(mode="json") if directive.kind in MEASURED else None,
        }
        for directive in directives_of(archive, name)
    ]


def _came_of(directive: Directive) -> str:
    """The outcome in one line; of an ablation, its most valuable part too."""
    head, _, rest = directive.outcome.partition("\n")
    if directive.kind != "ablate" or not rest:
        return head
    return f"{head.partition(' Without one change')[0]} Most of it: {rest.partition(chr(10))[0].strip()}"


def _short(text: str) -> str:
    """The first line, as much of it as a row can take."""
    line = text.partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def directives_table(archive: Archive, name: str) -> Table | None:
    """A row for each directive; None where there are none."""
    known = directives_of(archive, name)
    if not known:
        return None
    table = Table(box=None, header_style="dim", expand=True)
    for column in ("no.", "when", "who", "status", "experiments"):
        table.add_column(column, no_wrap=True, justify="right" if column in ("no.", "experiments") else "left")
    table.add_column("said, and what came of it", overflow="fold", ratio=1)
    for d in known:
        effect = str(effect_of(archive, d)) if d.kind in MEASURED else _short(_came_of(d))
        said = Text(_short(d.text))
        table.add_row(
            str(d.number),
            d.when.astimezone().strftime("%m-%d %H:%M"),
            Text(d.who),
            d.status,
            str(d.uses or ""),
            said.append(f"\n{effect}", style="dim") if effect else said,
        )
    return table
