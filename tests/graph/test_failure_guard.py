"""A campaign of which nothing gets through a check stops, and says in the check's words why."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support.endpoint import Endpoint, Seen, Step, good
from tests.support.improver import answer, role_of
from tests.support.level_task import level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_check_that_lets_nothing_through_ends_the_campaign(tmp_path: Path, cli: Cli) -> None:
    def script(seen: Seen) -> Step:
        if role_of(seen) == "coder":
            return good("program.py\n```python\ndef value():\n    return undefined\n```\n")
        return answer(seen)

    with Endpoint(script) as endpoint:
        said = cli(
            *("run", level_task(tmp_path), "-n", "20", "-w", "1", "--team", "llm", "--model", "openai:m"),
            *("--base-url", endpoint.url),
            check=1,
        )
    assert "no program got through in 8 experiments in a row" in said.stderr
    assert "undefined name 'undefined'" in said.stderr
