"""The log of a campaign: one kind of event and one model of its data for everything that can happen."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic

from pydantic import ConfigDict, SerializeAsAny, ValidationError
from typing_extensions import TypeVar

from evolver.contracts.campaign import CampaignStatus
from evolver.contracts.directive import DirectiveStatus
from evolver.contracts.experiment import TrialEstimate, TrialStatus, VerdictKind
from evolver.contracts.fresh_test import FreshTestResult
from evolver.contracts.lesson import LessonStatus
from evolver.contracts.record import Interval, Record


class EventKind(StrEnum):
    """What can happen in a campaign, by the word that the archive keeps."""

    CREATED = "created"
    STATUS = "status"
    BEGUN = "begun"
    LANES = "lanes"
    LEASED = "leased"
    LIMIT_REACHED = "limit_reached"
    TOLD = "told"
    IDEA_REPEATED = "idea_repeated"
    ARM = "arm"
    PROPOSED = "proposed"
    CODED = "coded"
    EDITED = "edited"
    GAVE_UP = "gave_up"
    TRIAL_STARTED = "trial_started"
    TRIAL = "trial"
    CONCLUDED = "concluded"
    CONFIRMATION = "confirmation"
    CHAMPION = "champion"
    MEASURED = "measured"
    SAME_CLAIM = "same_claim"
    DETHRONED = "dethroned"
    LESSON = "lesson"
    OBSERVED = "observed"
    DIRECTIVE = "directive"
    DIRECTIVE_CLOSED = "directive_closed"
    APPROVAL_WANTED = "approval_wanted"
    APPROVED = "approved"
    REJECTED = "rejected"
    VERIFIED = "verified"
    ABLATED = "ablated"
    RUNS_IN = "runs_in"
    RETESTED = "retested"
    RETEST_FAILED = "retest_failed"
    COMPARED = "compared"
    ENDED = "ended"
    FAILED = "failed"
    PROVIDER_DOWN = "provider_down"
    PROVIDER_UP = "provider_up"
    CALL_FAILED = "call_failed"
    PARAMETER_DROPPED = "parameter_dropped"
    BUDGET_REFUSED_CALL = "budget_refused_call"
    ANSWER_LOST = "answer_lost"


DATA: dict[str, type[EventData]] = {}
"""The model of each kind's data."""


class EventData(Record):
    """Base of what is kept with an event; one subclass a kind.

    A subclass in another package may have a kind of its own, a word that is not in EventKind. Where that package is not
    loaded, such events are read as UnknownData.
    """

    KIND: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Have events of the subclass's kind read by it."""
        if "KIND" in vars(cls):
            DATA[cls.KIND] = cls


class UnknownData(EventData):
    """What was kept with an event of another version of Evolver; it can be read and never written."""

    model_config = ConfigDict(extra="allow")


class CampaignCreated(EventData):
    """A campaign was added to the archive."""

    KIND = EventKind.CREATED
    task: str


class StatusChanged(EventData):
    """A campaign runs, pauses, or has come to its end."""

    KIND = EventKind.STATUS
    status: CampaignStatus
    who: str = ""
    """The person who asked for it; empty: nobody did."""


class StartedByMessage(EventData):
    """A campaign was started from a conversation."""

    KIND = EventKind.BEGUN
    who: str
    text: str
    message: str
    """The message's own key, so that it starts one campaign only; empty: it has none."""


class LanesOpened(EventData):
    """A process has begun to work on the campaign."""

    KIND = EventKind.LANES
    count: int


class Leased(EventData):
    """An experiment was begun."""

    KIND = EventKind.LEASED
    number: int


class LimitReached(EventData):
    """One of Evolver's own limits has left something out; told once a process for each limit."""

    KIND = EventKind.LIMIT_REACHED
    limit: str
    """Which one."""
    said: str
    """What was left out, and what can be done."""


class Shown(EventData):
    """Ids of what a researcher was shown before it proposed an experiment."""

    KIND = EventKind.TOLD
    experiments: tuple[int, ...] = ()
    """Numbers of those that may be parents."""
    notes: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    directives: tuple[str, ...] = ()
    withheld: bool = False
    """Whether lessons were held out, to measure what they are worth."""


