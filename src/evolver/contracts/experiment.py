"""A proposal, its program, its trials, the verdict on them, and the metric that decides."""

from __future__ import annotations

import ast
import hashlib
import math
import sys
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from evolver.contracts.feedback import Feedback
from evolver.contracts.record import Interval, Record, now
from evolver.formatting import counted
from evolver.text_files import write_text

Direction = Literal["maximize", "minimize"]
"""Which way a metric is better."""


class Metric(Record):
    """What a task measures and campaigns improve.

    Example:
        >>> rmse = evolver.Metric(name="rmse", direction="minimize", range=(0.0, None))
        >>> rmse.gain(0.3, 0.5) > 0
        True
        >>> rmse.accepts(float("nan"))
        False
    """

    name: Annotated[str, Field(min_length=1)]
    """What the judge returns it under; scores are in its unit."""
    direction: Direction
    """Whether more or less is better."""
    range: tuple[float | None, float | None] = (None, None)
    """Lowest and highest possible value, None for no bound; a trial with anything outside is invalid."""
    resolution: Annotated[float, Field(ge=0.0)] = 0.0
    """Differences up to this size are called equal; in the metric's unit."""

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Metric:
        low, high = self.range
        if low is not None and high is not None and not low < high:
            raise ValueError(f"range {low}..{high} is empty")
        return self

    def gain(self, new: float, old: float) -> float:
        """How much better one score is than another, whatever the direction.

        Args:
            new: A score, in the metric's unit.
            old: The score that it is compared with.

        Returns:
            The difference in the metric's unit, finite; positive where `new` is better.
        """
        difference = new - old if self.direction == "maximize" else old - new
        return min(sys.float_info.max, max(-sys.float_info.max, difference))

    def better(self, new: float, old: float) -> bool:
        """Whether one score beats another by more than the resolution.

        Args:
            new: A score, in the metric's unit.
            old: The score that it is compared with.

        Returns:
            True where `new` is better and the difference counts.
        """
        return self.gain(new, old) > self.resolution

    def accepts(self, value: float) -> bool:
        """Whether a number is a possible score.

        Args:
            value: A number, in the metric's unit.

        Returns:
            True where it is finite and in `range`.
        """
        low, high = self.range
        return math.isfinite(value) and (low is None or value >= low) and (high is None or value <= high)


class Operator(StrEnum):
    """How a program was made, as far as Evolver itself does it; installed packages add search operators by name."""

    BASELINE = "baseline"
    """It is the program that the campaign started from."""
    DRAFT = "draft"
    """A technique of the notes was put in."""
    EDIT = "edit"
    """Statements were changed."""
    REWRITE = "rewrite"
    """A function was written once more, in another way."""
    CROSSOVER = "crossover"
    """Functions were taken from a second program."""
    TUNE = "tune"
    """Constants were changed."""
    ABLATE = "ablate"
    """Something was taken out, to see what it is worth."""
    REPAIR = "repair"
    """A program that failed was mended."""
    RECALL = "recall"
    """A program of an earlier campaign was taken over."""


OperatorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]
"""One of `Operator`, or a search operator of an installed package."""


MemoryUse = Literal["", "told", "withheld"]
"""Whether a decision that memory changes was taken with it or, to measure its worth, without; empty: none changes."""


class Proposal(Record):
    """What the researcher wants tried, and what it was told when it decided.

    Source:
        The researcher's step of the loop in "ASI-Evolve: AI Accelerates AI", arXiv 2603.29640.
    """

    hypothesis: str
    """What is expected, and why."""
    plan: str
    """What is to be changed, in one line."""
    operator: OperatorName
    """How the program is made."""
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
    memory: MemoryUse = ""
    """How what was learnt had a part in the draw."""
    author: str = ""
    """The model whose idea it is; empty for the offline team's."""


class Program(Record):
    """A candidate's files, kept and run as they are, addressed by the hash of what they mean.

    Example:
        >>> program = evolver.Program(files={"program.py": "def main():\\n    return 1  \\n"})
        >>> program.files["program.py"]
        'def main():\\n    return 1  \\n'
        >>> program.id == evolver.Program(files={"program.py": "def main():\\n    return 1\\n"}).id
        True
        >>> len(program.id)
        16
    """

    files: dict[str, str]
    """Texts by plain relative path, with `/` between folders."""

    @field_validator("files")
    @classmethod
    def _plain_relative_paths(cls, files: dict[str, str]) -> dict[str, str]:
        if not files:
            raise ValueError("a program needs at least one file")
        for name in files:
            path = PurePosixPath(name)
            if not name or path.is_absolute() or ".." in path.parts or str(path) != name or "\x00" in name:
                raise ValueError(f"program path {name!r} is not a plain relative path")
        for name, text in files.items():
            try:
                (name + text).encode()
            except UnicodeEncodeError as error:
                place = error.start - len(name) + 1
                raise ValueError(f"{name!r} holds half of a surrogate pair at character {place}; no file can") from None
        return dict(sorted(files.items()))

    @property
    def id(self) -> str:
        """SHA-256 over paths and texts, first 16 hex digits; spaces at the ends of lines count where they matter."""
        digest = hashlib.sha256()
        for name, exact in self.files.items():
            text = _normal_form(name, exact)
            digest.update(f"{len(name)}:{name}{len(text)}:{text}".encode())
        return digest.hexdigest()[:16]

    def write_to(self, folder: Path) -> None:
        """Write the files into a folder.

        Args:
            folder: Where to; it is made where it is missing.

        Raises:
            OSError: A file cannot be written.
        """
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, text)


