"""`focus on the initial layout`: most proposals are about it."""

from __future__ import annotations

from evolver.contracts import Directive
from evolver.steering.directive_type import SearchHint
from evolver.steering.directives.topic import TopicDirective
from evolver.steering.similarity import NEAR


class FocusDirective(TopicDirective):
    """Search more of a topic."""

    kind = "focus"
    does = "most proposals (85 %) are about it"
    examples = ("focus on the initial layout", "concentrate on the step size", "prioritise normalisation")
    patterns = (
        r"(?:focus(?: more| mainly| only)?|concentrate|prioriti[sz]e|emphasi[sz]e)(?: more)?(?: on)? (?P<topic>.+)",
    )
    keywords = ("focus", "concentrate", "prioritise")
    named = r"focus(?:ing)?"
    contrary = "avoid"
    said = "Most proposals are about “{}”"
    least = NEAR

    def hint(self, directive: Directive) -> SearchHint:
        """Search more of it."""
        return SearchHint(focus=(str(directive.arguments.get("topic") or directive.text),))
