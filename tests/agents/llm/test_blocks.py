"""Models and files of which only marked blocks may change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evolver.contracts import VerdictKind
from tests.agents.llm.conftest import Lab, Script, edit, idea
from tests.support.endpoint import Endpoint

Open = Callable[..., Any]


async def test_a_model_may_change_marked_blocks_alone(lab: Open, task_folder: Path) -> None:
    yaml, program = task_folder / "task.yaml", task_folder / "baseline" / "program.py"
    yaml.write_text(yaml.read_text().replace("  interface:", "  blocks: true\n  interface:"))
    text = program.read_text()
    marked = text.replace("X = 1.0\nY = 1.0\n", "# EVOLVE-BLOCK-START\nX = 1.0\nY = 1.0\n# EVOLVE-BLOCK-END\n")
    assert marked != text
    program.write_text(marked)
    mended = edit("return [3.7, y]", "return [x, y]") + edit("X = 1.0", "X = 3.7")
    script = Script([idea()], [edit("return [x, y]", "return [3.7, y]"), mended])
    with Endpoint(script) as endpoint:
        token_budget: Lab = await lab(endpoint)
        experiment, verdict = await token_budget.run()
        first, repair = (seen.prompt for seen in token_budget.asked("coder"))
    assert "Only what stands between a line with EVOLVE-BLOCK-START" in first
    assert "outside the marked blocks, `return [x, y]` is gone or changed" in repair
    assert verdict.kind is VerdictKind.IMPROVED
    new = token_budget.resources.program(experiment).files["program.py"]
    assert "X = 3.7" in new
    assert "return [x, y]" in new
