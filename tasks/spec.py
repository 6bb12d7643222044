"""What task.yaml may say."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    StringConstraints,
    model_validator,
)

from evolver.contracts import Metric, Objective, Record, objective_from
from evolver.tasks.file_patterns import fits, is_pattern
from evolver.tasks.stopping_rules import PromotionSpec, PruningSpec

StageName = Literal["smoke", "proxy", "full"]
STAGES: tuple[StageName, ...] = get_args(StageName)
"""From the cheapest to the one that counts."""
DAY = 86_400.0
KEBAB = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
LONGEST_NAME = 60
LONGEST_SCORING = 8000

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _plain_path(name: str) -> str:
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or str(path) != name or name.startswith("."):
        raise ValueError(f"{name!r} is not a plain relative path of a file; write one like program.py")
    return name


def _source(name: str) -> str:
    if not name.strip() or "\0" in name:
        raise ValueError("this is empty; name the folder that the program is in, such as ..")
    return name


def _plain_folder(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or str(path) != name:
        raise ValueError(f"{name!r} is not a plain relative path of a folder below public/; write one like library")
    return name


def _entry(name: str) -> str:
    file, colon, function = name.partition(":")
    if not colon or not file or not function.isidentifier():
        raise ValueError(f"{name!r} names no function; write FILE:FUNCTION, such as program.py:main")
    return name


def _size(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\.\d+)?\s*[A-Za-z]+\s*", value) is None:
        raise ValueError(f"{value!r} is not a size; write one like 512MiB or 1GiB")
    return value


Size = Annotated[ByteSize, BeforeValidator(_size)]


def _spelled_no(value: object) -> object:
    # YAML reads a bare `no` as false.
    return "no" if value is False else value


class ProgramSpec(Record):
    """The files that a candidate may change, and what the harness calls."""

    files: Annotated[tuple[Annotated[str, AfterValidator(_plain_path)], ...], Field(min_length=1)]
    """Relative to baseline/; patterns such as src/**/*.rs stand for all that fits, then the rest of baseline/ stays."""
    deny: tuple[Annotated[str, AfterValidator(_plain_path)], ...] = ()
    """Patterns of files that may not change although they fit."""
    source: Annotated[str, AfterValidator(_source)] | None = None
    """Folder that baseline/ is taken from, relative to the task's: of its repository's last commit, if it is in one."""
    entry: tuple[Annotated[str, AfterValidator(_entry)], ...] = ()
    """`file.py:function` names that every candidate must define; none where the harness runs or reads the files."""
    interface: Text
    """What the entry functions take and return, for whoever writes the program."""
    blocks: bool = False
    """Whether only what stands between EVOLVE-BLOCK-START and EVOLVE-BLOCK-END marks may change."""
    imports: tuple[Annotated[str, AfterValidator(_plain_folder)], ...] = ()
    """Folders below public/ from which programs import, beside their own files."""

    @property
    def main(self) -> str:
        """The file with the first entry point; the first file where there is none, which may be a pattern."""
        return self.entry[0].partition(":")[0] if self.entry else self.files[0]

    @property
    def is_tree(self) -> bool:
        """Whether programs are parts of a folder, of which some files may change, appear and go."""
        return self.source is not None or any(map(is_pattern, self.files))

    @model_validator(mode="after")
    def _entries_are_in_files(self) -> ProgramSpec:
        if len(set(self.files)) != len(self.files):
            raise ValueError("files: a file is listed twice")
        for entry in self.entry:
            if not fits(file := entry.partition(":")[0], self.files) or fits(file, self.deny):
                raise ValueError(f"entry: {entry} lies in {file}, which program.files does not list; add it there")
        return self


class BuildSpec(Record):
    """What makes a program out of its files, before its trials; once for all trials of the same program."""

    command: Text
    """For the shell, in a copy of the program's folder, such as `cargo build --release`. There is no network."""
    seconds: Annotated[float, Field(gt=0.0, le=DAY, allow_inf_nan=False)] = 600.0
    """Wall-clock limit."""
    cpus: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[Size, Field(ge=16 << 20)] = ByteSize(4 << 30)
    processes: Annotated[int, Field(ge=2)] = 256
    scratch: Annotated[Size, Field(ge=1 << 20)] = ByteSize(2 << 30)
    """Space for the folder while it is built, in bytes."""
    output: Annotated[Size, Field(ge=1 << 10)] = ByteSize(1 << 30)
    """Space for what is kept of it, in bytes."""


def _build(value: object) -> object:
    return {"command": value} if isinstance(value, str) else value


