"""What others have published on the tasks of a suite: beside its folders, where no program and no prompt sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BeforeValidator, ValidationError

from evolver.contracts import Record
from evolver.errors import TaskError
from evolver.tasks.task import Task
from evolver.text_files import read_text

FILE = "published.yaml"
Date = Annotated[str, BeforeValidator(str)]


class PublishedValue(Record):
    """A value that somebody claims."""

    by: str
    """Who, or which system."""
    value: float
    """In the metric's unit; the mean where there were several runs."""
    best: float | None = None
    """The best of several runs."""
    when: Date = ""
    """Year, or year and month."""
    source: str = ""
    """Where it says so, and under which conditions."""


class PublishedTask(Record):
    """What is published on one task."""

    known: PublishedValue
    """The best value that anybody has."""
    systems: tuple[PublishedValue, ...] = ()
    """What systems like this one have reached, as their authors say."""


class PublishedSuite(Record):
    """The content of a suite's published.yaml."""

    seen: Date
    """When the values were collected."""
    tasks: dict[str, PublishedTask]
    """By the tasks' names."""


def published_on(task: Task) -> PublishedTask | None:
    """What the suite of a task says of it; None where it is in none, or nothing is published. Raises TaskError."""
    path = task.root.parent / FILE
    return published_suite(path).tasks.get(task.name) if path.is_file() else None


def published_suite(path: Path) -> PublishedSuite:
    """Read the file. Raises TaskError."""
    try:
        return PublishedSuite.model_validate(yaml.safe_load(read_text(path)))
    except (OSError, ValueError, yaml.YAMLError, ValidationError) as error:
        raise TaskError(f"{path} cannot be read: {error}") from None
