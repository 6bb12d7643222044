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
"""Whether a directive still changes what is proposed."""


class Directive(Record):
    """A typed instruction from the person steering, as the archive keeps it."""

    id: str
    """Made of the message that it came from, so that the same message is kept once."""
    campaign: str
    """Name of the campaign that it is about."""
    kind: DirectiveKind
    """What kind of instruction it is: focus, avoid, pin, budget, pause, verify ..."""
    text: str
    """What the person said."""
    who: str
    """The person's name."""
    when: datetime = Field(default_factory=now)
    """When it was said, in UTC."""
    arguments: dict[str, JsonValue] = {}
    """What was understood: a topic, numbers, an amount."""
    status: DirectiveStatus = "in force"
    """Whether it still changes what is proposed."""
    outcome: str = ""
    """What came of it, in words."""
    number: int = 0
    """What people call it: its place in the campaign's list, from 1; 0 before it is read from the archive."""
    uses: int = 0
    """How many experiments were proposed under it."""
    experiments: tuple[str, ...] = ()
    """Ids of the newest of those experiments."""

    @property
    def is_question(self) -> bool:
        """Whether it is a question that was kept, not an instruction."""
        return self.kind == QUESTION
