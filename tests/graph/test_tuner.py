"""Campaigns whose constants a sampler chooses: they can be repeated and resumed, and others stay as they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver.contracts import Operator
from evolver.graph import Context, arun
from evolver.graph.resolved_run import open_archive


async def programs(task: Path, home: Path, *budgets: int, seed: int = 1, tuner: str = "optuna:tpe") -> list[str | None]:
    """The programs of a campaign, in order, that had its budget raised in steps."""
    for budget in budgets:
        await arun(
            Context.model_validate(
                {
                    "task": str(task),
                    "campaign": "c",
                    "experiments": budget,
                    "workers": 1,
                    "home": home,
                    "seed": seed,
                    "tuner": tuner,
                }
            )
        )
    with open_archive(home) as archive:
        return [experiment.program for experiment in archive.experiments.list("c")]


@pytest.mark.slow
async def test_a_sampled_campaign_is_repeated_and_resumed_exactly(quadratic: Path, tmp_path: Path) -> None:
    whole = await programs(quadratic, tmp_path / "whole", 24)
    again = await programs(quadratic, tmp_path / "again", 9, 16, 24)
    assert whole == again
    other = await programs(quadratic, tmp_path / "other", 24, tuner="evolution")
    assert whole != other
    with open_archive(tmp_path / "whole") as archive:
        assert archive.campaigns.get("c").tuner == "optuna:tpe"
        tuned = [e for e in archive.experiments.list("c") if e.proposal and e.proposal.operator == Operator.TUNE]
        both = [e for e in tuned if e.proposal and {"X", "Y"} <= set(e.proposal.component.split(", "))]
    assert len(tuned) >= 8
    assert len(both) >= 4
