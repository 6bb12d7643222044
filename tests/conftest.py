"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from tests.support import attack_table
from tests.support.loop_guard import caught, guarded_database
from tests.support.preloaded_command import PreloadedCommand

collect_ignore = ["plugin_package"]  # what it tests is installed by test_plugin_package.py
ROOT = Path(__file__).resolve().parent.parent
EVOLVER = Path(sys.executable).parent / "evolver"

# Tests name docker where they mean it; `auto` would take it for all the others, which would be slower.
os.environ["EVOLVER_SANDBOX"] = "bubblewrap"
# Before anything imports torch: two test processes with two threads each would wait for each other on two CPUs.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

# Property tests: the same few examples every time, or with HYPOTHESIS_PROFILE=nightly many that are new each night.
_SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
hypothesis_settings.register_profile(
    "ci", max_examples=60, deadline=None, derandomize=True, suppress_health_check=_SLOW, database=None
)
hypothesis_settings.register_profile("nightly", max_examples=3000, deadline=None, suppress_health_check=_SLOW)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True, scope="session")
def _guarded_database() -> Iterator[None]:
    with guarded_database():
        yield


@pytest.fixture(autouse=True)
def _no_event_loop_waits_for_the_database() -> Iterator[None]:
    """A coroutine of the product that calls the archive directly fails its test."""
    caught.clear()
    yield
    assert not caught, "\n".join(caught)


@pytest.fixture(scope="session")
def quadratic() -> Path:
    """A deterministic task that takes milliseconds."""
    return ROOT / "benchmarks" / "tasks" / "quadratic"


@pytest.fixture
def slow(quadratic: Path, tmp_path: Path) -> Path:
    """The quadratic task whose program takes a third of a second, so that there is something to watch."""
    task = tmp_path / "quadratic"
    shutil.copytree(quadratic, task)
    program = task / "baseline" / "program.py"
    program.write_text(
        "import time\n" + program.read_text().replace("    x = east()", "    time.sleep(0.3)\n    x = east()")
    )
    return task


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty data folder."""
    return tmp_path / "home"


@pytest.fixture(scope="session")
def preloaded() -> Iterator[PreloadedCommand]:
    """The command with its libraries loaded, for this process of the tests."""
    command = PreloadedCommand({"COLUMNS": "120"})
    yield command
    command.close()


@pytest.fixture
def cli(preloaded: PreloadedCommand, home: Path, tmp_path: Path) -> Cli:
    """Run the command in an empty folder, as a user would."""

    def run(*words: str | Path, check: int | None = 0, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "EVOLVER_HOME": str(home), "COLUMNS": "120"}
        result = preloaded.run(words, cwd=tmp_path, environment=environment, timeout=timeout)
        if check is not None:
            assert result.returncode == check, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what became of each hostile program, if any was run."""
    reports = [r for kind in ("passed", "failed") for r in terminalreporter.stats.get(kind, ()) if r.when == "call"]
    if lines := attack_table.rows(reports):
        terminalreporter.section("hostile programs")
        for line in lines:
            terminalreporter.line(line)
