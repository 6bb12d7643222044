"""`start circle-packing with 20 experiments`: a campaign in a process of its own."""

from __future__ import annotations

import re

from evolver.errors import WrongValue
from evolver.steering.intents import Reading, StartCampaign, Unclear
from evolver.steering.normalize import amount
from evolver.steering.patterns import ABOVE, ASK, NUMBER, Found, seconds
from evolver.steering.phrase import CommandPhrase

_ASKED = re.compile(rf"(?:,? and|,)? {ASK}.*?{ABOVE}", re.IGNORECASE)
_AMOUNTS = re.compile(
    rf"({NUMBER})\s*(experiments?|workers?|seconds?|s\b|minutes?|min\b|m\b|hours?|h\b)", re.IGNORECASE
)


class StartCommand(CommandPhrase):
    """Start a campaign."""

    kind = "start"
    does = "starts a campaign in a process of its own"
    examples = ("start circle-packing with 20 experiments", "run ./my-task for 10 minutes on 3 workers")
    patterns = (
        r"(?:start|begin|launch|run)(?: a)?(?: new)?(?: campaign)?(?: on| for| of| with)? "
        r"(?P<task>[\w./~-]*[A-Za-z][\w./~-]*)(?P<rest>(?:,| with| for).*)?",
    )
    free_text = True
    keywords = ("start", "begin")

    def understood(self, match: Found) -> Reading | None:
        """The task with its options."""
        rest, options = match["rest"] or "", dict[str, float | int]()
        if asked := _ASKED.search(rest):
            options["approve_above"] = seconds(float(asked["above"]), asked["unit"])
            rest = rest[: asked.start()] + rest[asked.end() :]
        for found in _AMOUNTS.finditer(rest):
            count, unit = amount(found[1]), found[2].lower()
            if not count:
                return None
            name = "experiments" if unit.startswith("exp") else "workers" if unit.startswith("work") else "seconds"
            options[name] = seconds(count, unit) if name == "seconds" else count
        try:
            return StartCampaign.model_validate({"task": match["task"], **options}, context={"spelling": _in_words})
        except WrongValue as error:
            return Unclear(understood=f"the start of a campaign, but {error}", examples=(f"start {match['task']}",))


def _in_words(name: str, value: object = None) -> str:
    """An option as it is said: `1000 workers`."""
    return name if value is None else f"{value} {name}"
