"""Runs trials the way a backend without mounts does: folders laid out below EVOLVER_ROOT, two processes."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from evolver.tasks import RUNTIME, new_task


@dataclass(frozen=True)
class Ran:
    """What a trial left: the harness's exit status and log, and the judge's answer if it was asked."""

    status: int
    log: str
    seconds: float
    cpu_seconds: float
    """Of the harness and its processes."""
    outputs: Path
    answer: dict[str, Any]

    @property
    def metrics(self) -> dict[str, float]:
        assert "metrics" in self.answer, f"{self.answer} {self.log}"
        metrics: dict[str, float] = self.answer["metrics"]
        return metrics


RunTrial = Callable[..., Ran]


@pytest.fixture
def run_trial(tmp_path: Path) -> RunTrial:
    """run_trial(task folder, {file: text}, seed=0, seconds=8.0, phase="run", artifacts=None) -> Ran."""
    numbers = itertools.count()

    def run(
        task: Path,
        program: dict[str, str],
        *,
        seed: int = 0,
        seconds: float = 8.0,
        phase: str = "run",
        artifacts: Path | None = None,
    ) -> Ran:
        root = tmp_path / f"trial-{next(numbers)}"
        for name in ("task", "judge", "out", "program"):
            (root / name).mkdir(parents=True)
        shutil.copytree(RUNTIME, root / "evolver")
        shutil.copy(task / "harness.py", root / "task")
        shutil.copy(task / "judge.py", root / "judge")
        for name in ("public", "private"):
            if (task / name).is_dir():
                shutil.copytree(task / name, root / name)
        if artifacts is not None:
            shutil.copytree(artifacts, root / "artifacts")
        for name, text in program.items():
            (root / "program" / name).write_text(text)
        environment = {
            "PATH": os.environ["PATH"],
            "EVOLVER_ROOT": str(root),
            "EVOLVER_STAGE": "full",
            "EVOLVER_SEED": str(seed),
            "EVOLVER_PHASE": phase,
            "EVOLVER_SECONDS": str(seconds),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
        }
        began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        harness = _python(root / "evolver" / "run_harness.py", environment)
        took, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        answer: dict[str, Any] = {}
        (root / "out").rename(root / "outputs")
        if harness.returncode == 0:
            (root / "out").mkdir()
            judge = _python(root / "evolver" / "run_judge.py", environment)
            assert judge.returncode == 0, judge.stderr
            answer = json.loads((root / "out" / "metrics.json").read_text())
        return Ran(
            status=harness.returncode,
            log=harness.stdout + harness.stderr,
            seconds=took,
            cpu_seconds=now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime,
            outputs=root / "outputs",
            answer=answer,
        )

    return run


def _python(script: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=400, check=False
    )


LoadFile = Callable[[Path], ModuleType]


@pytest.fixture
def load_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoadFile]:
    """Import a file of a task or of the runtime, with evolver_trial importable as it is in the sandbox."""
    monkeypatch.syspath_prepend(str(RUNTIME))

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        return module

    yield load
    sys.modules.pop("evolver_trial", None)


def fences(notes: Path) -> str:
    """The Python code of all notes in a folder, one after another."""
    texts = [path.read_text() for path in sorted(notes.glob("*.md"))]
    return "\n".join(code for text in texts for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL))


@pytest.fixture(name="fences")
def fences_fixture() -> Callable[[Path], str]:
    return fences


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A task folder to change: the one that `evolver task new` writes."""
    folder = tmp_path / "example"
    new_task(folder, "example")
    return folder
