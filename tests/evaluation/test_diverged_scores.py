"""Scores that are finite and enormous: an experiment that diverges is dropped, and nothing else happens."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.level_task import JUDGE, PROGRAM, SPEC, level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_campaign_with_diverging_programs_goes_to_its_end(tmp_path: Path, cli: Cli) -> None:
    program = PROGRAM.replace("return level + shift", "return (level + shift) * (1e200 if level < 1.0 else 1.0)")
    judge = JUDGE.replace("(x - 4.25) ** 2", "abs(x - 4.25) * (1e100 if x > 1e100 else 1.0) * (1 + seed / 100)")
    task = level_task(tmp_path, program, judge=judge, spec=SPEC.replace("replicates: 1", "replicates: 3"))
    summary = json.loads(cli("run", task, "-n", "8", "-w", "1", "-s", "1", "-c", "c", "--json").stdout)
    assert (summary["status"], summary["experiments"]) == ("finished", 8)
    shown = json.loads(cli("show", "c", "--last", "20", "--json").stdout)
    scores = [e["score"] for e in shown["recent"] if e["score"] is not None]
    assert all(abs(score) < 1e308 for score in scores)
    again = json.loads(cli("resume", "c", "-n", "9", "--json").stdout)
    assert again["experiments"] == 9
