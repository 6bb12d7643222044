"""`10 more experiments`, `$2 more`: changes what may be spent."""

from __future__ import annotations

from pydantic import JsonValue, ValidationError

from evolver.contracts import Budget, Campaign, Record
from evolver.errors import UsageError
from evolver.formatting import counted
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType
from evolver.steering.intents import Understood
from evolver.steering.normalize import amount
from evolver.steering.patterns import NUMBER, Found, seconds

_LIMITS = {"experiments": "experiments", "seconds": "time", "usd": "dollars", "tokens": "tokens"}
"""What can be limited, and what people call it."""
_COUNT = rf"(?P<count>{NUMBER})"
_MORE = rf"(?P<more_experiments>{NUMBER})"
_ALL = rf"(?P<experiments>{NUMBER})"


class BudgetChange(Record):
    """New limits, or what is added to those that there are."""

    experiments: int | None = None
    more_experiments: int | None = None
    seconds: float | None = None
    more_seconds: float | None = None
    usd: float | None = None
    more_usd: float | None = None
    tokens: int | None = None
    more_tokens: int | None = None


class BudgetDirective(DirectiveType[BudgetChange]):
    """Change what the campaign may spend."""

    kind = "budget"
    does = "changes what may be spent"
    examples = ("10 more experiments", "budget 80", "20 more minutes", "$2 more", "100,000 more tokens")
    patterns = (
        rf"(?:do |run |add |make |give me |try |plus )?{_MORE} (?:more|further|additional|extra)"
        r"(?: (?:experiments?|tries|rounds))?",
        rf"(?:do |run |add |make |give me |try )?{_MORE} experiments? more",
        rf"(?:do |run |add |try |make |give me )?another {_MORE}(?: experiments?)?",
        rf"(?:raise|increase|extend)(?: the)? budget by {_MORE}(?: experiments?)?",
        rf"(?:set |raise |increase |extend |lower |reduce |cut )?(?:the )?budget(?: to| of| is|:| =)? {_ALL}"
        r"(?: experiments?)?(?: in all| in total)?",
        rf"(?:stop|end|finish) after {_ALL} experiments?(?: in all| in total)?",
        rf"(?:at most|up to|no more than) {_ALL} experiments?(?: in all| in total)?",
        rf"(?:run |go on )?(?:for )?{_COUNT} more (?P<unit>seconds?|secs?|minutes?|mins?|hours?|h)",
        r"(?:set |raise |increase )?(?:the )?(?:budget|cost)(?: to| of| is|:| =)? \$ ?(?P<usd>\d+(?:\.\d+)?)",
        r"(?:set |raise |increase )?(?:the )?(?:budget|cost)(?: to| of| is|:| =)? "
        r"(?P<usd>\d+(?:\.\d+)?) ?(?:usd|dollars)",
        r"\$ ?(?P<more_usd>\d+(?:\.\d+)?) more",
        r"(?P<more_usd>\d+(?:\.\d+)?) more (?:usd|dollars)",
        r"(?P<more_tokens>[\d,_]+) more tokens",
        r"(?P<tokens>[\d,_]+) tokens",
    )
    scope = "campaign"
    keywords = ("budget",)
    subject = "the budget"
    signs = r"budget|costs?|dollars?|tokens?|time|experiments?"
    fields = "amount with unit experiments, more_experiments, more_seconds, usd, more_usd, tokens or more_tokens"
    arguments = BudgetChange

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The amount by its limit; None where it is no number, or none at all."""
        said = {name: text for name, text in match.groupdict().items() if text}
        unit = said.pop("unit", "")
        ((name, text),) = said.items()
        if name.endswith("usd"):
            return {name: float(text)}
        count = amount(text)
        if not count:
            return None
        return {"more_seconds": seconds(count, unit)} if unit else {name: count}

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The amount by its unit."""
        return amount_from(understood, tuple(_LIMITS))

    def do(self, command: Command, arguments: BudgetChange) -> CommandResult:
        """Change the budget, from what it is at that moment."""

        def change(campaign: Campaign) -> dict[str, Budget]:
            return {"budget": _changed(campaign.budget, arguments)}

        before = command.archive.campaigns.get(command.campaign)
        directive, campaign = command.keep(status="done", change=change)
        replies = [f"The budget is {_in_words(campaign.budget)}."]
        done = command.archive.campaigns.counts(command.campaign).leased
        if campaign.budget.experiments < done:
            replies.append(f"{done} experiments were started already; those are finished, and no more are started.")
        elif not command.running and campaign.budget != before.budget:
            replies.append("No process runs this campaign now: say `go on`.")
        return CommandResult(replies, [directive])


def amount_from(understood: Understood, units: tuple[str, ...]) -> dict[str, JsonValue] | None:
    """The amount in a model's reading under its unit, which may begin with `more_`; None where one is missing."""
    if understood.amount is None or understood.amount <= 0 or understood.unit.removeprefix("more_") not in units:
        return None
    return {understood.unit: understood.amount if understood.unit.endswith("usd") else int(understood.amount)}


def _changed(budget: Budget, arguments: BudgetChange) -> Budget:
    values = dict(budget)
    for name, said in arguments.model_dump(exclude_none=True).items():
        limit, amount = name.removeprefix("more_"), float(said)
        if name.startswith("more_"):
            if values[limit] is None:
                raise UsageError(f"there is no limit of {_LIMITS[limit]} that could be raised")
            amount += float(values[limit])
        values[limit] = int(amount) if limit in ("experiments", "tokens") else amount
    try:
        return Budget.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"that budget is not possible: {error.errors()[0]['msg']}") from None


def _in_words(budget: Budget) -> str:
    parts = [counted(budget.experiments, "experiment")]
    parts += [f"{budget.seconds:.0f} s"] if budget.seconds is not None else []
    parts += [f"${budget.usd:g}"] if budget.usd is not None else []
    parts += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    return ", ".join(parts) + " in all"
