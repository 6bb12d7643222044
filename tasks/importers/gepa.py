"""GEPA's optimize_anything as a folder: a seed file, and an evaluator that takes the candidate's text."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from evolver.ignored_files import is_content
from evolver.tasks.importers.foreign_files import (
    absent_requirements,
    docstring_of,
    missing_program,
    places,
    program_file,
    summary_of,
    task_name,
)
from evolver.tasks.importers.importer import ForeignTask, Importer
from evolver.tasks.importers.required_packages import hint, packages
from evolver.tasks.source_files import text_of, tree_of
from evolver.tasks.top_level_names import bound_names

SEEDS, EVALUATORS, FUNCTIONS = ("seed", "seed_candidate"), ("evaluator.py", "evaluate.py"), ("evaluate", "evaluator")
_KEY = r"\bcandidate(?:\[|\.get\()\s*['\"]([\w .-]+)['\"]"
"""A component of a candidate, as an evaluator names it."""
SECONDS = 310.0


class GepaImporter(Importer):
    """Reads folders with a seed and an evaluator of its text."""

    name = "gepa"

    def recognises(self, folder: Path) -> bool:
        """By a seed and an evaluator."""
        return _seed_of(folder) is not None and _evaluator_of(folder) is not None

    def nearly(self, folder: Path) -> str:
        """Its evaluator without a seed."""
        evaluator = _evaluator_of(folder)
        is_near = evaluator is not None and _function(evaluator)[1].startswith("candidate")
        return missing_program(folder, evaluator, "seed.txt") if evaluator is not None and is_near else ""

    def read(self, folder: Path) -> ForeignTask:
        """The seed and evaluator of a folder. Raises TaskError."""
        seed, evaluator = _seed_of(folder), _evaluator_of(folder)
        assert seed is not None and evaluator is not None
        return _read(folder, seed, evaluator)

    def read_pair(self, folder: Path, program: Path, evaluator: Path, config: Path | None) -> ForeignTask | None:
        """An evaluator whose first parameter is the candidate."""
        is_one = evaluator.suffix == ".py" and _function(evaluator)[1].startswith("candidate")
        return _read(folder, program, evaluator) if is_one else None


def _seed_of(folder: Path) -> Path | None:
    """The seed, or the first of several files in a folder seed."""
    return program_file(folder, *SEEDS) or next(iter(_seed_files(folder)), None)


def _seed_files(folder: Path) -> list[Path]:
    return [p for p in sorted((folder / "seed").glob("*")) if p.is_file() and is_content(p.relative_to(folder))]


def _evaluator_of(folder: Path) -> Path | None:
    return next((folder / name for name in EVALUATORS if (folder / name).is_file()), None)


def _function(evaluator: Path) -> tuple[str, str, str]:
    """The function that evaluates, its first parameter and that one's annotation; empty where nothing is known."""
    tree = tree_of(evaluator)
    taking = [(node, node.args.args[0]) for node in tree.body if isinstance(node, ast.FunctionDef) and node.args.args]
    name = next((name for name in FUNCTIONS if name in bound_names(tree)), "")
    by_name = [(node, first) for node, first in taking if node.name in FUNCTIONS]
    by_parameter = [(node, first) for node, first in taking if not name and first.arg.startswith("candidate")]
    for node, first in by_name or by_parameter:
        return node.name, first.arg, ast.unparse(first.annotation) if first.annotation else ""
    return name, "", ""


def _read(folder: Path, seed: Path, evaluator: Path) -> ForeignTask:
    function, parameter, annotation = _function(evaluator)
    text = text_of(evaluator)
    by_name = bool(re.match(r"(?i)(typing\.)?(dict|mapping)", annotation)) or bool(
        parameter and re.search(rf"\b{parameter}(\[|\.get\(|\.items\(|\.values\()", text)
    )
    objective = re.search(r'OBJECTIVE\s*=\s*(?:"""|\'\'\')\\?\n?(.*?)(?:"""|\'\'\')', text, re.DOTALL)
    needs = packages(folder, evaluator)
    others = [path for path in _seed_files(folder) if path != seed] if seed.parent == folder / "seed" else []
    keys = set(re.findall(_KEY.replace("candidate", parameter or "candidate"), text))
    return ForeignTask(
        system="GEPA",
        runner="gepa",
        folder=folder,
        name=task_name(folder),
        summary=summary_of(objective[1] if objective else "", docstring_of(evaluator)),
        program=seed.name,
        text=text_of(seed),
        more_files={path.name: text_of(path) for path in others},
        entry=(),
        metric="score",
        seconds={"full": SECONDS},
        requires=needs.required,
        options={
            **places(folder, seed, evaluator),
            "function": function or FUNCTIONS[0],
            "by_name": by_name or bool(others),
            "key": keys.pop() if len(keys) == 1 and not others else "",
        },
        warnings=(*absent_requirements(folder), *hint(needs)),
    )