@lru_cache(maxsize=512)
def _normal_form(name: str, text: str) -> str:
    """A Python file without spaces at the ends of lines, where that is the same program; else the text as it is."""
    normal = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
    if normal == text:
        return text
    try:
        same = name.endswith(".py") and ast.dump(ast.parse(normal)) == ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        same = False
    return normal if same else text


class TrialStatus(StrEnum):
    """How a trial ended. Only `ok` has metrics; every other status is missing data, never a score."""

    OK = "ok"
    """The judge gave a score."""
    FAILED = "failed"
    """The program ended with an error."""
    TIMEOUT = "timeout"
    """A phase took longer than its stage allows."""
    MACHINE_TROUBLE = "machine_trouble"
    """Others had the CPUs for so long that it could not end: the machine's fault, and nobody's verdict."""
    OUT_OF_MEMORY = "out_of_memory"
    """It needed more memory than the task allows."""
    INVALID = "invalid"
    """The judge refused what the program left, or the score is not a possible one."""
    TAMPERED = "tampered"
    """The task's files changed meanwhile."""
    CANCELLED = "cancelled"
    """It was stopped before its end."""


CONTENDED, SHORTEST_WAIT = 0.1, 0.25
"""Contention, and seconds of waiting, above which a trial's time is not to be compared."""


class Trial(Record):
    """One execution of a program at one stage with one seed."""

    experiment: str
    """Id of the experiment that it belongs to."""
    program: str
    """Id of the program that was run."""
    stage: str
    """`smoke`, `proxy` or `full`."""
    seed: int
    """Seed that program and judge were given; the search uses those below 1000, re-tests use others."""
    status: TrialStatus
    """How it ended."""
    metrics: dict[str, float] = {}
    """What the judge measured, by name; empty unless the status is `ok`."""
    sealed: dict[str, float] = {}
    """Further metrics, which no agent and no view but a report shows."""
    seconds: float = 0.0
    """Wall-clock seconds of the program's own phases, without the judge."""
    cpu_seconds: float = 0.0
    """CPU seconds of the program's own phases, all its processes added up."""
    reused_cpu_seconds: float = 0.0
    """CPU seconds that it took where it was run, if another experiment's run of the same program stands in here."""
    waited_seconds: float | None = None
    """Seconds that its threads were ready to run and had no CPU, added up; None if unknown."""
    processors: tuple[int, ...] = ()
    """The CPUs that it had to itself; none: it shared them with others."""
    gpu_seconds: float = 0.0
    """Wall-clock seconds times GPUs that were its own."""
    judge_seconds: float = 0.0
    """Wall-clock seconds of the judge."""
    judge_cpu_seconds: float = 0.0
    """CPU seconds of the judge."""
    peak_memory: int = 0
    """Most memory at one time, in bytes."""
    log_tail: str = ""
    """The end of what it printed."""
    reason: str = ""
    """Why there is no score, in words."""
    feedback: Feedback = Field(default=Feedback(), exclude_if=lambda said: not said)
    """What the evaluator said beside its metrics; untrusted where it ran beside the program."""
    gate: str = Field(default="", exclude_if=lambda said: not said)
    """The gate that the program did not pass, in words: later stages would give the same. Empty: there was none."""
    outputs: str = Field(default="", exclude_if=lambda said: not said)
    """Hash of everything that the program left for the judge; empty if unknown."""
    output_bits: int = Field(default=0, exclude_if=lambda bits: not bits)
    """About how much information those outputs hold: eight times their compressed size."""
    earlier: tuple[TrialStatus, ...] = Field(default=(), exclude_if=lambda said: not said)
    """How the attempts before this one ended: what fails is run once more."""

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

    def zero_with_error(self, metric: str) -> str:
        """What is to be said of a score of 0 beside which the evaluator reports an error.

        Args:
            metric: Name of the deciding metric.

        Returns:
            A sentence; empty where there is nothing to be said.
        """
        trouble = self.feedback.trouble.strip()
        if self.metrics.get(metric) != 0.0 or not trouble:
            return ""
        return f"it scored 0, and the evaluator reports an error: {trouble.splitlines()[-1][:300]}"

    def remarks(self, metric: str) -> tuple[str, ...]:
        """What whoever reads the score should know of it.

        Args:
            metric: Name of the deciding metric.

        Returns:
            Sentences: what stands for a score that the evaluator does not give, what was left out, a 0 with an error.
        """
        texts = self.feedback.texts
        told = [texts[name] for name in ("score", "left out") if name in texts]
        return (*told, *filter(None, [self.zero_with_error(metric)]))

    @model_validator(mode="after")
    def _metrics_only_when_ok(self) -> Trial:
        if (self.status is TrialStatus.OK) != bool(self.metrics):
            raise ValueError(f"a trial with status {self.status} has {'no' if not self.metrics else 'some'} metrics")
        return self


