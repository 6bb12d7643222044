"""`switch to NAME`: talk about another campaign."""

from __future__ import annotations

from evolver.steering.intents import JoinCampaign, Reading
from evolver.steering.patterns import Found
from evolver.steering.phrase import CommandPhrase


class SwitchCommand(CommandPhrase):
    """Talk about another campaign."""

    kind = "switch"
    does = "the conversation is about that campaign from then on"
    examples = ("switch to NAME", "join NAME")
    patterns = (
        r"(?:join|switch (?:over )?to|change to|talk (?:to|about))(?: the)?(?: campaign)? "
        r"(?P<name>[A-Za-z0-9][\w.-]*)",
    )
    free_text = True

    def understood(self, match: Found) -> Reading | None:
        """The campaign."""
        return JoinCampaign(campaign=match["name"])
