"""What an importer is, and what it reads: another system's folder in the words of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from evolver.contracts import Record


class ForeignTask(Record):
    """A folder of another system, read."""

    system: str
    """Its name, as people write it."""
    runner: str
    """What calls its evaluator: a file among import-templates/runners by its stem, or the path of another package's."""
    folder: Path
    name: str
    """Kebab-case."""
    summary: str
    program: str
    """The initial program's file, relative to the folder."""
    text: str
    entry: tuple[str, ...]
    """Functions and classes of the program that the evaluator uses."""
    metric: str
    seconds: dict[str, float]
    """Wall-clock limit by stage."""
    requires: tuple[str, ...]
    """Packages, by the names that they are imported under."""
    options: dict[str, JsonValue] = {}
    """What the runner has to know."""
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
