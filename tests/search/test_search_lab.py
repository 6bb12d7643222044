"""The offline team on landscapes with a known optimum, by the benchmark's command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LAB = Path(__file__).resolve().parents[2] / "benchmarks" / "search_lab.py"


def lab(*words: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, LAB, *words, "--json"], check=True, capture_output=True, text=True, timeout=110
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_six_constants_are_found_that_the_evolution_strategy_does_not_find() -> None:
    found = lab("--landscape", "constants", "--against", "evolution", "--experiments", "40", "--seeds", "3")
    assert found["evolver"]["median"] < 0.6 * found["evolution"]["median"]
    assert found["evolver"]["operators"] == {"tune": 1.0}


def test_techniques_that_help_are_found_among_many() -> None:
    found = lab("--landscape", "techniques", "--arm", "evolver", "--experiments", "30", "--seeds", "1")
    assert found["evolver"]["median"] > 2.0
