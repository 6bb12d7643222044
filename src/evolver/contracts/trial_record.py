"""One execution of a program: how it ended, what it measured and used, and what it can cost at most."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, model_validator

from evolver.contracts.feedback import Feedback
from evolver.contracts.record import Record
from evolver.formatting import counted


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
    PRUNED = "pruned"
    """A rule of the task ended it, as its curve was hopeless: missing data too, and no failure of the program."""


SAYS_NOTHING = (TrialStatus.CANCELLED, TrialStatus.TAMPERED, TrialStatus.MACHINE_TROUBLE, TrialStatus.PRUNED)
"""How trials end that say nothing of the program alone: neither how often it works, nor what it does elsewhere."""
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
    curve: tuple[tuple[int, float], ...] = Field(default=(), exclude_if=lambda points: not points)
    """Steps and values that the harness reported while it ran; untrusted where the program shares its process."""
    pruning: str = Field(default="", exclude_if=lambda said: not said)
    """Why a rule of the task ended it, or kept its experiment from the next stage, in words; empty: none did."""
    audited: bool = Field(default=False, exclude_if=lambda said: not said)
    """Whether it went on all the same, drawn by chance, so that what such a rule costs is measured."""

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
