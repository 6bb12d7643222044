"""What becomes of the output never ends a run: closed pipes, full disks, letters that cannot be encoded."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus
from evolver.graph.existing_archive import open_archive
from tests.support.level_task import level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.mark.parametrize(
    "words",
    [
        "| head -1",
        "2>&1 | head -c 1",
        ">/dev/full 2>&1",
        ">&- 2>&-",
        "--json 2>&- | head -c 1",
    ],
)
def test_a_run_goes_on_where_nobody_listens(tmp_path: Path, home: Path, words: str) -> None:
    task = level_task(tmp_path)
    command = f"{EVOLVER} run {task} -n 3 -w 1 -c c {words}"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, "EVOLVER_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.FINISHED
        assert archive.campaigns.counts("c").finished == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_cannot_be_encoded_is_replaced(tmp_path: Path, home: Path, encoding: str) -> None:
    environment = {**os.environ, "EVOLVER_HOME": str(home), "PYTHONIOENCODING": encoding}
    for words in (["run", level_task(tmp_path), "-n", "3", "-w", "1", "-c", "c"], ["show", "c"], ["list"], ["doctor"]):
        done = subprocess.run([EVOLVER, *words], env=environment, capture_output=True, timeout=100, check=False)
        assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr[-1000:]
