"""A task as it was loaded: what to improve, from which baseline, measured how."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from evolver.contracts import Metric, Program
from evolver.errors import UnknownName
from evolver.tasks.importers.task_writer import OPTIONS, ORIGIN
from evolver.tasks.integrity import TaskIntegrity
from evolver.tasks.program_tree import fixed_files, may_have, program_texts, write_program
from evolver.tasks.source_files import text_of, tree_of
from evolver.tasks.spec import STAGES, ResourcesSpec, StageSpec, TaskSpec

INPUTS = "inputs"
"""Folder of a task with one folder a phase, shown at /inputs in that phase alone."""


@dataclass(frozen=True)
class Task:
    """A task folder that keeps the contract: what to improve, from which baseline, measured how.

    Made by `evolver.load_task`.
    """

    root: Path
    """The folder."""
    spec: TaskSpec
    """The content of its task.yaml."""
    version: str
    """Hash of all that decides a score besides the program: task.yaml, harness, judge, and the data of every kind."""
    integrity: TaskIntegrity = field(repr=False, compare=False)
    """Those files as they were when the task was loaded."""
    warnings: tuple[str, ...] = ()
    """What whoever runs it should know before."""
    builds: Path | None = field(default=None, compare=False)
    """Where built programs are kept, where programs are built."""

    @cached_property
    def scope(self) -> str:
        """Hash of what scores mean: the metric, the interface, harness, judge and further code of theirs, not the data.

        What was learned under one scope may be told under it, whatever the task is called.
        """
        code = {name: digest for name, digest in self.integrity.digests.items() if name.endswith(".py")}
        means: dict[str, object] = {
            "metric": self.metric.model_dump(mode="json"),
            "entry": self.spec.program.entry,
            "code": code,
        }
        if self.spec.objectives:
            means["objectives"] = [one.model_dump(mode="json") for one in self.spec.objectives]
        if self.spec.parameters:
            means["parameters"] = self.spec.parameters
        return hashlib.sha256(json.dumps(means, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """Kebab-case name."""
        return self.spec.name

    @property
    def metric(self) -> Metric:
        """What the judge measures and campaigns improve."""
        return self.spec.metric

    @property
    def stages(self) -> list[StageSpec]:
        """From the cheapest to the most expensive."""
        return sorted(self.spec.stages, key=lambda stage: STAGES.index(stage.name))

    @property
    def deciding_stage(self) -> StageSpec:
        """The stage whose metric decides unless a campaign says otherwise."""
        return self.stage(self.spec.decides) if self.spec.decides else self.stages[-1]

    def stages_to(self, name: str = "") -> list[StageSpec]:
        """The stages that a trial climbs to get to one of them.

        Args:
            name: The last stage; empty: the deciding one.

        Returns:
            The stages from the cheapest to that one.

        Raises:
            UnknownName: The task has no such stage.
        """
        last = self.stage(name) if name else self.deciding_stage
        return self.stages[: self.stages.index(last) + 1]

    def resources(self, stage: StageSpec) -> ResourcesSpec:
        """What each phase may use in a stage.

        Args:
            stage: One of `stages`.

        Returns:
            The stage's own resources, or else the task's.
        """
        return stage.resources or self.spec.resources

    def stage(self, name: str) -> StageSpec:
        """One of the stages.

        Args:
            name: `smoke`, `proxy` or `full`.

        Returns:
            What the stage allows.

        Raises:
            UnknownName: The task has no such stage.
        """
        for stage in self.spec.stages:
            if stage.name == name:
                return stage
        known = ", ".join(stage.name for stage in self.stages)
        raise UnknownName(f"task {self.name} has no stage {name!r}; it has {known}")

    @property
    def notes(self) -> Path | None:
        """Folder of the task's own notes, if it has any."""
        folder = self.root / "notes"
        return folder if folder.is_dir() else None

    @property
    def is_imported(self) -> bool:
        """Whether its score is what another system's evaluator, or a script, says beside the program."""
        return (self.root / ORIGIN).is_file() and (self.root / "public" / OPTIONS).is_file()

    @property
    def data_by_seed(self) -> bool:
        """Whether the judge, or the harness beyond seeding random numbers, uses the seed: each may have other data."""
        return not self.is_imported and any(_uses_seed(self.root / name) for name in ("judge.py", "harness.py"))

    def baseline(self) -> Program:
        """The program that a campaign starts from, read now.

        Returns:
            The files below `baseline/` that may change.

        Raises:
            TaskError: A file is gone or no text.
        """
        return Program(files=program_texts(self.root, self.spec))

    def files_around(self) -> Iterator[tuple[str, Path]]:
        """The files that no program may change and that all are run with, by their paths in a program's folder.

        Yields:
            Path in the program's folder, and the file; nothing where the task lists its files one by one.
        """
        yield from fixed_files(self.root, self.spec)

    def may_have(self, path: str) -> bool:
        """Whether a program may have a file of that path, be it new.

        Args:
            path: Relative, with `/` between folders.

        Returns:
            False for a file that stays as it is, and for one that no pattern fits.
        """
        return may_have(self.root, self.spec, path)

    def write_program(self, program: Program, folder: Path) -> None:
        """Write what a trial is shown: a program's files, and those around them that stay.

        Args:
            program: Whose files.
            folder: Where to; it is made where it is missing.

        Raises:
            OSError: A file cannot be written.
        """
        write_program(self.root, self.spec, program, folder)

    def comparisons(self) -> dict[str, Program]:
        """Plain methods to compare a campaign with: compare/*.py, each in the place of the entry file.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("compare")

    def references(self) -> dict[str, Program]:
        """Known methods of the field: references/*.py, each in the place of the entry file.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("references")

    def cheats(self) -> dict[str, Program]:
        """Programs that go for the score instead of the work: cheats/*.py; `evolver task check` tries them.

        Returns:
            The programs, by the files' names without their endings.
        """
        return self._variants("cheats")

    def _variants(self, folder: str) -> dict[str, Program]:
        baseline, entry = program_texts(self.root, self.spec), self.spec.program.main
        return {
            path.stem: Program(files={**baseline, entry: text_of(path)})
            for path in sorted((self.root / folder).glob("*.py"))
        }

    def inputs(self, phase: str) -> Path | None:
        """Folder of the data that programs may read in one phase alone.

        Args:
            phase: One of `spec.phases`.

        Returns:
            The folder, or None where the phase has none.
        """
        folder = self.root / INPUTS / phase
        return folder if folder.is_dir() else None

    def changed(self) -> list[str]:
        """Files behind `version` that were changed, added or removed since loading.

        Costs a look at each file's times; only files that were touched are read.

        Returns:
            Their paths, relative to `root`.
        """
        return self.integrity.broken()


def _uses_seed(path: Path) -> bool:
    """Whether a file reads a name or an attribute `seed`; that it takes one as a parameter does not count."""
    return any(
        (isinstance(node, ast.Name) and node.id == "seed" and isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.Attribute) and node.attr == "seed")
        for node in ast.walk(tree_of(path))
    )
