"""Tasks in the formats of OpenEvolve, SkyDiscover, ShinkaEvolve, ASI-Evolve, CodeEvolve and GEPA, as task folders."""

from __future__ import annotations

import os
from pathlib import Path

from evolver.errors import TaskError
from evolver.registry import IMPORTERS
from evolver.tasks.importers.choices import Choices, applied
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.task_writer import write

__all__ = ["Choices", "ForeignTask", "read_foreign", "read_pair", "what_is_missing", "write"]

EVALUATORS = ("evaluator.py", "evaluate.py", "evaluate.sh")
"""In a folder that is named as an evaluator."""
INNER = ("evaluator", "eval", "input", "src")
"""Names of folders within an example; what is copied is the example."""


def read_foreign(folder: Path, choices: Choices | None = None) -> ForeignTask | None:
    """What the folder of another system describes; None if it is in none of the known formats.

    Raises TaskError where it is, but cannot be run here.
    """
    asked = sorted(_importers(), key=lambda one: one.name != "asi-evolve")  # whose folders may have an evaluator.py too
    found = next((one.read(folder) for one in asked if one.recognises(folder)), None)
    return None if found is None else applied(found, choices or Choices())


def read_pair(program: Path, choices: Choices) -> ForeignTask:
    """What a program and the evaluator that was chosen describe. Raises TaskError."""
    evaluator = Path(choices.evaluator).resolve()
    if evaluator.is_dir():
        inside = [evaluator / name for name in EVALUATORS if (evaluator / name).is_file()]
        if not inside:
            raise TaskError(f"{evaluator} has no {', no '.join(EVALUATORS)}; name the file that evaluates")
        evaluator = inside[0]
    for what, path in (("program", program), ("evaluator", evaluator)):
        if not path.is_file():
            raise TaskError(f"the {what} {path} does not exist")
    config = Path(choices.config).resolve() if choices.config else None
    if config is not None and not config.is_file():
        raise TaskError(f"the config {config} does not exist")
    folder = _common(program, evaluator)
    for importer in sorted(_importers(), key=lambda one: _ORDER.get(one.name, 9)):
        found = importer.read_pair(folder, program, evaluator, config)
        if found is not None:
            return applied(found, choices)
    raise TaskError(
        f"{evaluator} does not look like an evaluator: it defines no evaluate(program_path) and writes no metrics.json"
    )


_ORDER = {"gepa": 0, "codeevolve": 1, "openevolve": 2, "shinka": 3}
"""Of asking: from the most particular sign to the most general."""


def what_is_missing(folder: Path) -> str:
    """What a folder lacks that is nearly in one of the formats; empty where it is not near."""
    return next((said for one in _importers() if (said := one.nearly(folder))), "")


def _importers() -> list[Importer]:
    return [IMPORTERS.load(name)() for name in IMPORTERS.names()]


def _common(program: Path, evaluator: Path) -> Path:
    """The example that both belong to; the evaluator's folder where they lie apart."""
    own = evaluator.parent.parent if evaluator.parent.name in INNER else evaluator.parent
    above = Path(os.path.commonpath([program.parent, evaluator.parent]))
    return above if own.is_relative_to(above) and above in (own, evaluator.parent) else own
