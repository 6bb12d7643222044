"""`evolver lessons CAMPAIGN QUERY`: lessons that answer a question, with the parts of their scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evolver.cli.index_apart import index_apart
from evolver.contracts import Lesson, LessonStatus

if TYPE_CHECKING:
    from evolver.memory import Hit

SHOWN = "shown"
PARTS = ("meaning", "words", "confidence", "recency", "repetition")


def print_found_lessons(lessons: Sequence[Lesson], query: str, numbers: Mapping[str, int], as_json: bool) -> None:
    """Print lessons, the best answer first; `numbers` tells experiments by their ids."""
    by_id = {lesson.id: lesson for lesson in lessons}
    hits = _found(lessons, query)
    if as_json:
        rows = [
            {**by_id[hit.id].model_dump(mode="json"), "score": hit.score, "parts": hit.parts.model_dump(mode="json")}
            for hit in hits
        ]
        print(json.dumps({"lessons": rows}))
        return
    if not hits:
        print("No lessons yet: no experiment has shown a decisive difference.")
        return
    table = Table(box=None, header_style="dim", expand=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("effect", justify="right", no_wrap=True)
    table.add_column("claim, experiments, and the parts of the score", overflow="fold", ratio=1)
    for hit in hits:
        lesson, parts = by_id[hit.id], hit.parts.model_dump()
        said = " ".join(f"{part} {parts[part]:+.3f}" for part in PARTS if parts[part])
        rests_on = ", ".join(str(numbers[key]) for key in lesson.evidence)
        table.add_row(
            f"{hit.score:.3f}",
            f"{lesson.effect:+.4g}",
            Text.assemble(lesson.claim, (f"\nexperiments {rests_on} · {said}", "dim")),
        )
    Console(highlight=False).print(table)


def _found(lessons: Sequence[Lesson], query: str) -> Sequence[Hit]:
    if not lessons:
        return []
    with index_apart() as memory:
        # Those that are told no more are shown here, too.
        memory.add_lessons([x.model_copy(update={"scope": SHOWN, "status": LessonStatus.TENTATIVE}) for x in lessons])
        return memory.search_lessons(query, SHOWN, len(lessons))
