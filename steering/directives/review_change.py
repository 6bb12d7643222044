"""`review: try the exact solver first`, `change line 2 of the review to ...`: a person writes on the page."""

from __future__ import annotations

from pydantic import JsonValue

from evolver.contracts import Record
from evolver.contracts.lesson_events import CampaignReviewed
from evolver.errors import UsageError
from evolver.steering.commands import Command, CommandResult
from evolver.steering.directive_type import DirectiveType
from evolver.steering.intents import Understood
from evolver.steering.patterns import Found
from evolver.steering.review_page import newest_review

LONGEST = 1200


class PageChange(Record):
    """What to change."""

    text: str = ""
    """The line; empty: it is taken out."""
    line: int | None = None
    """Which one is changed, from 1 on; None: another is added."""


class ReviewDirective(DirectiveType[PageChange]):
    """Change the review."""

    kind = "review"
    does = "changes the review of the campaign, which models are told: adds a line, changes one or takes one out"
    examples = (
        "review: the pool is the bottleneck",
        "change line 2 of the review to try 4 % first",
        "remove line 3 of the review",
    )
    scope = "campaign"
    keywords = ("review", "change", "strike")
    fields = "add a line to the review of the campaign, or change one; topic is the line, amount is its number, if any"
    arguments = PageChange
    patterns = (
        r"(?:(?:add|put|write)(?: this)? (?:to|in|into|on) (?:the )?)?review ?: ?(?P<text>.+)",
        r"(?:add|put|write) (?P<added>.+?) (?:to|in|into|on) the review",
        r"(?:change|correct|replace|rewrite|edit) (?:line|point|number)? ?#?(?P<line>\d+) (?:of|in|on) the review"
        r"(?: to| by| with| ?:) (?P<changed>.+)",
        r"(?:remove|strike|delete|drop|take) (?:line|point|number)? ?#?(?P<gone>\d+) (?:out of|of|in|from|on) "
        r"the review",
    )

    def arguments_of(self, match: Found) -> dict[str, JsonValue] | None:
        """The line and its number."""
        said = {name: text.strip() for name, text in match.groupdict().items() if text}
        if "gone" in said:
            return {"line": int(said["gone"])}
        if "changed" in said:
            return {"line": int(said["line"]), "text": said["changed"]}
        return {"text": said.get("text") or said["added"]}

    def arguments_from(self, understood: Understood) -> dict[str, JsonValue] | None:
        """The topic is the line."""
        text, number = understood.topic.strip(), understood.amount
        if not text and not number:
            return None
        return {"text": text, **({"line": int(number)} if number else {})}

    def do(self, command: Command, arguments: PageChange) -> CommandResult:
        """Write the page again, as the person wants it."""
        archive, text = command.archive, " ".join(arguments.text.split())
        if len(text) > LONGEST:
            raise UsageError(f"a line of the review has at most {LONGEST} characters")
        newest = archive.campaigns.counts(command.campaign).finished
        page = newest_review(archive, command.campaign) or CampaignReviewed(number=newest)
        if arguments.line is None:
            page = page.model_copy(update={"remarks": (*page.remarks, text), "by": command.who})
        elif 1 <= arguments.line <= len(page.lines()):
            page = page.with_line(arguments.line, text, command.who)
        else:
            raise UsageError(f"the review has no line {arguments.line}; say `review` to see their numbers")
        directive, _ = command.keep(status="done", outcome="the review is changed")
        archive.events.add(command.campaign, page)
        return CommandResult([f"The review is changed; models are told {command.when}."], [directive])
