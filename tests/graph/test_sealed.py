"""A metric that a task seals: measured in every trial, told to nobody before the champion is re-tested."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evolver.agents.llm.rendering import score_lines
from evolver.graph import Context, arun
from evolver.graph.resolved_run import open_archive
from evolver.web.report import report


@pytest.fixture
def sealed(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task, whose judge also tells how far to the right the point lies."""
    copy = tmp_path / "sealed"
    shutil.copytree(quadratic, copy)
    (copy / "task.yaml").write_text((copy / "task.yaml").read_text() + "sealed: [first_coordinate]\n")
    judge = (copy / "judge.py").read_text()
    (copy / "judge.py").write_text(
        judge.replace(
            "zip(point, target, strict=True))}",
            'zip(point, target, strict=True)),\n            "first_coordinate": point[0]}',
        )
    )
    return copy


async def test_a_sealed_metric_waits_for_the_report(sealed: Path, home: Path) -> None:
    summary = await arun(Context(task=str(sealed), experiments=8, workers=1, home=home))
    assert summary.fresh is not None
    ours, base = summary.fresh.sealed["first_coordinate"]
    assert ours != base
    with open_archive(home) as archive:
        champion = archive.experiments.champion(summary.campaign)
        assert champion is not None
        trials = archive.trials.list(champion.id)
    assert all("first_coordinate" in trial.sealed and "first_coordinate" not in trial.metrics for trial in trials)
    assert not any("first_coordinate" in line for line in score_lines(trials, [], "0"))
    assert "first_coordinate, which the search never saw" in report(home, summary.campaign)
