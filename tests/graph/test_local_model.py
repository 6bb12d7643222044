"""Real generation: a small language model on the CPU, served by a process of its own, malformed answers included."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from evolver.contracts import CallStatus
from evolver.graph.resolved_run import open_archive

EXPERIMENTS = 2


@pytest.fixture
def local_model() -> ModuleType:
    """The benchmark that serves the model; benchmarks are scripts, in no package."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "local_model.py"
    spec = importlib.util.spec_from_file_location("local_model", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_campaign_with_a_real_model_completes(
    local_model: ModuleType, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL", "EVOLVER_ANSWER_TOKENS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    with local_model.served(tmp_path) as url:
        local_model.campaign(url, home, EXPERIMENTS, "llm", 80)
    with open_archive(home) as archive:
        experiments = archive.experiments.list(local_model.NAME)
        calls = archive.calls.list(local_model.NAME)
    assert len(experiments) == EXPERIMENTS + 1 and all(e.verdict is not None for e in experiments)
    assert calls and all(call.tokens_in > 100 and call.tokens_out > 0 for call in calls)
    assert all(call.reply or call.status is CallStatus.ERROR for call in calls)
    fates, _, times, _ = local_model.questions(home)
    assert sum(fates.values()) >= 1 and len(times) == len(calls)
