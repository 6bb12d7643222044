"""ASI-Evolve's experiments: input.md, initial_program, and eval.sh that leaves results.json beside the code."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolver.errors import TaskError
from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    entries,
    packages,
    settings_of,
    summary_of,
    task_name,
    text_of,
)
from evolver.tasks.importers.importer import ForeignTask, Importer

TASK, SCRIPT = "input.md", "eval.sh"
PROGRAMS = ("initial_program", "initial_program.py")
OVERHEAD = 10.0


class _Pipeline(BaseModel):
    model_config = ConfigDict(extra="ignore")

    engineer_timeout: Annotated[float, Field(gt=0)] = 1800.0


class _AsiEvolveConfig(BaseModel):
    """What is used of config.yaml; the default is ASI-Evolve's."""

    model_config = ConfigDict(extra="ignore")

    pipeline: _Pipeline = _Pipeline()


class AsiEvolveImporter(Importer):
    """Reads the experiments of ASI-Evolve."""

    name = "asi-evolve"

    def recognises(self, folder: Path) -> bool:
        """By input.md and eval.sh."""
        return (folder / TASK).is_file() and (folder / SCRIPT).is_file()

    def read(self, folder: Path) -> ForeignTask:
        """The experiment in a folder. Raises TaskError."""
        program = next((folder / name for name in PROGRAMS if (folder / name).is_file()), None)
        if program is None:
            raise TaskError(f"{folder} has {TASK} and {SCRIPT} but no {PROGRAMS[0]}, from which a campaign would start")
        try:
            ast.parse(text_of(program))
        except (SyntaxError, ValueError) as error:
            raise TaskError(f"{program} is not Python, and Evolver improves Python programs: {error}") from None
        helpers = sorted(path for path in folder.glob("*.py") if path != program and path.name != "init_cognition.py")
        task, absent = text_of(folder / TASK), absent_requirements(folder)
        return ForeignTask(
            system="ASI-Evolve",
            runner="asi_evolve",
            folder=folder,
            name=task_name(folder),
            summary=summary_of(task),
            program=program.name,
            text=text_of(program),
            entry=entries(program, folder / SCRIPT, *helpers),
            metric="eval_score",
            seconds={"full": _timeout(folder / "config.yaml") + OVERHEAD},
            requires=packages(folder, program, *(path for path in helpers if path.name.startswith("eval"))),
            notes={"input.md": task} if task.strip() else {},
            warnings=(f"requirements.txt names what is not installed here: {', '.join(absent)}",) if absent else (),
        )


def _timeout(path: Path) -> float:
    try:
        return _AsiEvolveConfig.model_validate(settings_of(path)).pipeline.engineer_timeout
    except ValidationError as error:
        first = error.errors()[0]
        raise TaskError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
