"""Reads questions about a campaign without a model."""

from __future__ import annotations

import re
from collections.abc import Callable

from evolver.steering.intents import Inquiry, Topic

_BEST = r"(?:the )?(?:current )?(?:best|champion|winner)(?: (?:one|experiment|program|so far))*"
_ONE = r"(?:(?:the )?(?:experiment|number|no\.?) )?#?(?P<number>\d+)"
_OTHER = r"(?:(?:the )?(?:experiment|number|no\.?) )?#?(?P<other>\d+)"

Found = re.Match[str]


def _about(topic: Topic) -> Callable[[Found], Inquiry]:
    def read(match: Found) -> Inquiry:
        groups = match.groupdict()
        numbers = tuple(int(groups[name]) for name in ("number", "other") if groups.get(name))
        return Inquiry(about=topic, numbers=numbers, topic=(groups.get("topic") or "").strip(" .?\"'“”`"))

    return read


_PATTERNS: tuple[tuple[str, Topic], ...] = (
    (
        rf"why (?:is|was) (?:{_ONE}|it|{_BEST}|this)(?: now)?(?: the| so)? (?:best|champion|better|good|winning|winner).*",
        "best",
    ),
    (rf"(?:what|which)(?: experiment| program| one)? ?(?:is|'s|was) {_BEST}(?: score| result)?", "best"),
    (rf"(?:show(?: me)? )?{_BEST}", "best"),
    (rf"why did (?:experiment |number )?#?(?P<number>\d+) (?:fail|crash|get no score|win|improve|lose)", "experiment"),
    (r"what(?:'s| is)? (?:has |have |did )?fail(?:ed|s|ing)?(?: the)?(?: most| often| so far)*", "failures"),
    (
        r"(?:which|what) (?:experiments?|changes?|trials?|ideas?) (?:have )?fail(?:ed)?(?: most| often| so far)*",
        "failures",
    ),
    (r"why do (?:experiments|trials|programs|they|so many)(?: of them)? fail.*", "failures"),
    (r"(?:show(?: me)?(?: the)? |list(?: the)? )?failures|(?:the )?most common failures?|errors", "failures"),
    (
        r"what (?:have|did|do|has) (?:we|you|it|the campaign) (?:learn(?:ed|t)?|know|found(?: out)?|find(?: out)?)(?: so far)?"
        r"(?: (?:about|on|of|from) (?P<topic>.+))?",
        "learned",
    ),
    (
        r"(?:what are the |show(?: me)?(?: the)? |list(?: the)? )?lessons(?: so far)?(?: (?:about|on|from) (?P<topic>.+))?",
        "learned",
    ),
    (
        r"what (?:works|helps|helped|worked|does not work|doesn't work)(?: best| most| so far)*(?: (?:for|with|about) (?P<topic>.+))?",
        "learned",
    ),
    (r"(?:does|did|do) (?P<topic>.+) (?:help|work|matter)", "learned"),
    (r"what (?:are you|is it|is the campaign|is everyone) doing(?: now| right now| at the moment)?", "doing"),
    (r"what(?:'s| is| are)(?: now)? (?:running|going on|happening|in work|being tried)(?: now| right now)?", "doing"),
    (r"status|state|thanks|thank you(?: very much)?|cheers", "progress"),
    (r"how far(?: are you| are we| along| is it| have you come| did you get)*", "progress"),
    (
        r"(?:what(?:'s| is) the )?progress|how (?:is it|are you|are things|is the campaign) (?:going|doing)|are we there yet",
        "progress",
    ),
    (r"how many(?: experiments)?(?: are)?(?: left| done| finished| remain(?:ing)?| so far| to go)*", "progress"),
    (r"how (?:much )?long(?:er)?(?: will it take| does it take| is left| left| to go| still)*", "progress"),
    (r"when (?:will|are|is) (?:it|you|the campaign)(?: be)? (?:done|finished|ready|over)", "progress"),
    (rf"compare(?: experiments?)? {_ONE} (?:and|with|to|vs\.?|versus|against|,) ?{_OTHER}", "compare"),
    (rf"{_ONE} (?:vs\.?|versus|against) {_OTHER}", "compare"),
    (rf"(?:what(?:'s| is) the )?(?:difference|diff)s? between(?: experiments?)? {_ONE} and {_OTHER}", "compare"),
    (rf"(?:is|was) {_ONE} (?:better|worse) than {_OTHER}", "compare"),
    (rf"how (?:does|do|is) {_ONE} (?:compare to|differ from|different from) {_OTHER}", "compare"),
    (rf"what (?:has |did |is |was |does )?(?:changed?|new|different) (?:in|by|with|about) {_ONE}", "changed"),
    (rf"what did {_ONE} change", "changed"),
    (rf"(?:show(?: me)? )?(?:the )?(?:diff|changes|change)(?: of| in)? {_ONE}", "changed"),
    (
        rf"(?:show(?: me)?|tell me about|describe|explain|what(?:'s| is| about| was| happened (?:to|in|with)))(?: about)? {_ONE}",
        "experiment",
    ),
    (rf"(?:experiment|#) ?(?P<number>\d+)", "experiment"),
    (
        r"(?:what|which)(?: are the)? (?:directives|instructions|orders)(?: are| is)?(?: there| in force| active)?",
        "directives",
    ),
    (r"(?:show(?: me)?(?: the)? |list(?: the)? )?(?:directives|instructions)|what(?:'s| is) in force", "directives"),
    (
        r"(?:what|how much)(?: does| did| has| have)?(?: it| that| we| you| this)?(?: all)? (?:cost|spent|spend|paid)(?: so far)?",
        "cost",
    ),
    (r"(?:show(?: me)? )?(?:the )?costs?|spending|what(?:'s| is) the cost(?: so far)?", "cost"),
    (
        r"(?:what|which|who)(?: experiments?)?(?: is| are)? (?:waits?|waiting)(?: for(?: my| an)? approval)?|(?:show )?approvals|what (?:should|can|must) i approve",
        "waiting",
    ),
    (
        r"(?:show(?: me)?(?: the)? |list(?: the)? )?campaigns|(?:what|which) campaigns(?: are there| do we have| run| are running)?",
        "campaigns",
    ),
    (r"hi|hello|hey(?: there)?|good (?:morning|afternoon|evening)", "help"),
    (r"(?:/|:)?help|what can (?:you do|i (?:say|ask|do))|how (?:do|can) i steer(?: you)?|commands|\?+", "help"),
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), topic) for pattern, topic in _PATTERNS)


def question(line: str) -> Inquiry | None:
    """What a plain line asks, if a pattern tells."""
    asked = line.rstrip("? ") or line
    for pattern, topic in _COMPILED:
        if match := pattern.fullmatch(asked):
            return _about(topic)(match)
    return None
