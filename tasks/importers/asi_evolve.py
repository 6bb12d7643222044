"""ASI-Evolve's experiments: input.md, initial_program, and eval.sh that leaves results.json beside the code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from evolver.tasks.importers.cognition import cognition_notes
from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    config_of,
    entries,
    ignored,
    is_python,
    program_file,
    read_as,
    summary_of,
    task_name,
    unreadable,
)
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.required_packages import Packages, hint, packages
from evolver.tasks.source_files import text_of

TASK, SCRIPT = "input.md", "eval.sh"
PROGRAM, COGNITION = "initial_program", "init_cognition.py"
EMPTY = '"""The first program: nothing yet. The task says what it must define."""\n'
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

    def nearly(self, folder: Path) -> str:
        """One of the two files without the other."""
        for found, lacks in ((TASK, SCRIPT), (SCRIPT, TASK)):
            if (folder / found).is_file() and program_file(folder, PROGRAM, bare=True) is not None:
                return f"{found} found in {folder}, no {lacks}: an experiment of ASI-Evolve has both"
        return ""

    def read(self, folder: Path) -> ForeignTask:
        """The experiment in a folder. Raises TaskError."""
        program = program_file(folder, PROGRAM, bare=True)
        helpers = sorted(path for path in folder.glob("*.py") if path not in (program, folder / COGNITION))
        task, settings = text_of(folder / TASK), config_of(folder)
        python = [path for path in helpers if path.name.startswith("eval")]
        warnings = list[str]()
        if program is None:
            warnings.append(
                f"{folder} has no {PROGRAM}: the campaign begins with an empty program, as ASI-Evolve does; if that "
                "gets no score, write one"
            )
        elif is_python(program):
            python.append(program)
        needs = packages(folder, *python) if python else Packages((), ())
        return ForeignTask(
            system="ASI-Evolve",
            runner="asi_evolve",
            folder=folder,
            name=task_name(folder),
            summary=summary_of(task),
            program=_name(program),
            text=text_of(program) if program else EMPTY,
            entry=entries(folder, program, folder / SCRIPT) if program else (),
            metric="eval_score",
            seconds={"full": read_as(_AsiEvolveConfig, settings).pipeline.engineer_timeout + OVERHEAD},
            requires=needs.required,
            options={"evaluator": SCRIPT, "original": program.name if program else ""},
            notes={**({TASK: task} if task.strip() else {}), **cognition_notes(folder / COGNITION)},
            warnings=(
                *warnings,
                *absent_requirements(folder),
                *hint(needs),
                *unreadable(_AsiEvolveConfig, settings),
                *ignored(settings, {"pipeline": tuple(_Pipeline.model_fields), "experiment_name": ()}),
            ),
        )


def _name(program: Path | None) -> str:
    """The program's file name; one without an ending gets Python's where it is Python."""
    if program is None:
        return f"{PROGRAM}.py"
    return program.name if program.suffix else f"{program.name}{'.py' if is_python(program) else '.txt'}"
