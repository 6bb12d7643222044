"""CodeEvolve's problems: input/evaluate.py, input/src/ with the program, and configs/ with the key that decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from evolver.errors import TaskError
from evolver.tasks.importers.foreign_files import (
    Config,
    absent_requirements,
    config_of,
    docstring_of,
    entries,
    ignored,
    program_file,
    read_as,
    settings_of,
    summary_of,
    task_name,
    unreadable,
)
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.required_packages import hint, packages
from evolver.tasks.source_files import text_of

INPUT, EVALUATOR, SOURCES = "input", "evaluate.py", "src"
CONFIGS = ("configs/config.yaml", "config.yaml", "configs/config*.yaml", "config*.yaml", "configs/*/*.yaml")
OVERHEAD = 10.0


class _Evolve(BaseModel):
    model_config = ConfigDict(extra="ignore")

    fitness_key: str = ""
    num_epochs: Annotated[int, Field(ge=1)] | None = None


class _InitialFile(BaseModel):
    model_config = ConfigDict(extra="ignore")

    filename: str = ""


class _CodeEvolveConfig(BaseModel):
    """What is used of a problem's configuration."""

    model_config = ConfigDict(extra="ignore")

    SYS_MSG: str = ""
    EVAL_TIMEOUT: Annotated[float, Field(gt=0)] = 300.0
    INIT_FILE_DATA: _InitialFile = _InitialFile()
    EVOLVE_CONFIG: _Evolve = _Evolve()


_USED = {
    "SYS_MSG": (),
    "EVAL_TIMEOUT": (),
    "CODEBASE_PATH": (),
    "EVAL_FILE_NAME": (),
    "INIT_FILE_DATA": ("filename", "language"),
    "EVOLVE_CONFIG": tuple(_Evolve.model_fields),
}


class CodeEvolveImporter(Importer):
    """Reads the problems of CodeEvolve."""

    name = "codeevolve"

    def recognises(self, folder: Path) -> bool:
        """By evaluate.py beside a folder src, here or in a folder input."""
        return _input_of(folder) is not None

    def nearly(self, folder: Path) -> str:
        """Its evaluator without a program."""
        evaluator = folder / INPUT / EVALUATOR
        return f"{INPUT}/{EVALUATOR} found in {folder}, no {INPUT}/{SOURCES}/" if evaluator.is_file() else ""

    def read(self, folder: Path) -> ForeignTask:
        """The problem in a folder. Raises TaskError."""
        inner, settings = _input_of(folder), config_of(folder, *CONFIGS)
        assert inner is not None
        if settings.path is None and folder.name == INPUT:
            settings = config_of(folder.parent, *CONFIGS)
        config = read_as(_CodeEvolveConfig, settings)
        sources = inner / SOURCES
        program = sources / config.INIT_FILE_DATA.filename if config.INIT_FILE_DATA.filename else None
        if program is None or not program.is_file():
            program = program_file(sources, "init_program", "initial_program", "main") or _only(sources)
        whole = folder.parent if folder.name == INPUT else folder
        return _read(whole, program, inner / EVALUATOR, settings)

    def read_pair(self, folder: Path, program: Path, evaluator: Path, config: Path | None) -> ForeignTask | None:
        """An evaluator that is started with the paths of the program and of its results."""
        text = text_of(evaluator) if evaluator.suffix == ".py" else ""
        if "sys.argv[2]" not in text and "results_path" not in text:
            return None
        return _read(folder, program, evaluator, Config(config, settings_of(config)) if config else Config(None, {}))


def _input_of(folder: Path) -> Path | None:
    for inner in (folder / INPUT, folder):
        if (inner / EVALUATOR).is_file() and (inner / SOURCES).is_dir():
            return inner
    return None


def _only(sources: Path) -> Path:
    """The one file of a folder. Raises TaskError if there are none or several."""
    files = [path for path in sorted(sources.iterdir()) if path.is_file() and not path.name.startswith(".")]
    if len(files) != 1:
        names = ", ".join(path.name for path in files) or "no file"
        raise TaskError(
            f"{sources} has {names}: name the program under INIT_FILE_DATA: {{filename: ...}} in the config"
        )
    return files[0]


def _read(folder: Path, program: Path, evaluator: Path, settings: Config) -> ForeignTask:
    config = read_as(_CodeEvolveConfig, settings)
    needs = packages(folder, evaluator, program)
    place = program.parent.relative_to(folder).as_posix() if program.is_relative_to(folder) else ""
    siblings = [
        path.relative_to(program.parent).as_posix()
        for path in sorted(program.parent.rglob("*"))
        if place and path.is_file() and path != program and "__pycache__" not in path.parts
    ]
    return ForeignTask(
        system="CodeEvolve",
        runner="codeevolve",
        folder=folder,
        name=task_name(folder),
        summary=summary_of(config.SYS_MSG, docstring_of(evaluator)),
        program=program.name,
        text=text_of(program),
        entry=entries(folder, program, evaluator),
        metric=config.EVOLVE_CONFIG.fitness_key,
        seconds={"full": config.EVAL_TIMEOUT + OVERHEAD},
        requires=needs.required,
        imports=tuple(dict.fromkeys((place or ".", evaluator.parent.relative_to(folder).as_posix()))),
        budget=config.EVOLVE_CONFIG.num_epochs,
        options={
            "evaluator": evaluator.relative_to(folder).as_posix(),
            "original": program.relative_to(folder).as_posix() if place else "",
            "siblings": list(siblings[:200]),
            "siblings_in": place,
        },
        notes={"sys_msg.md": config.SYS_MSG} if config.SYS_MSG.strip() else {},
        warnings=(
            *absent_requirements(folder),
            *hint(needs),
            *unreadable(_CodeEvolveConfig, settings),
            *ignored(settings, _USED),
        ),
    )
