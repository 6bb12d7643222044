"""What people who steer a campaign say."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue, StringConstraints

from evolver.contracts.record import Record, now

QUESTION = "ask"
"""Kind under which a question is kept."""
DirectiveKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,31}$")]
"""Name of a class in `evolver.steering.directives` (a package may bring more), or `ask`."""
DirectiveStatus = Literal["in force", "done", "withdrawn"]


class Directive(Record):
    """A typed instruction from the person steering, as the archive keeps it."""

    id: str
    campaign: str
    kind: DirectiveKind
    text: str
    who: str
    when: datetime = Field(default_factory=now)
    arguments: dict[str, JsonValue] = {}
    """What was understood: a topic, numbers, an amount."""
    status: DirectiveStatus = "in force"
    outcome: str = ""
    """What came of it, in words."""
    number: int = 0
    """What people call it: its place in the campaign's list, from 1; 0 before it is read from the archive."""
    uses: int = 0
    """How many experiments were proposed under it."""
    experiments: tuple[str, ...] = ()
    """The newest of those experiments."""

    @property
    def is_question(self) -> bool:
        """Whether it is a question that was kept, not an instruction."""
        return self.kind == QUESTION