class TrialEstimate(Record):
    """What an experiment can cost at most, by the limits of the task's stages."""

    stages: tuple[str, ...]
    trials: int
    seconds: float
    """Of all its trials, one after another."""
    gpu_seconds: float
    """0 where no stage uses a GPU."""

    @property
    def cost(self) -> float:
        """What is compared with the campaign's threshold."""
        return self.gpu_seconds or self.seconds

    def __str__(self) -> str:
        gpus = f", {self.gpu_seconds:.0f} GPU seconds" if self.gpu_seconds else ""
        return f"at most {self.seconds:.0f} s in {counted(self.trials, 'trial')}{gpus}"


class VerdictKind(StrEnum):
    """What the evidence says about a candidate against the champion."""

    IMPROVED = "improved"
    """It is better: a confirmation on fresh replicates made it the champion."""
    NOT_IMPROVED = "not_improved"
    """It was screened out."""
    INDECISIVE = "indecisive"
    """It may be a parent (it passed the screen, or was not told apart), and no confirmation made it champion."""
    UNUSABLE = "unusable"
    """It has no score."""
    NO_EFFECT = "no_effect"
    """It does what an earlier program does; `reference` is that one's experiment."""


class Verdict(Record):
    """A candidate against the champion of its time, on the same replicates.

    Screened on the search's replicates, crowned only by a confirmation on fresh ones; docs/evidence.md has the method
    and its error rates, `benchmarks/campaign_lab.py` measures them over whole campaigns.

    Source:
        Smyth 2004 (moderated variances), Tian and Ramdas 2021 (spending the error over a series of tests).
    """

    kind: VerdictKind
    """What the evidence says."""
    delta: float | None = None
    """Mean paired difference in the metric's unit, positive where the candidate is better; None without scores."""
    interval: Interval | None = None
    """90 % interval of `delta`: its lower end above zero is the acceptance rule."""
    seeds: tuple[int, ...] = ()
    """The replicates that both were run on."""
    reference: str = ""
    """Id of the experiment that it is compared with."""
    reason: str = ""
    """Why it is unusable, or what decided, in words."""


class Standing(StrEnum):
    """What an experiment may be used for."""

    OPEN = "open"
    """It has no verdict yet."""
    UNUSABLE = "unusable"
    """Nothing: it has no score."""
    UNMEASURED = "unmeasured"
    """Nothing: the machine was too busy to measure it, which says nothing about the program."""
    PROMISING = "promising"
    """May be a parent."""
    CONFIRMED = "confirmed"
    """Was crowned champion by a confirmation on fresh replicates."""
    NO_EFFECT = "no_effect"
    """Nothing: an earlier program does the same, and may be a parent in its place."""


class Claim(StrEnum):
    """What the score that is shown of an experiment stands on."""

    NONE = ""
    """Nothing yet, or it was made by an older Evolver: the search's replicates (fit)."""
    SCREENED = "screened"
    """The search's replicates, by which it was also chosen (fit): good enough for a parent, no discovery."""
    CONFIRMED = "confirmed"
    """Fresh replicates that had no part in choosing it: it is, or was, the champion."""
    FIT = "fit"
    """Scores do not vary, so no replicate is fresh: a confirmed champion on data that all candidates were judged on."""
    DETHRONED = "dethroned"
    """Fresh replicates on which it did no better than the baseline, after it had been champion."""


class Experiment(Record):
    """One proposal with its program, standing and verdict, as the archive keeps it."""

    id: str
    """Made of campaign, lane and place, so that the same step always has the same id."""
    campaign: str
    """Name of the campaign that it belongs to."""
    number: int
    """What people call it: the order of leasing; the baseline is 0."""
    lane: int
    """Which of the lanes that run side by side it was made in; -1 for the baseline."""
    seq: int
    """Its place in that lane, from 0."""
    proposal: Proposal | None = None
    """What was to be tried; None until it is proposed."""
    program: str | None = None
    """Id of its program; None until it is written."""
    skeleton: str | None = None
    """Hash of the program with its constants blanked."""
    standing: Standing = Standing.OPEN
    """What it may be used for."""
    score: float | None = None
    """Mean of the deciding metric over the replicates that `claim` names."""
    interval: Interval | None = None
    """90 % interval of `score`."""
    claim: Claim = Claim.NONE
    """What `score` stands on."""
    replicates: int = 0
    """How many replicates `score` is the mean of; 0 where an older Evolver did not say."""
    merit: float | None = None
    """What parents are ranked by, in the metric's unit: the level against the champion, one standard error off."""
    verdict: Verdict | None = None
    """What the evidence says; None until it is concluded."""
    visits: int = 0
    """How often it was chosen as first parent."""
    created: datetime = Field(default_factory=now)
    """When it was leased, in UTC."""
    finished: datetime | None = None
    """When it got its verdict, in UTC."""
