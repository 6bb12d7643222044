"""Programs of many files: what a model is shown of them, and edits that add and remove files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from evolver.agents.llm.program_view import files_view
from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import Program, VerdictKind
from tests.agents.llm.conftest import Lab, Script, edit, idea, whole
from tests.support.endpoint import Endpoint
from tests.support.foreign_folders import write_folder

FILES = 200
REMAINDER = "\n".join(f"# Line {number} of what nobody changes in this file." for number in range(10))


def grown(folder: Path) -> None:
    """Make the quadratic task one of a repository of 200 files."""
    yaml = folder / "task.yaml"
    patterns = 'files: ["**/*.py", "prompts/*.md"]\n  deny: ["fixed/**"]'
    yaml.write_text(yaml.read_text().replace("files: [program.py]", patterns))
    modules = {
        f"library/part_{number}.py": f"def helper_{number}(value):\n    return value + {number}\n\n\n{REMAINDER}\n"
        for number in range(FILES)
    }
    files = {**modules, "prompts/ask.md": "Be brief.\n", "fixed/table.py": "TABLE = 1\n", "data.bin": "\0\1"}
    write_folder(folder / "baseline", files)


async def test_a_model_changes_adds_and_removes_files_of_a_repository(
    lab: Callable[..., Any], task_folder: Path
) -> None:
    grown(task_folder)
    changes = (
        edit("X = 1.0", "from library.offset import OFFSET\n\nX = 3.2 + OFFSET")
        + whole("OFFSET = 0.5\n", "library/offset.py")
        + edit("Be brief.", "Be exact.", "prompts/ask.md")
        + "DELETE library/part_7.py\n"
    )
    answer = changes.replace(
        whole("OFFSET = 0.5\n", "library/offset.py"), edit("", "OFFSET = 0.5", "library/offset.py")
    )
    forbidden = whole("TABLE = 2", "fixed/table.py")
    plan = "Set X to 3.7 by an offset, and drop helper_7 of library/part_7.py."
    with Endpoint(Script([idea(plan)], [forbidden, answer])) as endpoint:
        model: Lab = await lab(endpoint)
        experiment, verdict = await model.run()
        researcher, (first, repair) = model.asked("researcher")[0].prompt, (s.prompt for s in model.asked("coder"))
    assert verdict.kind is VerdictKind.IMPROVED
    files = model.resources.program(experiment).files
    assert files["prompts/ask.md"] == "Be exact.\n" and files["library/offset.py"] == "OFFSET = 0.5\n"
    assert "library/part_7.py" not in files and "fixed/table.py" not in files and len(files) == FILES + 2
    assert "other files, which are not shown" in researcher and "other files, which are not shown" in first
    assert "return value + 7\n" in first and "X = 1.0" in first, "the files that matter are shown whole"
    assert "helper_150" in first and "return value + 150\n" not in first
    assert "remove one by a line of its own: DELETE" in first
    assert "fixed/table.py" in repair and "may not be changed or added" in repair


def test_files_that_matter_come_first_and_the_others_stand_in_an_outline() -> None:
    texts = {f"src/module_{n}.rs": f"pub fn work_{n}() -> i32 {{ {n} }}\n" + "// filler\n" * 30 for n in range(30)}
    baseline, text = Program(files=texts), "pub fn work_9() -> i32 { 99 }\n" + "// filler\n" * 30
    changed = Program(files={**texts, "src/module_9.rs": text})
    views = files_view(changed, TokenBudget(2000), 1.0, "Unroll work_4 and read src/module_2.rs", baseline)
    shown = {view.path for view in views[:-1]}
    assert {"src/module_2.rs", "src/module_4.rs", "src/module_9.rs"} <= shown
    assert all(not view.cut for view in views)
    assert "src/module_20.rs (31 lines): work_20" in views[-1].text
    assert views[-1].path == f"outline of the {30 - len(shown)} other files, which are not shown"
    few = files_view(Program(files={"a.py": "x" * 4000, "b.py": "y" * 10}), TokenBudget(1000), 1.0)
    assert [view.path for view in few] == ["a.py", "b.py"] and few[0].cut
