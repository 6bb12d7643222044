"""What `summarise` says of a campaign: scores with what they stand on, costs, what lessons were worth."""

from __future__ import annotations

from evolver.contracts import (
    Budget,
    CampaignStatus,
    Claim,
    Direction,
    Interval,
    Objective,
    Record,
    TeamKind,
)
from evolver.evaluation.cycling import Cycling
from evolver.evaluation.objectives import FrontMember
from evolver.evaluation.reliability import Reliability
from evolver.evaluation.uplift import Uplift
from evolver.formatting import uplift_words
from evolver.graph.stage_summary import StageSummary


class ScoredExperiment(Record):
    """The score that is shown of an experiment, with its interval, the seeds behind it and what it stands on."""

    id: str
    """The experiment's id."""
    number: int
    """What people call it; the baseline is 0."""
    mean: float
    """Mean of the deciding metric, in its unit."""
    interval: Interval
    """90 % interval of `mean`."""
    seeds: tuple[int, ...]
    """The replicates behind it: fresh ones of a confirmed champion, else those that the search used (fit)."""
    claim: Claim = Claim.NONE
    """What the score stands on."""
    reliability: Reliability | None = None
    """How often its runs gave a score."""


class FreshResult(Record):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    replicates: int = 0
    """Fresh ones that the champion was given."""
    failed: int = 0
    """Of these, how many it got no score on; the means are over the others."""
    mean: float
    """The champion's mean of the deciding metric, in its unit."""
    baseline: float
    """The baseline's mean on the same replicates."""
    delta: float
    """Mean paired difference; positive where the champion is better, whatever the metric's direction."""
    interval: Interval
    """90 % interval of `delta`."""
    sealed: dict[str, tuple[float, float]] = {}
    """Means of champion and baseline, by metric that was kept from the search until now."""
    held_out: bool = True
    """Whether hidden data change with the seed or sealed metrics exist; otherwise the seed alone was fresh."""


class ComparedMethod(Record):
    """A plain method of the task's own, given the CPU time that the campaign's trials used."""

    name: str
    """The file below the task's `compare/`, without its ending."""
    score: float | None
    """Its deciding metric, in its unit; None where it got none."""
    cpu_seconds: float
    """CPU seconds that it used."""
    reason: str = ""
    """Why it has no score, in words."""


class ModelCost(Record):
    """What was paid for one role or one model."""

    usd: float | None
    """US dollars; None where the price of any of its calls is unknown."""
    tokens_in: int
    """Tokens of the prompts."""
    tokens_out: int
    """Tokens of the answers, reasoning included."""
    calls: int
    """Answers that were asked for."""
    repaired: int
    """Questions that were answered only after a repair."""
    lost: int
    """Questions that were given up."""


class Cost(Record):
    """What was paid for models."""

    usd: float | None = 0.0
    """US dollars; None where the price of any call is unknown."""
    unknown: bool = False
    """Whether the price of any call is unknown."""
    tokens_in: int = 0
    """Tokens of all prompts."""
    tokens_out: int = 0
    """Tokens of all answers, reasoning included."""
    calls: int = 0
    """Answers that were asked for."""
    by_role: dict[str, ModelCost] = {}
    """The same by role: researcher, coder, critic, chat."""
    by_model: dict[str, ModelCost] = {}
    """The same by model, as PROVIDER:NAME."""

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.tokens_in + self.tokens_out


class LessonWorth(Record):
    """What memory was worth: decisions that it changed, and such decisions from which it was held out at random.

    The reward of a decision is the probability that its program beats its parent, by all that was measured.
    """

    told: int
    """Decisions that were taken with what was learnt."""
    told_reward: float | None
    """Their mean reward, in [0, 1]; None where there were none."""
    withheld: int
    """Decisions from which it was held out."""
    withheld_reward: float | None
    """Their mean reward, in [0, 1]; None where there were none."""
    here: Uplift | None = None
    """The difference with its interval, in this campaign; None where too little is known."""
    pooled: Uplift | None = None
    """The same over all campaigns of the archive on the same scope."""

    def __str__(self) -> str:
        """Both differences for people; empty where too little is known."""
        said = [_said(self.here)] if self.here else []
        if self.pooled and self.pooled.campaigns > 1:
            said.append(f"over {self.pooled.campaigns} campaigns {_said(self.pooled)}")
        return "; ".join(said)


class Summary(Record):
    """A campaign's outcome; what `evolver run --json` prints.

    Two claims are kept apart: what passed the *screen* on the search's replicates may be a parent, and only what a
    *confirmation* on fresh replicates showed to be better is the champion (`best`). `fresh` is its final test.
    """

    campaign: str
    """The campaign's name."""
    task: str
    """The task, as it was given."""
    status: CampaignStatus
    """Where the campaign stands."""
    metric: str
    """Name of the deciding metric."""
    direction: Direction
    """Whether more or less of it is better."""
    objectives: tuple[Objective, ...] = ()
    """What it improves or keeps within limits, where that is more than `metric`."""
    front: tuple[FrontMember, ...] = ()
    """Programs that keep the limits, and that no other dominates; empty with one metric alone."""
    baseline: ScoredExperiment | None
    """The program that the campaign started from; None until it was measured."""
    best: ScoredExperiment | None
    """The confirmed champion, or the baseline; None until that was measured."""
    confirmations: int
    """Candidates that were tested against the champion on fresh replicates."""
    dethroned: tuple[int, ...]
    """Numbers of champions that did no better than the baseline on fresh replicates."""
    looks: int
    """Programs that were judged on the search's replicates: how often the search looked at its data."""
    fresh: FreshResult | None
    """The champion re-tested; None until that was done, or where it failed."""
    retest_failed: str
    """Why the champion has no score on fresh replicates; empty where it has one, or was not re-tested."""
    experiments: int
    """Experiments with a verdict, without the baseline."""
    experiments_by_standing: dict[str, int]
    """The same by what they may be used for (`evolver.Standing`)."""
    trials: dict[str, int]
    """Trials by how they ended (`evolver.TrialStatus`)."""
    lessons: int
    """Lessons that it learned."""
    lesson_worth: LessonWorth
    """What lessons were worth to its proposals."""
    cycling: Cycling
    """Lines that were removed and brought back along the champion's lineage."""
    stages: StageSummary = StageSummary()
    """Early stopping, agreement of stages, and gaps to fresh seeds and sealed metrics."""
    comparisons: tuple[ComparedMethod, ...]
    """Plain methods at equal CPU time, where `--compare` asked for them."""
    seconds: float
    """Wall-clock seconds of the campaign, resumptions added up."""
    cpu_seconds: float
    """CPU seconds of all its trials."""
    contended: int
    """Trials that waited for CPUs long enough to doubt their times."""
    cost: Cost
    """What was paid for models."""
    team: TeamKind
    """Who proposed and wrote programs."""
    models: tuple[str, ...]
    """The models that were named."""
    budget: Budget
    """What it may spend."""
    remarks: tuple[str, ...] = ()
    """What the evaluator's numbers need said, such as which stand for a score that it does not give."""
    ended: str
    """Why the campaign failed, or ended although experiments were left; empty where it did neither."""


def _said(found: Uplift) -> str:
    return uplift_words(found.difference, found.interval, found.told, found.withheld)
