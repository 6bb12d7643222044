"""Asks for a role: shortens prompts that do not fit, and repeats after a kill exactly what was asked before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from evolver.agents.llm.rendering import Numbers
from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import CallStatus, Message
from evolver.contracts.event import D_co
from evolver.contracts.event_data import EventData
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Answer, ContextTooLong, Conversation, Role
from evolver.llm.conversation import REPAIRS

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")

HALVINGS = 3
IN_WORK = 2000
"""Newest events of a kind among which those about an experiment in work are."""

Prompt = Callable[[TokenBudget], Sequence[Message]]
"""Writes the messages for a room; may read the archive, in a thread."""


@dataclass(frozen=True)
class Prompted(Generic[T]):
    """An answer with the messages that it answers."""

    answer: Answer[T]
    messages: tuple[Message, ...]


class Prompter:
    """What the roles of one campaign share for asking."""

    def __init__(self, resources: CampaignResources, conversation: Conversation) -> None:
        self._resources = resources
        self._conversation = conversation
        self._token_budgets: dict[Role, TokenBudget] = {}
        self.numbers = Numbers(resources.archive, resources.name)

    async def ask(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        prompt: Prompt,
        form: type[M],
        *,
        check: Callable[[M, Sequence[Message]], str | None],
        repairs: int = REPAIRS,
        halvings: int = HALVINGS,
    ) -> Prompted[M]:
        """An answer of a form that `check` has no objection to, given what was shown. Raises as `Conversation.ask`."""

        async def send(messages: Sequence[Message]) -> Answer[M]:
            return await self._conversation.ask(
                role, purpose, experiment, messages, form, check=lambda value: check(value, messages), repairs=repairs
            )

        return await self.send(role, purpose, experiment, prompt, send, halvings)

    async def ask_text(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        prompt: Prompt,
        reader: Callable[[str, Sequence[Message]], T],
        *,
        repairs: int = REPAIRS,
    ) -> Prompted[T]:
        """What `reader` makes of free text, given what was shown. Raises as `Conversation.ask_text`."""

        async def send(messages: Sequence[Message]) -> Answer[T]:
            return await self._conversation.ask_text(
                role, purpose, experiment, messages, lambda text: reader(text, messages), repairs=repairs
            )

        return await self.send(role, purpose, experiment, prompt, send, HALVINGS)

    async def send(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        prompt: Prompt,
        send: Callable[[Sequence[Message]], Awaitable[Answer[T]]],
        halvings: int = HALVINGS,
    ) -> Prompted[T]:
        """An answer that `send` gets for a prompt, which is shortened where it is too long. Raises as `send`."""
        before = await self._resources.archive.run(self._asked_before, experiment, role, purpose)
        if before is not None:
            # The archive may have moved on; asked in other words, the question would be paid again.
            with suppress(ContextTooLong):
                return Prompted(await send(before), before)
        while True:
            token_budget = self._token_budgets.get(role, TokenBudget())
            messages = tuple(await asyncio.to_thread(prompt, token_budget))
            try:
                return Prompted(await send(messages), messages)
            except ContextTooLong:
                if halvings == 0:
                    raise
                halvings -= 1
                self._token_budgets[role] = token_budget.half()

    def _asked_before(self, experiment: str, role: Role, purpose: str) -> tuple[Message, ...] | None:
        """The messages of this question if it was answered in an earlier process, or by a lane that was stopped."""
        calls = self._resources.archive.calls.list(self._resources.name, experiment, role, purpose)
        answered = [call.messages for call in calls if call.status is not CallStatus.ERROR]
        # Follow-ups are longer: they repeat the question.
        return min(answered, key=len, default=None)

    async def tell(self, data: EventData, experiment: str) -> None:
        """Write an event."""
        await self._resources.archive.run(self._resources.archive.events.add, self._resources.name, data, experiment)

    def told(self, kind: type[D_co], experiment: str) -> D_co | None:
        """The newest event of a kind about an experiment in work."""
        return self.told_lately(kind, IN_WORK).get(experiment)

    def told_lately(self, kind: type[D_co], newest: int) -> dict[str, D_co]:
        """The newest events of a kind, by experiment."""
        events = self._resources.archive.events.list(self._resources.name, kind=kind, newest=newest)
        return {event.experiment: event.data for event in events if event.experiment}
