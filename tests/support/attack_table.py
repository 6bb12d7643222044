"""The table that the suite prints: what became of each attack, by backend."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

_TEST = re.compile(r"tests/adversarial/\S*::test_(?:hostile_program|no_score_is_forged)\[(.+)\]$")
BACKENDS = ("docker", "bubblewrap-root", "bubblewrap-user", "bubblewrap")


def rows(reports: Iterable[Any]) -> list[str]:
    """One line an attack, after a heading; none if no attack was run. `reports` are those of the calls."""
    found: dict[str, dict[str, str]] = {}
    for report in reports:
        if match := _TEST.search(report.nodeid):
            backend, attack = _split(match[1])
            became = dict(report.user_properties).get("became", report.outcome)
            found.setdefault(attack, {})[backend] = f"FAILED ({became})" if report.failed else str(became)
    if not found:
        return []
    used = [name for name in BACKENDS if any(name in cells for cells in found.values())]
    lines = ["".join([f"{'attack':44}", *(f"{name:26}" for name in used)])]
    for attack, cells in sorted(found.items()):
        lines.append("".join([f"{attack[:42]:44}", *(f"{cells.get(name, ''):26}" for name in used)]))
    failures = sum(cell.startswith("FAILED") for cells in found.values() for cell in cells.values())
    total = sum(len(cells) for cells in found.values())
    return [*lines, f"{len(found)} attacks, {total} attempts, {failures} failures"]


def _split(name: str) -> tuple[str, str]:
    """Backend and attack, in whichever order pytest put them."""
    for backend in sorted(BACKENDS, key=len, reverse=True):
        if name.startswith(f"{backend}-"):
            return backend, name.removeprefix(f"{backend}-")
        if name.endswith(f"-{backend}"):
            return backend, name.removesuffix(f"-{backend}")
    return "", name
