"""What a directive is: one class says how it is understood, what it does, and how its effect is measured."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import JsonValue, ValidationError

from evolver.contracts import Directive, Experiment, Record
from evolver.errors import UsageError
from evolver.formatting import mistakes
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_effect import Effect, effect_of
from evolver.steering.intents import Instruction, Reading, Understood
from evolver.steering.patterns import Found
from evolver.steering.phrase import CommandPhrase
from evolver.steering.similarity import words

if TYPE_CHECKING:
    from datetime import datetime

    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.evaluation.race import Runner
    from evolver.memory import Archive

Scope = Literal["proposals", "experiment", "campaign", "run"]
Readers = Literal["all", "models", "none"]


class NoArguments(Record):
    """Of a directive that is said in one word."""


class OneExperiment(Record):
    """Which experiment is meant."""

    experiment: int | None = None
    """Its number; None: the champion."""


A = TypeVar("A", bound=Record)


class SearchHint(Record):
    """What a directive in force means to a researcher that draws changes."""

    focus: tuple[str, ...] = ()
    """Topics to search more."""
    avoid: tuple[str, ...] = ()
    """Topics to leave out."""
    start_from: int | None = None
    """Number of the experiment to start from."""


@dataclass(frozen=True)
class RunningCampaign:
    """What a directive can reach in the process that runs its campaign."""

    resources: CampaignResources
    runner: Runner
    began: datetime
    """When this process took the campaign up."""
    ended: bool
    """Whether nothing more is proposed already."""
    end: Callable[[str], Awaitable[None]]
    """Have nothing more proposed, for this reason."""


class DirectiveType(CommandPhrase, Generic[A]):
    """One kind of directive.

    A subclass sets `kind`, `does`, `examples`, `patterns`, `fields` and `arguments`, and defines `do`. Everything
    else has a default; the named groups of a pattern are arguments of the same names.
    """

    scope: ClassVar[Scope] = "proposals"
    """What it is about: what is proposed, one experiment, the campaign's limits, or whether the campaign runs."""
    researchers: ClassVar[Readers] = "none"
    """Which researchers are told of it while it is in force: all, those that are models, or none."""
    named: ClassVar[str] = ""
    """Pattern of what people call one in force, as in `forget the focus on layout`; empty: its number alone."""
    gloss: ClassVar[str] = ""
    """What it means, in a few words, for a model that reads messages."""
    fields: ClassVar[str] = ""
    """Which fields of a model's answer it needs; kinds in a row that say the same are told together."""
    arguments: type[A]
    """Schema of what it takes, in the archive too."""

    def answer_fields(self) -> str:
        """The fields, for what can only be known once all directives are."""
        return self.fields

    def understood(self, match: Found) -> Reading | None:
        """The instruction that a match says."""
        arguments = self.arguments_of(match)
        return None if arguments is None else Instruction(kind=self.kind, arguments=arguments)

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The arguments that a match says: its named groups; None: it is not this directive after all."""
        return self._checked({name: text.strip() for name, text in match.groupdict().items() if text})

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The arguments in a model's reading: the fields of the same names; None where something is missing."""
        given = understood.model_dump(include={"topic", "experiments", "amount", "unit", "reason"})
        found = {
            name: value
            for name, value in given.items()
            if name in self.arguments.model_fields and (value.strip() if isinstance(value, str) else value)
        }
        if "experiment" in self.arguments.model_fields:
            if len(understood.experiments) > 1:
                return None
            found["experiment"] = understood.experiments[0] if understood.experiments else None
        return self._checked(found)

    def _checked(self, arguments: dict[str, Any]) -> dict[str, JsonValue] | None:
        """Arguments as the archive keeps them; None where they do not fit the schema."""
        try:
            return self.arguments.model_validate(arguments).model_dump(mode="json", exclude_unset=True)
        except ValidationError:
            return None

    def carry_out(self, command: Command) -> CommandResult:
        """Keep the directive and do what it says. Raises UsageError where it cannot be, UnknownName."""
        try:
            arguments = self.arguments.model_validate(command.instruction.arguments)
        except ValidationError as error:
            raise UsageError(f"{self.kind}: {mistakes(error)[0]}") from None
        return self.do(command, arguments)

    @abstractmethod
    def do(self, command: Command, arguments: A) -> CommandResult:
        """What happens when it is said: the directive is kept, the campaign changed, and the person told.

        Raises UsageError where it cannot be, UnknownName; nothing is kept then.
        """

    async def take_effect(self, directive: Directive, campaign: RunningCampaign) -> None:
        """What the process that runs the campaign does about it, once, between two proposals."""

    def hint(self, directive: Directive) -> SearchHint:
        """What it means to a researcher that draws changes; asked where `researchers` is `all`."""
        return SearchHint()

    def is_about(self, directive: Directive, topic: str) -> bool:
        """Whether one of this kind is about what a person wants to take back."""
        return bool(words(topic) & words(str(directive.arguments.get("topic") or directive.text)))

    def effect(
        self, archive: Archive, directive: Directive, experiments: Sequence[Experiment] | None = None
    ) -> Effect | None:
        """The measured effect; None where the kind has none that could be measured.

        `experiments` are all of the campaign by number, where they were read already.
        """
        return effect_of(archive, directive, experiments) if self.scope == "proposals" else None

    def outcome_line(self, directive: Directive) -> str:
        """What came of it, in one line."""
        return directive.outcome.partition("\n")[0]


AnyDirectiveType = DirectiveType[Any]