class AccelerateSpec(Record):
    """How Accelerate starts each phase of a stage."""

    processes: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that train together; with GPUs, one for each."""
    mixed_precision: Annotated[Literal["no", "fp16", "bf16"], BeforeValidator(_spelled_no)] = "no"
    gpus: Annotated[int, Field(ge=0)] = 0
    """0 trains on the CPU."""

    @model_validator(mode="after")
    def _can_be_launched(self) -> AccelerateSpec:
        if self.gpus and self.processes != self.gpus:
            raise ValueError(
                f"{self.processes} processes cannot share {self.gpus} GPUs; "
                f"each GPU takes one process: write processes: {self.gpus}, or gpus: 0 for the CPU"
            )
        if self.mixed_precision == "fp16" and not self.gpus:
            raise ValueError("mixed_precision: fp16 needs a GPU; on the CPU write bf16 or no")
        return self


class ResourcesSpec(Record):
    """What each phase may use. Sizes are bytes, or text such as 512MiB."""

    cpus: Annotated[int, Field(ge=1)] = 1
    """CPUs of its own."""
    memory: Annotated[Size, Field(ge=16 << 20)] = ByteSize(1 << 30)
    """Most memory at one time, in bytes."""
    processes: Annotated[int, Field(ge=2)] = 64
    """Processes and threads together; a stage with `accelerate` gets 32 more for each of its processes."""
    scratch: Annotated[Size, Field(ge=1 << 20)] = ByteSize(64 << 20)
    """Space in /tmp, in bytes."""
    output: Annotated[Size, Field(ge=1 << 10)] = ByteSize(64 << 20)
    """Space in /out, in bytes."""


class JudgeSpec(Record):
    """What the judge may use in a stage; one that trains a model wants more than these."""

    seconds: Annotated[float, Field(gt=0.0, le=7 * DAY, allow_inf_nan=False)] = 60.0
    """Wall-clock limit."""
    cpus: Annotated[int, Field(ge=1)] = 1
    memory: Annotated[Size, Field(ge=16 << 20)] = ByteSize(2 << 30)
    processes: Annotated[int, Field(ge=2)] = 64
    scratch: Annotated[Size, Field(ge=1 << 20)] = ByteSize(64 << 20)
    gpus: Annotated[int, Field(ge=0)] = 0


class StageSpec(Record):
    """A fidelity: how long a phase may take and how many seeds a verdict may use."""

    name: StageName
    """`smoke`, `proxy` or `full`, from the cheapest to the one that counts."""
    seconds: Annotated[float, Field(gt=0.0, le=7 * DAY, allow_inf_nan=False)]
    """Wall-clock limit of each phase, in seconds."""
    replicates: Annotated[int, Field(ge=1, le=1000)] = 1
    """The highest number of seeds that a verdict may use; 1 says that the seed changes nothing."""
    accelerate: AccelerateSpec | None = None
    """Start the harness by Accelerate; plain Python without."""
    resources: ResourcesSpec | None = None
    """In place of the task's own resources."""
    judge: JudgeSpec = JudgeSpec()
    """What the judge may use."""
    promotion: PromotionSpec | None = None
    """Which experiments go on to the next stage; all without it."""

    @property
    def gpus(self) -> int:
        """The most devices that a part of a trial needs at once."""
        return max(self.judge.gpus, self.accelerate.gpus if self.accelerate else 0)