class IdeaRepeated(EventData):
    """A researcher's idea was nearly that of an earlier experiment."""

    KIND = EventKind.IDEA_REPEATED
    nearest: str
    """Id of that experiment."""
    similarity: float
    taken: bool
    """Whether the idea was accepted all the same."""


class ArmChosen(EventData):
    """Which arm of a hybrid team makes an experiment."""

    KIND = EventKind.ARM
    arm: str
    tunes: str = ""
    """Id of the experiment whose constants are tuned."""
    indices: dict[str, float] = {}
    """What the choice was made by, for each arm."""


class Proposed(EventData):
    """An experiment has its proposal."""

    KIND = EventKind.PROPOSED
    operator: str
    plan: str


class Coded(EventData):
    """An experiment has its program."""

    KIND = EventKind.CODED
    program: str


class ProgramEdited(EventData):
    """A person has replaced an experiment's program."""

    KIND = EventKind.EDITED
    program: str
    who: str


class GaveUp(EventData):
    """A role has no usable answer for an experiment, and it goes without."""

    KIND = EventKind.GAVE_UP
    role: str
    reason: str
    check: str = ""
    """The check that no program passed; empty where something else was the matter."""


class TrialStarted(EventData):
    """A trial was begun."""

    KIND = EventKind.TRIAL_STARTED
    stage: str
    seed: int


class TrialEnded(EventData):
    """A trial has come to its end, well or not."""

    KIND = EventKind.TRIAL
    stage: str
    seed: int
    status: TrialStatus


class Concluded(EventData):
    """An experiment has its verdict."""

    KIND = EventKind.CONCLUDED
    kind: VerdictKind
    score: float | None


class ChampionCrowned(EventData):
    """An experiment is the new champion."""

    KIND = EventKind.CHAMPION
    score: float | None


class ChangeMeasured(EventData):
    """What an experiment says about the change that it made; lessons are estimated from these."""

    KIND = EventKind.MEASURED
    change: str
    """What was put in, taken out or altered; the same words whichever operator did it."""
    removed: bool = False
    """Whether the change was taken out: the gain is then that of having it, with its sign turned."""
    context: tuple[str, ...] = ()
    """The changes that the program had before, in the order in which they came."""
    operator: str
    gain: float | None = None
    """Paired difference from the parent (of a repaired one: from the last that ran); None where there is none."""
    error: float = 0.0
    """Standard error of `gain`, as of a normal distribution."""
    reference: str = ""
    """Id of the experiment that it is measured from; empty for a champion, whose level is known apart from luck."""
    cause: str = ""
    """Why there is no score, in a few words that are the same for the same cause."""
    champion: bool = False
    """Whether the experiment became champion."""


class SameClaim(EventData):
    """A model said that an experiment shows the same as an earlier one: both are evidence of one lesson."""

    KIND = EventKind.SAME_CLAIM
    change: str
    """Under which the earlier ones are kept."""


class ConfirmationEnded(EventData):
    """A candidate was tested against the champion on fresh replicates."""

    KIND = EventKind.CONFIRMATION
    result: FreshTestResult
    against: int
    """Number of the champion."""
    replicates: int
    delta: float | None = None
    interval: Interval | None = None
    level: float = 0.0
    """Chance of a false champion that it may spend, out of the campaign's."""


class ChampionDethroned(EventData):
    """A champion did no better than the baseline on fresh replicates, and is champion no more."""

    KIND = EventKind.DETHRONED
    successor: int
    """Number of the experiment that is champion again."""
    replicates: int
    delta: float | None = None
    """Mean difference to the baseline; None where it got no score at all."""
    derived: tuple[int, ...] = ()
    """Numbers of the experiments whose programs were made from it, directly or through others."""
    lessons: tuple[str, ...] = ()
    """Ids of lessons that it, or what was derived from it, is evidence of."""


