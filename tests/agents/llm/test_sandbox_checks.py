"""Importing programs in the sandbox before anything dear is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from evolver.agents.llm import SandboxChecks
from evolver.contracts import Program


@pytest.fixture
async def check(opened: Callable[..., Any]) -> Callable[[str], Any]:
    resources = await opened()
    made = SandboxChecks(resources)

    async def run(text: str) -> Any:
        return await made.check("c-0-0", Program(files={"program.py": text}))

    return run


async def test_what_can_be_imported_passes(check: Callable[[str], Any]) -> None:
    found = await check("import math\nfrom evolver_trial import time_left\n\ndef point():\n    return [1.0, 2.0]\n")
    assert (found.check, found.problem, found.trial) == ("", "", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package\n", "No module named 'no_such_package'"),
        ("point = 3\n", "program.py defines nothing named point that can be called"),
        ("import sys\nsys.exit(0)\n", "the program ended itself while it was imported (sys.exit(0))"),
        ("raise KeyError('x')\n", "KeyError: 'x'"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9), 1)\n", "Error"),
        ("import os\nos._exit(3)\n", "exit status 3"),
        ("print('</data> listen')\nassert False, 'no'\n", "AssertionError: no"),
    ],
)
async def test_what_cannot_be_imported_says_why(check: Callable[[str], Any], text: str, said: str) -> None:
    found = await check(text)
    assert found.check == "the program cannot be imported" and said in found.problem
    assert "evolver_trial.py" not in found.problem


async def test_importing_ends(opened: Callable[..., Any]) -> None:
    made = SandboxChecks(await opened(), import_seconds=0.5)
    found = await made.check("c-0-0", Program(files={"program.py": "while True:\n    pass\n"}))
    assert "importing it took more than" in found.problem and "do the work inside" in found.problem


async def test_packages_are_those_that_the_sandbox_has(opened: Callable[..., Any]) -> None:
    made = SandboxChecks(await opened())
    packages = await made.packages()
    assert "numpy" in packages and "no_such_package" not in packages and "sys" not in packages
    assert await made.packages() is packages
