"""What may not be ordered over the network: addresses for keys, other folders, files as notes, bare processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolver.errors import UsageError
from evolver.graph import Context
from evolver.graph.remote_policy import refuse_remote

OWN = "http://127.0.0.1:8080/v1"
FOREIGN = "https://attacker.example/v1"


@pytest.fixture(autouse=True)
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(tmp_path / "home"))
    for name in ("BASE_URL", "MODEL", "SANDBOX"):
        monkeypatch.delenv(f"EVOLVER_{name}", raising=False)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"models": (f"openai:gpt-5-mini@{FOREIGN}",)}, "EVOLVER_BASE_URL"),
        ({"models": ("openai:gpt-5-mini", f"coder=anthropic:claude-x@{FOREIGN}@0.5")}, "EVOLVER_BASE_URL"),
        ({"models": (f"x@{OWN}",)}, "EVOLVER_BASE_URL"),
        ({"base_url": FOREIGN}, "EVOLVER_BASE_URL"),
        ({"notes": ("/etc/passwd",)}, "notes: "),
        ({"home": Path("/elsewhere")}, "home: "),
        ({"sandbox": "none"}, "command line alone"),
        ({"sandbox": "subprocess:Popen"}, "command line alone"),
        ({"parents": "subprocess:Popen"}, "command line alone"),
    ],
)
def test_what_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        refuse_remote(Context(**asked))


@pytest.mark.parametrize(
    ("own", "asked"),
    [
        ({}, {}),
        ({}, {"models": ("openai:gpt-5-mini", "coder=anthropic:claude-x@0.5", "google-vertexai:claude-3@20240229")}),
        ({"BASE_URL": OWN}, {"models": ("qwen3",), "base_url": OWN}),
        ({"BASE_URL": OWN}, {"models": (f"openai:qwen3@{OWN}",)}),
        ({"MODEL": f"openai:a coder=openai:b@{OWN}"}, {"models": (f"openai:c@{OWN}",)}),
        ({"SANDBOX": "none"}, {"sandbox": "none"}),
        ({"SANDBOX": "package.module:Own"}, {}),
    ],
)
def test_what_is_not(own: dict[str, str], asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in own.items():
        monkeypatch.setenv(f"EVOLVER_{name}", value)
    refuse_remote(Context(**asked))
