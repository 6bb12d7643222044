"""Fixtures that every folder of tests shares."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
EVOLVER = Path(sys.executable).parent / "evolver"

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def quadratic() -> Path:
    """A deterministic task that takes milliseconds."""
    return ROOT / "benchmarks" / "tasks" / "quadratic"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty data folder."""
    return tmp_path / "home"


@pytest.fixture
def cli(home: Path, tmp_path: Path) -> Cli:
    """Run the installed command in an empty folder, as a user would."""

    def run(*words: str | Path, check: int | None = 0, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [EVOLVER, *map(str, words)],
            check=False,
            cwd=tmp_path,
            env={**os.environ, "EVOLVER_HOME": str(home), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check is not None:
            assert result.returncode == check, f"{words}: {result.returncode}\n{result.stdout}\n{result.stderr}"
        return result

    return run
