"""A finished campaign of the offline team, made once for all tests that ask about it, and an archive to write into."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver.contracts import Budget, Campaign, Metric
from evolver.graph import Context, run
from evolver.graph.resolved_run import open_archive
from evolver.memory import Archive
from tests.conftest import ROOT


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a campaign `c` with 14 experiments on the quadratic task."""
    home = tmp_path_factory.mktemp("finished")
    task = ROOT / "benchmarks" / "tasks" / "quadratic"
    os.environ.setdefault("EVOLVER_SANDBOX", "bubblewrap")
    run(Context(task=str(task), campaign="c", experiments=14, workers=1, home=home))
    return home


@pytest.fixture
def archive(finished: Path, tmp_path: Path) -> Iterator[Archive]:
    """A copy of that campaign's archive."""
    shutil.copytree(finished, tmp_path / "home")
    with open_archive(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def blank(tmp_path: Path) -> Iterator[Archive]:
    """An archive with one campaign that has not begun."""
    with open_archive(tmp_path / "blank") as opened:
        opened.campaigns.add(
            Campaign(
                name="c",
                task=str(ROOT / "benchmarks" / "tasks" / "quadratic"),
                task_version="v",
                metric=Metric.model_validate({"name": "squared_distance", "direction": "minimize"}),
                stage="full",
                seed=0,
                workers=2,
                budget=Budget(experiments=10),
                sandbox="auto",
            )
        )
        yield opened
