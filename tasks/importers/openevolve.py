"""OpenEvolve's examples: initial_program.py, evaluator.py with evaluate() and cascade stages, config.yaml."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from evolver.errors import TaskError
from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    entries,
    packages,
    python_program,
    settings_of,
    summary_of,
    task_name,
    text_of,
    tree_of,
)
from evolver.tasks.importers.importer import ForeignTask, Importer

PROGRAM, EVALUATOR = "initial_program", "evaluator.py"
STAGES = {"evaluate_stage1": "smoke", "evaluate_stage2": "proxy", "evaluate_stage3": "full"}
OVERHEAD = 10.0
"""Seconds beside the evaluator's own, for starting Python and copying files."""


class _Evaluator(BaseModel):
    """The part of config.yaml that says how programs are evaluated; defaults are OpenEvolve's."""

    model_config = ConfigDict(extra="ignore")

    timeout: Annotated[float, Field(gt=0)] = 300.0
    cascade_evaluation: bool = True
    cascade_thresholds: list[float] = [0.5, 0.75, 0.9]
    use_llm_feedback: bool = False
    evaluator_args: dict[str, JsonValue] | None = None


class _Prompt(BaseModel):
    model_config = ConfigDict(extra="ignore")

    system_message: str = ""


class _DatabaseConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    feature_dimensions: list[str] = ["complexity", "diversity"]


class _OpenEvolveConfig(BaseModel):
    """What is used of config.yaml; the rest is about OpenEvolve's own search."""

    model_config = ConfigDict(extra="ignore")

    evaluator: _Evaluator = _Evaluator()
    prompt: _Prompt = _Prompt()
    database: _DatabaseConfig = _DatabaseConfig()


class OpenEvolveImporter(Importer):
    """Reads the examples of OpenEvolve."""

    name = "openevolve"

    def recognises(self, folder: Path) -> bool:
        """By evaluator.py and an initial program."""
        return (folder / EVALUATOR).is_file() and any(folder.glob(f"{PROGRAM}.*"))

    def read(self, folder: Path) -> ForeignTask:
        """The example in a folder. Raises TaskError."""
        evaluator, program = folder / EVALUATOR, python_program(folder, PROGRAM)
        config = _config(folder / "config.yaml")
        defined = {node.name for node in tree_of(evaluator).body if isinstance(node, ast.FunctionDef)}
        if "evaluate" not in defined:
            raise TaskError(f"{evaluator} does not define evaluate(program_path)")
        cascade = []
        for function in STAGES if config.evaluator.cascade_evaluation else ():
            if function not in defined:
                break
            cascade.append(function)
        timeout = config.evaluator.timeout
        seconds = {STAGES[function]: timeout * count + OVERHEAD for count, function in enumerate(cascade, 1)}
        warnings = []
        if config.evaluator.use_llm_feedback:
            warnings.append("evaluator.use_llm_feedback of config.yaml is left out: no model judges programs here")
        if absent := absent_requirements(folder):
            warnings.append(f"requirements.txt names what is not installed here: {', '.join(absent)}")
        message, readme = config.prompt.system_message, folder / "README.md"
        notes = {"system_message.md": message} if message.strip() else {}
        return ForeignTask(
            system="OpenEvolve",
            runner="openevolve",
            folder=folder,
            name=task_name(folder),
            summary=summary_of(
                message, text_of(readme) if readme.is_file() else "", ast.get_docstring(tree_of(evaluator)) or ""
            ),
            program=program.name,
            text=text_of(program),
            entry=entries(program, evaluator),
            metric="combined_score",
            seconds=seconds or {"full": timeout + OVERHEAD},
            requires=packages(folder, evaluator, program),
            options={
                "cascade": list[JsonValue](cascade),
                "thresholds": list[JsonValue](config.evaluator.cascade_thresholds),
                "features": list[JsonValue](config.database.feature_dimensions),
                "arguments": config.evaluator.evaluator_args or {},
            },
            notes=notes,
            warnings=tuple(warnings),
        )


def _config(path: Path) -> _OpenEvolveConfig:
    try:
        return _OpenEvolveConfig.model_validate(settings_of(path))
    except ValidationError as error:
        first = error.errors()[0]
        raise TaskError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
