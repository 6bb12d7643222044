"""What an importer is, and what it reads: another system's folder in the words of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from evolver.contracts import Direction, Record


class ForeignTask(Record):
    """A folder of another system, read."""

    system: str
    """Its name, as people write it."""
    runner: str
    """What calls its evaluator: a file among import-templates/runners by its stem, or the path of another package's."""
    folder: Path
    """What is copied for trials to see."""
    name: str
    """Kebab-case."""
    summary: str
    program: str
    """The initial program's file name."""
    text: str
    more_files: dict[str, str] = {}
    """The program's other files, by name."""
    patterns: tuple[str, ...] = ()
    """Of the program's files, where it is a part of the folder above the task's own."""
    deny: tuple[str, ...] = ()
    """Of files among them that may not change."""
    build: str = ""
    """The command that builds a program, where there is one."""
    entry: tuple[str, ...]
    """Functions and classes of the program that the evaluator uses; none where it runs or reads the file."""
    metric: str
    """Empty where the folder does not say which one decides: whoever runs it must."""
    direction: Direction = "maximize"
    seconds: dict[str, float]
    """Wall-clock limit by stage."""
    replicates: int = 5
    """Seeds that a verdict may use."""
    requires: tuple[str, ...]
    """Packages, by the names that they are imported under."""
    imports: tuple[str, ...] = (".",)
    """Folders, relative to `folder`, from which evaluator and program import."""
    budget: int | None = None
    """Experiments that the folder suggests."""
    options: dict[str, JsonValue] = {}
    """What the runner has to know; `evaluator`, `original`, `cwd` and `siblings_in` are paths relative to `folder`."""
    notes: dict[str, str] = {}
    """Texts for whoever proposes, by file name."""
    warnings: tuple[str, ...] = ()

    @property
    def shared_process(self) -> str:
        """What a user has to know about scores of this kind."""
        return (
            f"{self.folder} is a task for {self.system}: its evaluator shares a process with the candidate, so a "
            "candidate could forge its score. It still runs in the sandbox, without network; read the champion before "
            "you believe it, or write a judge of your own (docs/importing.md)."
        )


class Importer(ABC):
    """Reads the folders of one other system."""

    name: ClassVar[str]
    """By which it is registered."""

    @abstractmethod
    def recognises(self, folder: Path) -> bool:
        """Whether a folder is in this system's format, by the files that it has."""

    @abstractmethod
    def read(self, folder: Path) -> ForeignTask:
        """What such a folder describes. Raises TaskError where it cannot be run here."""

    def nearly(self, folder: Path) -> str:
        """What a folder lacks that is nearly in this system's format; empty where it is not near."""
        return ""

    def read_pair(self, folder: Path, program: Path, evaluator: Path, config: Path | None) -> ForeignTask | None:
        """What a program and an evaluator describe that were named one by one, both perhaps within `folder`.

        None where the evaluator is not in this system's form. Raises TaskError where it is and cannot be run.
        """
        return None
