"""`--target` ends a campaign when the champion reaches it, `--patience` when none comes for long."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def summary_of(ran: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.stdout.strip().splitlines()[-1])
    return found


def test_a_target_ends_the_campaign_and_a_harder_one_continues_it(quadratic: Path, cli: Callable[..., Any]) -> None:
    first = summary_of(cli("run", quadratic, "-n", 30, "-w", 1, "--target", 8.0, "--json"))
    assert first["best"]["mean"] <= 8.0
    assert first["experiments"] < 30
    assert first["ended"].startswith("the target 8 is reached: experiment")
    more = summary_of(cli("resume", first["campaign"], "--target", -1.0, "-n", first["experiments"] + 2, "--json"))
    assert more["experiments"] == first["experiments"] + 2


def test_a_task_may_name_its_target(quadratic: Path, tmp_path: Path, cli: Callable[..., Any]) -> None:
    folder = Path(shutil.copytree(quadratic, tmp_path / "easy"))
    (folder / "task.yaml").write_text((folder / "task.yaml").read_text() + "target: 100.0\n")
    assert summary_of(cli("run", folder, "-n", 5, "-w", 1, "--json"))["experiments"] == 0


def test_patience_ends_a_campaign_without_a_new_champion(quadratic: Path, cli: Callable[..., Any]) -> None:
    ran = summary_of(cli("run", quadratic, "-n", 60, "-w", 1, "-s", 3, "--patience", 2, "--json"))
    assert ran["ended"] == "no new champion in 2 experiments"
    assert ran["experiments"] - ran["best"]["number"] == 2
