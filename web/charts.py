"""The score curve and the lineage as compact data, the same for the page and the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from evolver.contracts import Campaign, Experiment, Record, Standing, Trial, TrialStatus

SMALL = 60
"""Experiments up to which the lineage shows every one."""
KINDS = ("improved", "not_improved", "indecisive", "no_effect", "pruned", "unusable", "open", "baseline")
ACROSS, DOWN, MARGIN, CORNER = 60, 30, 20, 8
"""Of the lineage's picture, in its own units."""


def curve(campaign: Campaign, experiments: Sequence[Experiment], crowned: Sequence[str]) -> dict[str, JsonValue]:
    """Columns over all experiments, and the steps of the champions that `crowned` names in order."""
    by_id = {e.id: e for e in experiments}
    steps = [by_id[key] for key in crowned if key in by_id]
    columns: dict[str, list[Any]] = {
        "number": [e.number for e in experiments],
        "score": [_short(e.score) for e in experiments],
        "low": [_short(e.interval[0]) if e.interval else None for e in experiments],
        "high": [_short(e.interval[1]) if e.interval else None for e in experiments],
        "kind": [KINDS.index(kind_of(e)) for e in experiments],
        "idea": [_idea(e) for e in experiments],
    }
    return {
        "campaign": campaign.name,
        "metric": campaign.metric.name,
        "direction": campaign.metric.direction,
        "kinds": list(KINDS),
        "steps": _steps(steps),
        **columns,
    }


def _steps(champions: Sequence[Experiment]) -> list[JsonValue]:
    """Where the champion's line rises. One that was crowned after a later experiment was stands where that one does."""
    steps: list[JsonValue] = []
    place = 0
    for champion in champions:
        place = max(place, champion.number)
        steps.append([place, _short(champion.score)])
    return steps


def kind_of(experiment: Experiment) -> str:
    """The word that colour and shape stand for."""
    if experiment.number == 0:
        return "baseline"
    return str(experiment.verdict.kind) if experiment.verdict else "open"


def _short(value: float | None) -> float | None:
    """Seven digits draw the same picture as sixteen."""
    return None if value is None else float(f"{value:.7g}")


def _idea(experiment: Experiment) -> str:
    proposal = experiment.proposal
    text = (proposal.plan or proposal.hypothesis) if proposal else ""
    return text if len(text) <= 80 else text[:79] + "…"


class TrainingCurve(Record):
    """The curve of one trial in a picture of several."""

    said: str
    """Whose it is."""
    path: str
    """Its line."""
    pruned: bool
    """Whether the trial was stopped by it."""


class TrainingPlot(Record):
    """What trials reported while they ran, in one picture."""

    curves: tuple[TrainingCurve, ...]
    low: float
    high: float
    last: int
    """The highest step."""


PLOT_WIDTH, PLOT_HEIGHT = 560, 160
"""Of the picture of training curves, in its own units."""
MOST_CURVES = 12


