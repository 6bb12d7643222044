"""What a question is: one class says how it is understood and answers it from a campaign's archive."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from evolver.contracts import Experiment, Interval
from evolver.errors import UsageError
from evolver.formatting import claim_words, difference_with_interval, numbered, score_with_interval
from evolver.steering.intents import Inquiry, Reading
from evolver.steering.patterns import Found
from evolver.steering.phrase import Line, Phrase

if TYPE_CHECKING:
    from evolver.memory import Archive

BEST = r"(?:the )?(?:current )?(?:best|champion|winner)(?: (?:one|experiment|program|so far))*"
_ONE = r"(?:(?:the )?(?:experiment|number|no\.?) )?#?"
ONE = rf"{_ONE}(?P<number>\d+)"
OTHER = rf"{_ONE}(?P<other>\d+)"


@dataclass(frozen=True)
class CampaignFacts:
    """The campaign that a question is about, and what several answers say of it."""

    archive: Archive
    campaign: str
    running: bool
    """Whether a process runs it now."""

    def by_number(self, number: int) -> Experiment:
        """An experiment. Raises UnknownName."""
        return self.archive.experiments.by_number(self.campaign, number)

    def experiments(self) -> Sequence[Experiment]:
        """All but the baseline."""
        return self.archive.experiments.list(self.campaign, after=0)

    def score(self, experiment: Experiment) -> str:
        """Its score with the interval, in words."""
        campaign = self.archive.campaigns.get(self.campaign)
        if experiment.score is None:
            return "no score"
        on = claim_words(experiment.claim, experiment.replicates)
        return f"{campaign.metric.name} {score_with_interval(experiment.score, experiment.interval)}, {on}"


class QuestionType(Phrase):
    """Something that people can ask.

    `kind` is what `Inquiry.about` says. Of a pattern's named groups, `number` and `other` are experiments, and `topic`
    is what the question is about.
    """

    signs = "why|what|how|which|who|when|is|are|does|did"
    numbers: ClassVar[int] = 0
    """How many experiments it has to name."""
    may_be_worded: ClassVar[bool] = True
    """Whether a model may put the facts into sentences."""

    def read(self, line: Line) -> Reading | None:
        """The question, with or without its mark."""
        return super().read(Line(line.text, line.plain.rstrip("? ") or line.plain, line.corrected))

    def understood(self, match: Found) -> Reading | None:
        """What is asked about."""
        said = match.groupdict()
        numbers = tuple(int(said[name]) for name in ("number", "other") if said.get(name))
        return Inquiry(about=self.kind, numbers=numbers, topic=(said.get("topic") or "").strip(" .?\"'“”`"))

    def check(self, inquiry: Inquiry) -> None:
        """Raises UsageError where it names too few experiments."""
        if len(inquiry.numbers) < self.numbers:
            raise UsageError("which experiments? Name them by number, as in `compare 12 and 41`")

    @abstractmethod
    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """What is known, in lines, with the numbers of the experiments behind every claim.

        Raises UsageError where it cannot be answered, UnknownName.
        """


def standing(experiment: Experiment) -> str:
    """The verdict on an experiment, in a sentence."""
    verdict = experiment.verdict
    if verdict is None:
        return f"Experiment {experiment.number} is not finished."
    said = f"The verdict on {experiment.number} is {verdict.kind.replace('_', ' ')}"
    if verdict.delta is not None:
        said += f", {gain(verdict.delta, verdict.interval)} against the champion of its time"
    return f"{said}: {verdict.reason}." if verdict.reason else f"{said}."


def gain(delta: float, interval: Interval | None) -> str:
    """A difference with its interval, unless that is a point."""
    return difference_with_interval(delta, interval, digits=4)


def newest_numbers(experiments: Sequence[Experiment]) -> str:
    """The numbers of the newest of some experiments, and how many there are beside."""
    numbers = [experiment.number for experiment in experiments]
    return numbered("experiment", numbers[-8:]) + (f" and {len(numbers) - 8} earlier" if len(numbers) > 8 else "")
