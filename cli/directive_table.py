"""The directives of a campaign in a table, with what each changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from evolver.contracts import Directive
from evolver.steering.directives import find_type, measured_effect

if TYPE_CHECKING:
    from evolver.memory import Archive

LONGEST = 200


def directives_of(archive: Archive, name: str) -> list[Directive]:
    """All that was said; questions are left out."""
    return [directive for directive in archive.directives.list(name) if not directive.is_question]


def directives_json(archive: Archive, name: str) -> list[dict[str, Any]]:
    """Directives with their measured effect, for `--json`."""
    return [_with_effect(archive, directive) for directive in directives_of(archive, name)]


def _with_effect(archive: Archive, directive: Directive) -> dict[str, Any]:
    effect = measured_effect(archive, directive)
    return {**directive.model_dump(mode="json"), "effect": effect and effect.model_dump(mode="json")}


def _result(archive: Archive, directive: Directive) -> str:
    """The measured effect, or what came of a directive that has none."""
    effect, known = measured_effect(archive, directive), find_type(directive.kind)
    if effect is not None:
        return str(effect)
    return _short(known.outcome_line(directive) if known is not None else directive.outcome)


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
        result = _result(archive, d)
        said = Text(_short(d.text))
        table.add_row(
            str(d.number),
            d.when.astimezone().strftime("%m-%d %H:%M"),
            Text(d.who),
            d.status,
            str(d.uses or ""),
            said.append(f"\n{result}", style="dim") if result else said,
        )
    return table