class LessonLearned(EventData):
    """A lesson was written, or has changed."""

    KIND = EventKind.LESSON
    claim: str
    status: LessonStatus


class Observed(EventData):
    """What a model said about an experiment once its verdict stood."""

    KIND = EventKind.OBSERVED
    claim: str
    component: str = ""
    mechanism: str = ""
    caution: str = ""
    model: str = ""
    lessons: tuple[str, ...] = ()


class DirectiveGiven(EventData):
    """A person has said something to the campaign."""

    KIND = EventKind.DIRECTIVE
    directive: str
    kind: str
    who: str
    text: str


class DirectiveClosed(EventData):
    """A directive is not in force any more."""

    KIND = EventKind.DIRECTIVE_CLOSED
    directive: str
    status: DirectiveStatus
    outcome: str


class ApprovalWanted(EventData):
    """An experiment waits for a person, because its trials cost much."""

    KIND = EventKind.APPROVAL_WANTED
    number: int
    plan: str
    estimate: TrialEstimate


class Approved(EventData):
    """A person lets an experiment run."""

    KIND = EventKind.APPROVED
    who: str
    reason: str = ""


class Rejected(EventData):
    """A person does not let an experiment run."""

    KIND = EventKind.REJECTED
    who: str
    reason: str = ""


class MetricDifference(Record):
    """An experiment beside another on the same fresh replicates; positive is better."""

    number: int
    delta: float
    interval: Interval


class Verified(EventData):
    """What an experiment had on fresh replicates (held-out), beside what the search saw (fit)."""

    KIND = EventKind.VERIFIED
    metric: str
    mean: float
    interval: Interval
    seeds: tuple[int, ...]
    """Those that it has a score on."""
    failed: int = 0
    """How many others it got no score on."""
    fit: float | None
    """The score of the search, on replicates that the program was chosen by."""
    baseline: MetricDifference | None = None
    champion: MetricDifference | None = None
    """None where it is the champion itself."""


class Part(Record):
    """One change, and what the program loses without it."""

    change: str
    component: str
    gain: float | None = None
    """What the change is worth; positive is better. None where the program has no score without it."""
    interval: Interval | None = None
    reason: str = ""
    """Why there is no score."""
    unmeasured: bool = False
    """Whether the machine had no time for it; then nothing is known of what the change is worth."""
    alone: float | None = None
    """What the reference gains by this change and no other; None where it has no score with it."""
    alone_interval: Interval | None = None
    alone_reason: str = ""
    """Why there is no score with this change alone."""


class Simplified(Record):
    """The smallest program found that keeps the score within the resolution."""

    files: dict[str, str]
    """The program."""
    removed: tuple[str, ...]
    """Changes that were taken back, in words."""
    kept: tuple[str, ...]
    """Changes that stay."""
    delta: float
    """Its score against the experiment's; positive is better."""
    interval: Interval
    resolution: float
    """Loss that cannot be told from none, in the metric's unit."""
    lines_before: int
    lines_after: int


class Ablated(EventData):
    """What an experiment's program owes its gain to."""

    KIND = EventKind.ABLATED
    against: int
    """Number of the experiment whose program is the reference."""
    metric: str
    total: float
    """Gain over the reference on the same replicates."""
    interval: Interval
    seeds: tuple[int, ...]
    parts: tuple[Part, ...]
    """Most valuable first; those that the program cannot do without come before all."""
    skipped: int = 0
    """Changes beyond the most that are looked at."""
    simplified: Simplified | None = None
    """Where it was asked for."""


