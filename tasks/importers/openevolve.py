"""OpenEvolve's examples and SkyDiscover's: an initial program, evaluate() with cascade stages, config.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from evolver.errors import TaskError
from evolver.tasks.importers.foreign_files import (
    Config,
    absent_requirements,
    config_of,
    docstring_of,
    entries,
    ignored,
    missing_program,
    places,
    program_file,
    read_as,
    settings_of,
    summary_of,
    task_name,
    unreadable,
)
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.required_packages import hint, packages
from evolver.tasks.source_files import text_of, tree_of
from evolver.tasks.top_level_names import bound_names, may_define

PROGRAMS = ("initial_program", "initial_prompt")
EVALUATORS = ("evaluator.py", "evaluator/evaluator.py", "eval/evaluator.py")
SCRIPTS = ("evaluator/evaluate.sh", "eval/evaluate.sh")
"""SkyDiscover's evaluators that are started in a container and print a JSON object."""
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
    evaluator_args: dict[str, JsonValue] = {}


class _Prompt(BaseModel):
    model_config = ConfigDict(extra="ignore")

    system_message: str = ""


class _DatabaseConfig(BaseModel):
    model_config = ConfigDict(extra="ignore")

    feature_dimensions: list[str] = ["complexity", "diversity"]


class _OpenEvolveConfig(BaseModel):
    """What is used of config.yaml; the rest is about OpenEvolve's own search."""

    model_config = ConfigDict(extra="ignore")

    max_iterations: Annotated[int, Field(ge=1)] | None = None
    evaluator: _Evaluator = _Evaluator()
    prompt: _Prompt = _Prompt()
    database: _DatabaseConfig = _DatabaseConfig()


_USED = {
    "max_iterations": (),
    "evaluator": tuple(_Evaluator.model_fields),
    "prompt": tuple(_Prompt.model_fields),
    "database": tuple(_DatabaseConfig.model_fields),
    "language": (),
    "file_suffix": (),
}


class OpenEvolveImporter(Importer):
    """Reads the examples of OpenEvolve and the benchmarks of SkyDiscover."""

    name = "openevolve"

    def recognises(self, folder: Path) -> bool:
        """By an evaluator and an initial program."""
        return _evaluator_in(folder) is not None and program_file(folder, *PROGRAMS) is not None

    def nearly(self, folder: Path) -> str:
        """An evaluator without a program, or the other way round."""
        evaluator, program = _evaluator_in(folder), program_file(folder, *PROGRAMS)
        if evaluator is not None:
            return missing_program(folder, evaluator, "initial_program.py")
        if program is not None:
            return f"{program.name} found in {folder}, no evaluator.py; name it: `evolver run {program} EVALUATOR`"
        return ""

    def read(self, folder: Path) -> ForeignTask:
        """The example in a folder. Raises TaskError."""
        evaluator, program = _evaluator_in(folder), program_file(folder, *PROGRAMS)
        assert evaluator is not None and program is not None
        return _read(folder, program, evaluator, config_of(folder))

    def read_pair(self, folder: Path, program: Path, evaluator: Path, config: Path | None) -> ForeignTask | None:
        """A Python file with evaluate(program_path), or evaluate.sh."""
        is_script = evaluator.name == "evaluate.sh"
        if not is_script and (evaluator.suffix != ".py" or not may_define(tree_of(evaluator), "evaluate")):
            return None
        settings = Config(config, settings_of(config)) if config else config_of(folder)
        return _read(folder, program, evaluator, settings)


def _evaluator_in(folder: Path) -> Path | None:
    return next((folder / name for name in (*EVALUATORS, *SCRIPTS) if (folder / name).is_file()), None)


def _read(folder: Path, program: Path, evaluator: Path, settings: Config) -> ForeignTask:
    config, is_script = read_as(_OpenEvolveConfig, settings), evaluator.suffix == ".sh"
    cascade = [] if is_script else _cascade(evaluator, config)
    timeout, readme = config.evaluator.timeout, folder / "README.md"
    seconds = {STAGES[function]: timeout * count + OVERHEAD for count, function in enumerate(cascade, 1)}
    message = config.prompt.system_message
    python = [path for path in (evaluator, program) if path.suffix == ".py"]
    needs = packages(folder, *python)
    warnings = list(absent_requirements(folder))
    if evaluator.parent != folder:
        warnings += absent_requirements(evaluator.parent)
    warnings += hint(needs)
    if config.evaluator.use_llm_feedback:
        warnings.append("evaluator.use_llm_feedback of config.yaml is left out: no model judges programs here")
    return ForeignTask(
        system="SkyDiscover" if is_script or evaluator.parent != folder else "OpenEvolve",
        runner="evaluate_sh" if is_script else "openevolve",
        folder=folder,
        name=task_name(folder),
        summary=summary_of(message, text_of(readme) if readme.is_file() else "", docstring_of(evaluator)),
        program=program.name,
        text=text_of(program),
        entry=entries(folder, program, evaluator),
        metric="combined_score",
        seconds=seconds or {"full": timeout + OVERHEAD},
        requires=needs.required,
        imports=tuple(dict.fromkeys((evaluator.parent.relative_to(folder).as_posix(), "."))),
        budget=config.max_iterations,
        options={
            **places(folder, program, evaluator),
            "cascade": list[JsonValue](cascade),
            "thresholds": list[JsonValue](config.evaluator.cascade_thresholds),
            "features": list[JsonValue](config.database.feature_dimensions),
            "arguments": config.evaluator.evaluator_args,
        },
        notes={"system_message.md": message} if message.strip() else {},
        warnings=(*warnings, *unreadable(_OpenEvolveConfig, settings), *ignored(settings, _USED)),
    )


def _cascade(evaluator: Path, config: _OpenEvolveConfig) -> list[str]:
    """The functions of the cascade, from the first on without a gap. Raises TaskError if there is no evaluate()."""
    tree = tree_of(evaluator)
    if not may_define(tree, "evaluate"):
        raise TaskError(f"{evaluator} does not define evaluate(program_path)")
    defined, cascade = bound_names(tree), list[str]()
    for function in STAGES if config.evaluator.cascade_evaluation else ():
        if function not in defined:
            break
        cascade.append(function)
    return cascade
