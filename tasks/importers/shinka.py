"""ShinkaEvolve's examples: initial.py, and evaluate.py that writes metrics.json and correct.json."""

from __future__ import annotations

import ast
from pathlib import Path

from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    entries,
    packages,
    python_program,
    summary_of,
    task_name,
    text_of,
    tree_of,
)
from evolver.tasks.importers.importer import ForeignTask, Importer

PROGRAM, EVALUATOR = "initial", "evaluate.py"
SECONDS = 610.0
"""Of a trial; ShinkaEvolve keeps the limit in its launcher, not in the example."""


class ShinkaImporter(Importer):
    """Reads the examples of ShinkaEvolve."""

    name = "shinka"

    def recognises(self, folder: Path) -> bool:
        """By evaluate.py and an initial program."""
        return (folder / EVALUATOR).is_file() and any(folder.glob(f"{PROGRAM}.*"))

    def read(self, folder: Path) -> ForeignTask:
        """The example in a folder. Raises TaskError."""
        evaluator, program = folder / EVALUATOR, python_program(folder, PROGRAM)
        message = _task_message(folder)
        absent = absent_requirements(folder)
        return ForeignTask(
            system="ShinkaEvolve",
            runner="shinka",
            folder=folder,
            name=task_name(folder),
            summary=summary_of(
                message, ast.get_docstring(tree_of(evaluator)) or "", ast.get_docstring(tree_of(program)) or ""
            ),
            program=program.name,
            text=text_of(program),
            entry=entries(program, evaluator),
            metric="combined_score",
            seconds={"full": SECONDS},
            requires=packages(folder, evaluator, program),
            notes={"task_message.md": message} if message else {},
            warnings=(f"requirements.txt names what is not installed here: {', '.join(absent)}",) if absent else (),
        )


def _task_message(folder: Path) -> str:
    """The text for models that the example's run_evo.py holds under a name such as search_task_sys_msg, if any."""
    path = folder / "run_evo.py"
    if not path.is_file():
        return ""
    for node in tree_of(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if "sys_msg" in name:
                return text.strip()
    return ""