class RunsIn(EventData):
    """What programs run in from now on."""

    KIND = EventKind.RUNS_IN
    task_version: str
    """Hash of what decides the task's scores."""
    sandbox: str
    """Name of the sandbox."""
    image: str = ""
    """Tag of the image, which changes with what it is made from; empty where there is none."""
    python: str
    """Version of Python that runs Evolver, and the programs where there is no image."""
    machine: str
    """System and processor."""
    packages: dict[str, str] = {}
    """Versions of Evolver and of packages that programs use, by name."""
    command: str = ""
    """As it was typed; empty where the campaign was started otherwise."""

    def differs_from(self, other: RunsIn) -> dict[str, tuple[str, str]]:
        """What is not the same in another environment: this one's and that one's, by name."""
        mine, theirs = (
            {**one.packages, **one.model_dump(include={"task_version", "sandbox", "image", "python", "machine"})}
            for one in (self, other)
        )
        names = sorted(mine.keys() | theirs.keys())
        return {n: (mine.get(n, ""), theirs.get(n, "")) for n in names if mine.get(n, "") != theirs.get(n, "")}


class Retested(EventData):
    """The champion beside the baseline on replicates that the search never used (held-out, not fit)."""

    KIND = EventKind.RETESTED
    replicates: int = 0
    """Fresh ones that the champion was given."""
    failed: int = 0
    """Of these, how many it got no score on; the means are over the others."""
    mean: float
    baseline: float
    delta: float
    interval: Interval
    sealed: dict[str, tuple[float, float]] = {}
    """Means of champion and baseline, by metric that was kept from the search until now."""
    held_out: bool = True
    """Whether hidden data change with the seed or sealed metrics exist; otherwise the seed alone was fresh."""


class RetestFailed(EventData):
    """The champion has no score on replicates that the search never used."""

    KIND = EventKind.RETEST_FAILED
    reason: str = "it got no score"


class Compared(EventData):
    """A plain method of the task's own was given the CPU time that the campaign's trials used."""

    KIND = EventKind.COMPARED
    name: str
    score: float | None
    cpu_seconds: float
    reason: str = ""


class CampaignEnded(EventData):
    """Nothing more is proposed, although experiments are left in the budget."""

    KIND = EventKind.ENDED
    reason: str


class CampaignFailed(EventData):
    """The campaign as a whole cannot go on."""

    KIND = EventKind.FAILED
    reason: str


class ProviderFellSilent(EventData):
    """A models' provider gives no answers."""

    KIND = EventKind.PROVIDER_DOWN
    server: str
    reason: str


class ProviderAnswers(EventData):
    """A models' provider gives answers again."""

    KIND = EventKind.PROVIDER_UP
    server: str
    seconds: float
    """How long it gave none."""


class CallFailed(EventData):
    """A request to a model's provider failed."""

    KIND = EventKind.CALL_FAILED
    model: str
    reason: str
    status: int | None = None
    """Of HTTP."""
    attempt: int = 1


class ParameterDropped(EventData):
    """A model does not take a parameter, and is asked without it."""

    KIND = EventKind.PARAMETER_DROPPED
    model: str
    difference: str


class CallRefused(EventData):
    """The budget does not allow for a question to a model."""

    KIND = EventKind.BUDGET_REFUSED_CALL
    role: str
    purpose: str
    reason: str


class AnswerLost(EventData):
    """A model has no usable answer to a question."""

    KIND = EventKind.ANSWER_LOST
    role: str
    purpose: str
    reason: str


D_co = TypeVar("D_co", bound=EventData, default=EventData, covariant=True)


class Event(Record, Generic[D_co]):
    """One line of the append-only log from which every view is projected."""

    id: int
    """Its place in the log of all campaigns; later events have higher ones."""
    campaign: str
    """Name of the campaign that it is about."""
    when: datetime
    """When it was written, in UTC."""
    kind: str
    """One of EventKind; another word where a plug-in or another version of Evolver wrote it."""
    experiment: str | None = None
    """Id of the experiment that it is about, if it is about one."""
    data: SerializeAsAny[D_co]
    """What else is to be said of that kind, as its own model."""


def read_data(kind: str, kept: dict[str, Any]) -> EventData:
    """What was kept with an event; of keys that this version does not know, nothing.

    UnknownData where the kind is unknown or its data are not as they should be.
    """
    model = DATA.get(kind)
    if model is None:
        return UnknownData.model_validate(kept)
    try:
        return model.model_validate({key: value for key, value in kept.items() if key in model.model_fields})
    except ValidationError:
        return UnknownData.model_validate(kept)