class FeatureSpec(Record):
    """What programs differ in apart from how good they are: an axis of the grid of `--parents map-elites`."""

    name: Identifier
    """A metric of the judge that is not sealed, or `lines`, the program's length."""
    range: tuple[float, float]
    """From where to where it is told apart; what lies outside counts with the nearest."""
    bins: Annotated[int, Field(ge=2, le=100)] = 10
    """Into how many parts the range is cut."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> FeatureSpec:
        if not self.range[0] < self.range[1]:
            raise ValueError(f"range {self.range[0]}..{self.range[1]} is empty")
        return self

    def bin(self, value: float) -> int:
        """The part of the range that a value lies in, from 0."""
        low, high = self.range
        return min(max(int((value - low) / (high - low) * self.bins), 0), self.bins - 1)


class BudgetSpec(Record):
    """What a campaign spends unless the user says otherwise."""

    experiments: Annotated[int, Field(ge=1)] = 60


class TaskSpec(Record):
    """The content of task.yaml."""

    name: Annotated[str, Field(pattern=rf"^{KEBAB}$", max_length=LONGEST_NAME)]
    """Lower-case words joined by hyphens."""
    summary: Text
    """What is to be improved, for people and models."""
    metric: Metric
    """What the judge measures and campaigns improve; the first objective without a limit where there are several."""
    objectives: tuple[Annotated[Objective, BeforeValidator(objective_from)], ...] = ()
    """Several metrics: `[{quality: maximize}, {latency: minimize, limit: 50}]` : one within another's limit."""
    program: ProgramSpec
    """The files that may change."""
    build: Annotated[BuildSpec, BeforeValidator(_build)] | None = None
    """A command, or one with limits, that is run before the trials of each new program."""
    phases: Annotated[tuple[Identifier, ...], Field(min_length=1)] = ("run",)
    """Parts of a trial that run one after the other, each in a sandbox of its own."""
    stages: Annotated[tuple[StageSpec, ...], Field(min_length=1)]
    """At which cost a trial can be had."""
    decides: StageName | None = None
    """The stage whose metric decides unless the user names another; the last one if unsaid."""
    target: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Score of a confirmed champion that ends a campaign, unless the user names another."""
    sealed: tuple[Identifier, ...] = ()
    """Metrics of the judge that are kept from agents and people until a report."""
    features: Annotated[tuple[FeatureSpec, ...], Field(max_length=4)] = ()
    """What programs differ in, for `--parents map-elites`."""
    pruning: PruningSpec | None = None
    """When a running trial is stopped by the curve that its harness reports; never without it."""
    resources: ResourcesSpec = ResourcesSpec()
    """What each phase may use."""
    budget: BudgetSpec = BudgetSpec()
    """What a campaign spends unless the user says otherwise."""
    requires: tuple[str, ...] = ()
    """Packages, by the names they are imported under, that harness, judge or baseline need; `deb:NAME` is Debian's."""
    scoring: Annotated[str, Field(max_length=LONGEST_SCORING)] = ""
    """What of the judge's rules is no secret, in words for people and models; empty: the interface says it."""
    hides: tuple[str, ...] = ()
    """Packages of the machine, by the same names, that programs are not shown because they hold what is hidden."""
    parameters: dict[Identifier, int | float | str] = {}
    """Told to harness and judge, such as the number of points; {NAME} in texts stands for the value."""

    @model_validator(mode="before")
    @classmethod
    def _metric_of_objectives(cls, said: object) -> object:
        """Let the first objective without a limit decide, where no metric is named."""
        if not isinstance(said, dict) or said.get("metric") is not None or not isinstance(said.get("objectives"), list):
            return said
        several = [objective_from(one) for one in said["objectives"]]
        improved = [one for one in several if isinstance(one, dict) and one.get("limit") is None]
        first = next(iter((*improved, *several)), None)
        if not isinstance(first, dict):
            return said
        return {**said, "metric": {key: first[key] for key in ("name", "direction") if key in first}}

    @model_validator(mode="after")
    def _objectives_agree(self) -> TaskSpec:
        if not self.objectives:
            return self
        names = [one.name for one in self.objectives]
        if len(names) < 2 or len(set(names)) != len(names):
            raise ValueError("objectives: name two metrics or more, each once; for one write metric")
        improved = [one for one in self.objectives if one.limit is None]
        if not improved:
            raise ValueError("objectives: each has a limit; leave out that of the metric that is to be improved")
        own = [one for one in improved if (one.name, one.direction) == (self.metric.name, self.metric.direction)]
        if not own:
            raise ValueError(
                f"metric: {self.metric.direction} {self.metric.name} is no objective without a limit; leave metric "
                f"out, or name one of {', '.join(map(str, improved))}"
            )
        if hidden := sorted(set(names) & set(self.sealed)):
            raise ValueError(f"objectives: {', '.join(hidden)} is sealed, and an objective decides what agents see")
        return self

    @model_validator(mode="after")
    def _no_name_twice(self) -> TaskSpec:
        stages: list[str] = [one.name for one in self.stages]
        features: list[str] = [one.name for one in self.features]
        listed = {"stages": stages, "features": features, "phases": list(self.phases)}
        for field, names in listed.items():
            if len(set(names)) != len(names):
                raise ValueError(f"{field}: a name occurs twice; each may occur once")
        return self

    @model_validator(mode="after")
    def _what_decides_is_there(self) -> TaskSpec:
        names = [stage.name for stage in self.stages]
        if self.decides is not None and self.decides not in names:
            raise ValueError(f"decides: there is no stage {self.decides}; the stages are {', '.join(names)}")
        if self.stages[-1].promotion is not None:
            raise ValueError(f"promotion: no stage follows {names[-1]}; write it under a stage before the last")
        if both := sorted(set(self.hides) & {name.partition(".")[0] for name in self.requires}):
            raise ValueError(f"hides: {', '.join(both)} is required too; a program cannot import what it is not shown")
        if hidden := sorted({feature.name for feature in self.features} & set(self.sealed)):
            raise ValueError(f"features: {', '.join(hidden)} is sealed, and a feature decides what agents see")
        if self.metric.name in self.sealed:
            raise ValueError(f"sealed: {self.metric.name} is the metric that campaigns improve; it cannot be sealed")
        return self