def training_plot(trials: Sequence[Trial]) -> TrainingPlot | None:
    """The curves of trials, from step 0 to the right; the bulk of the values fills the height. None without any."""
    shown = [trial for trial in trials if trial.curve][:MOST_CURVES]
    values = sorted(value for trial in shown for _, value in trial.curve)
    if not values:
        return None
    # The first steps of a training may lie far away.
    low, high = values[len(values) // 50], values[-1 - len(values) // 50]
    last = max(1, *(trial.curve[-1][0] for trial in shown))
    room = (high - low) or 1.0

    def place(step: int, value: float) -> str:
        across, up = PLOT_WIDTH * step / last, (min(high, max(low, value)) - low) / room
        return f"{across:.1f} {PLOT_HEIGHT * (1.0 - up):.1f}"

    curves = [
        TrainingCurve(
            said=f"{trial.stage}, seed {trial.seed}",
            path="M" + "L".join(place(*point) for point in trial.curve),
            pruned=trial.status is TrialStatus.PRUNED,
        )
        for trial in shown
    ]
    return TrainingPlot(curves=tuple(curves), low=low, high=high, last=last)


class Node(Record):
    """An experiment's place in the picture."""

    number: int
    kind: str
    x: float
    y: float
    branch: str
    """The path from its parent; empty for a root."""
    champion: bool
    on_line: bool
    """Whether the present champion descends from it."""
    others: int
    """Children that are not drawn."""
    said: str


class Lineage(Record):
    """The tree of first parents: generations to the right."""

    nodes: tuple[Node, ...]
    width: float
    height: float
    left_out: int


def lineage(
    campaign: Campaign, experiments: Sequence[Experiment], crowned: Sequence[str], *, everything: bool = False
) -> Lineage:
    """The tree; of a large campaign only the champions with their ancestors, and what is in work."""
    by_id = {e.id: e for e in experiments}
    parent = {e.id: _parent(e, by_id) for e in experiments}
    line = _ancestors(campaign.champion, parent)
    shown = set(by_id) if everything or len(experiments) <= SMALL else _worth_showing(experiments, crowned, parent)
    ever = set(crowned)
    children: dict[str | None, list[str]] = {}
    for experiment in experiments:
        if experiment.id in shown:
            children.setdefault(parent[experiment.id], []).append(experiment.id)
    hidden: dict[str | None, int] = {}
    for experiment in experiments:
        if experiment.id not in shown:
            hidden[parent[experiment.id]] = hidden.get(parent[experiment.id], 0) + 1
    places = _layout(children)
    nodes = []
    for key, (depth, row) in places.items():
        experiment, above = by_id[key], parent[key]
        start = places.get(above) if above else None
        nodes.append(
            Node(
                number=experiment.number,
                kind=kind_of(experiment),
                x=MARGIN + depth * ACROSS,
                y=MARGIN + row * DOWN,
                branch=_branch(start, (depth, row)) if start else "",
                champion=key in ever,
                on_line=key in line,
                others=hidden.get(key, 0),
                said=f"{experiment.number}: {_idea(experiment) or kind_of(experiment)}",
            )
        )
    deepest = max((depth for depth, _ in places.values()), default=0)
    lowest = max((row for _, row in places.values()), default=0.0)
    return Lineage(
        nodes=tuple(nodes),
        width=2 * MARGIN + deepest * ACROSS + 30,
        height=2 * MARGIN + lowest * DOWN,
        left_out=len(experiments) - len(nodes),
    )


def _branch(start: tuple[int, float], end: tuple[int, float]) -> str:
    """Down from the parent, around a corner, then across."""
    (x0, y0), (x1, y1) = ((MARGIN + depth * ACROSS, MARGIN + row * DOWN) for depth, row in (start, end))
    if y0 == y1:
        return f"M{x0} {y0}H{x1}"
    return f"M{x0} {y0}V{y1 - CORNER}Q{x0} {y1} {x0 + CORNER} {y1}H{x1}"


def _parent(experiment: Experiment, by_id: dict[str, Experiment]) -> str | None:
    parents = experiment.proposal.parents if experiment.proposal else ()
    return parents[0] if parents and parents[0] in by_id else None


def _ancestors(key: str | None, parent: dict[str, str | None]) -> set[str]:
    line: set[str] = set()
    while key is not None and key not in line:
        line.add(key)
        key = parent.get(key)
    return line


def _worth_showing(
    experiments: Sequence[Experiment], crowned: Sequence[str], parent: dict[str, str | None]
) -> set[str]:
    """Champions with their ancestors, the baseline, and what runs now."""
    shown = {e.id for e in experiments if e.number == 0 or (e.standing is Standing.OPEN and e.verdict is None)}
    for key in crowned:
        shown |= _ancestors(key, parent)
    return shown


def _layout(children: dict[str | None, list[str]]) -> dict[str, tuple[int, float]]:
    """Depth and row of every node: leaves take rows in turn, a parent stands beside its first child."""
    places: dict[str, tuple[int, float]] = {}
    row = 0.0
    stack: list[tuple[str, int, bool]] = [(key, 0, True) for key in reversed(children.get(None, []))]
    first = True
    while stack:
        key, depth, opens_row = stack.pop()
        if opens_row and not first:
            row += 1
        first = False
        places[key] = (depth, row)
        below = children.get(key, [])
        for position, child in reversed(list(enumerate(below))):
            stack.append((child, depth + 1, position > 0))
    return places
