"""`avoid annealing`: nothing brings it in."""

from __future__ import annotations

from evolver.contracts import Directive
from evolver.steering.directive_type import SearchHint
from evolver.steering.directives.topic import TopicDirective
from evolver.steering.similarity import SURE


class AvoidDirective(TopicDirective):
    """Leave a topic out."""

    kind = "avoid"
    does = "nothing brings it in"
    examples = ("avoid annealing", "don't use dropout", "no more random restarts")
    patterns = (
        r"(?:avoid|no more|stop (?:using|trying|doing|with)|"
        r"(?:don't|do not|never) (?:use|try|do)(?: any)?(?: more)?|skip|leave out) (?P<topic>.+?)(?: any ?more)?",
    )
    keywords = ("avoid", "skip")
    named = r"avoid(?:ing|ance)?"
    contrary = "focus"
    said = "Nothing about “{}” is proposed"
    least = SURE

    def hint(self, directive: Directive) -> SearchHint:
        """Leave it out."""
        return SearchHint(avoid=(str(directive.arguments.get("topic") or directive.text),))
