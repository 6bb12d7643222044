"""ShinkaEvolve's examples: initial.py, and evaluate.py that writes metrics.json and correct.json."""

from __future__ import annotations

import ast
from pathlib import Path

from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    docstring_of,
    entries,
    missing_program,
    places,
    program_file,
    summary_of,
    task_name,
)
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.required_packages import hint, packages
from evolver.tasks.source_files import text_of, tree_of

PROGRAM, EVALUATOR = "initial", "evaluate.py"
SECONDS = 610.0
"""Of a trial; ShinkaEvolve keeps the limit in its launcher, not in the example."""
_SIGNS = ("run_shinka_eval", "results_dir", "metrics.json")
"""Words of which one stands in every evaluator of ShinkaEvolve."""


class ShinkaImporter(Importer):
    """Reads the examples of ShinkaEvolve."""

    name = "shinka"

    def recognises(self, folder: Path) -> bool:
        """By evaluate.py and an initial program."""
        return (folder / EVALUATOR).is_file() and program_file(folder, PROGRAM) is not None

    def nearly(self, folder: Path) -> str:
        """Its evaluator without a program."""
        evaluator = folder / EVALUATOR
        return missing_program(folder, evaluator, "initial.py") if evaluator.is_file() and _is_one(evaluator) else ""

    def read(self, folder: Path) -> ForeignTask:
        """The example in a folder. Raises TaskError."""
        program = program_file(folder, PROGRAM)
        assert program is not None
        return _read(folder, program, folder / EVALUATOR)

    def read_pair(self, folder: Path, program: Path, evaluator: Path, config: Path | None) -> ForeignTask | None:
        """An evaluator that writes metrics.json."""
        return _read(folder, program, evaluator) if evaluator.suffix == ".py" and _is_one(evaluator) else None


def _is_one(evaluator: Path) -> bool:
    text = text_of(evaluator)
    return any(sign in text for sign in _SIGNS)


def _read(folder: Path, program: Path, evaluator: Path) -> ForeignTask:
    message, needs = _task_message(folder), packages(folder, evaluator, program)
    return ForeignTask(
        system="ShinkaEvolve",
        runner="shinka",
        folder=folder,
        name=task_name(folder),
        summary=summary_of(message, docstring_of(evaluator), docstring_of(program)),
        program=program.name,
        text=text_of(program),
        entry=entries(folder, program, evaluator),
        metric="combined_score",
        seconds={"full": SECONDS},
        requires=needs.required,
        options={**places(folder, program, evaluator)},
        notes={"task_message.md": message} if message else {},
        warnings=(*absent_requirements(folder), *hint(needs)),
    )


def _task_message(folder: Path) -> str:
    """The text for models that a run_evo.py holds under a name such as search_task_sys_msg, if any."""
    for path in sorted(folder.glob("run_evo*.py")):
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))) if "sys_msg" in name:
                    return text.strip()
                case ast.keyword(arg=str(name), value=ast.Constant(value=str(text))) if "sys_msg" in name:
                    return text.strip()
    return ""
