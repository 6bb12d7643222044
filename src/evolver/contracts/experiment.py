"""A proposal, its program, its trials, the verdict on them, and the metric that decides."""

from __future__ import annotations

import hashlib
import math
from datetime import datetime
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from evolver.contracts.record import Interval, Record, now

Direction = Literal["maximize", "minimize"]


class Metric(Record):
    """What a task measures: the judge returns it under `name`."""

    name: Annotated[str, Field(min_length=1)]
    direction: Direction
    range: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible value; anything outside is an invalid trial."""
    resolution: Annotated[float, Field(ge=0.0)] = 0.0
    """Differences up to this size are called equal."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Metric:
        low, high = self.range
        if low is not None and high is not None and not low < high:
            raise ValueError(f"range {low}..{high} is empty")
        return self

    def gain(self, new: float, old: float) -> float:
        """How much better `new` is than `old`; positive is better whatever the direction."""
        return new - old if self.direction == "maximize" else old - new

    def better(self, new: float, old: float) -> bool:
        """Whether `new` beats `old` by more than the resolution."""
        return self.gain(new, old) > self.resolution

    def accepts(self, value: float) -> bool:
        """Whether `value` is a possible score: finite and in range."""
        low, high = self.range
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)


class Operator(StrEnum):
    """How a program was made."""

    BASELINE = "baseline"
    DRAFT = "draft"
    EDIT = "edit"
    REWRITE = "rewrite"
    CROSSOVER = "crossover"
    TUNE = "tune"
    ABLATE = "ablate"
    REPAIR = "repair"


class Proposal(Record):
    """What the researcher wants tried, and what it was told when it decided."""

    hypothesis: str
    plan: str
    operator: Operator
    parents: tuple[str, ...] = ()
    """Experiment ids; the first one is the program that is changed."""
    lessons: tuple[str, ...] = ()
    """Ids of the lessons that the researcher was given."""
    notes: tuple[str, ...] = ()
    """Ids of the notes that the researcher was given."""
    directives: tuple[str, ...] = ()
    """Ids of the directives in force."""
    component: str = ""
    """The part of the program or the technique that the change is about; lessons are kept per component."""
    recipe: dict[str, JsonValue] = {}
    """What an offline coder needs to carry the plan out, exactly."""
    lessons_withheld: bool = False
    """Whether retrieved lessons were held out, to measure what lessons are worth."""
    author: str = ""
    """The model whose idea it is; empty for the offline team's."""


class Program(Record):
    """A candidate's files, addressed by the hash of their normalised content."""

    files: dict[str, str]

    @field_validator("files")
    @classmethod
    def _plain_relative_paths(cls, files: dict[str, str]) -> dict[str, str]:
        if not files:
            raise ValueError("a program needs at least one file")
        for name in files:
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\x00" in name:
                raise ValueError(f"program path {name!r} is not a plain relative path")
        return {
            name: "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
            for name, text in sorted(files.items())
        }

    @property
    def id(self) -> str:
        """SHA-256 over paths and normalised texts, first 16 hex digits."""
        digest = hashlib.sha256()
        for name, text in self.files.items():
            digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
        return digest.hexdigest()[:16]

    def write_to(self, folder: Path) -> None:
        """Write the files into a folder, which is made where it is missing. Raises OSError."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


class TrialStatus(StrEnum):
    """How a trial ended. Only `ok` has metrics; every other status is missing data, never a score."""

    OK = "ok"
    FAILED = "failed"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    INVALID = "invalid"
    TAMPERED = "tampered"
    CANCELLED = "cancelled"


CONTENDED, SHORTEST_WAIT = 0.1, 0.25
"""Contention, and seconds of waiting, above which a trial's time is not to be compared."""


class Trial(Record):
    """One execution of a program at one stage with one seed."""

    experiment: str
    program: str
    stage: str
    seed: int
    status: TrialStatus
    metrics: dict[str, float] = {}
    sealed: dict[str, float] = {}
    """Further metrics, which no agent and no view but a report shows."""
    seconds: float = 0.0
    """Wall-clock seconds of the program's own phases, without the judge."""
    cpu_seconds: float = 0.0
    reused_cpu_seconds: float = 0.0
    """CPU seconds that it took where it was run, if another experiment's run of the same program stands in here."""
    waited_seconds: float | None = None
    """How long its threads were ready to run and had no CPU, added up; None if unknown."""
    processors: tuple[int, ...] = ()
    """The CPUs that it had to itself; none: it shared them with others."""
    gpu_seconds: float = 0.0
    judge_seconds: float = 0.0
    """Wall-clock seconds of the judge."""
    judge_cpu_seconds: float = 0.0
    peak_memory: int = 0
    """Bytes."""
    log_tail: str = ""
    reason: str = ""
    """Why there is no score, in words."""

    @property
    def contention(self) -> float | None:
        """Of the time that its threads wanted a CPU, the share in which they had none; None if unknown.

        0 on a machine of its own, 0.5 where it got half of what it wanted. More threads than CPUs wait for each other.
        """
        if self.waited_seconds is None:
            return None
        wanted = self.waited_seconds + self.cpu_seconds
        return self.waited_seconds / wanted if wanted > 0.0 else 0.0

    @property
    def is_contended(self) -> bool:
        """Whether it waited so long that its time, and a score that depends on it, say little."""
        waited = self.waited_seconds or 0.0
        return waited > SHORTEST_WAIT and (self.contention or 0.0) > CONTENDED

    @model_validator(mode="after")
    def _metrics_only_when_ok(self) -> Trial:
        if (self.status is TrialStatus.OK) != bool(self.metrics):
            raise ValueError(f"a trial with status {self.status} has {'no' if not self.metrics else 'some'} metrics")
        return self


class VerdictKind(StrEnum):
    """What the evidence says about a candidate against the champion."""

    IMPROVED = "improved"
    NOT_IMPROVED = "not_improved"
    INDECISIVE = "indecisive"
    UNUSABLE = "unusable"


class Verdict(Record):
    """A candidate against a reference on the same replicates. `delta` is positive where the candidate is better."""

    kind: VerdictKind
    delta: float | None = None
    interval: Interval | None = None
    """90 % interval of `delta`: its lower end above zero is the acceptance rule."""
    seeds: tuple[int, ...] = ()
    reference: str = ""
    """The experiment compared against."""
    reason: str = ""


class Standing(StrEnum):
    """What an experiment may be used for."""

    OPEN = "open"
    UNUSABLE = "unusable"
    PROMISING = "promising"
    """May be a parent."""
    CONFIRMED = "confirmed"
    """May be champion and give a lesson."""


class Experiment(Record):
    """One proposal with its program, standing and verdict, as the archive keeps it."""

    id: str
    campaign: str
    number: int
    """What people call it: the order of leasing; the baseline is 0."""
    lane: int
    seq: int
    proposal: Proposal | None = None
    program: str | None = None
    skeleton: str | None = None
    """Hash of the program with its constants blanked."""
    standing: Standing = Standing.OPEN
    score: float | None = None
    """Mean of the deciding metric over this experiment's replicates."""
    interval: Interval | None = None
    verdict: Verdict | None = None
    visits: int = 0
    """How often it was chosen as first parent."""
    created: datetime = Field(default_factory=now)
    finished: datetime | None = None
