"""Asks until an answer can be used: what was wrong with one goes back to the model, a bounded number of times."""

from __future__ import annotations

import asyncio
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel

from evolver.contracts import Call, CallStatus, Message
from evolver.contracts.event_data import EventData
from evolver.contracts.model_events import AnswerLost
from evolver.errors import NoUsableAnswer
from evolver.llm.answer_text import answer_text, is_all_thinking
from evolver.llm.model_spec import ModelSpec, Role
from evolver.llm.output_parser import AnswerError, read
from evolver.llm.provider import Question
from evolver.redaction import Redactor

if TYPE_CHECKING:
    from evolver.memory import Archive

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
REPAIRS = 2
MOST_GROWTH = 4
"""How many times the usual length an answer may have after it was cut off."""


@dataclass(frozen=True)
class Answer(Generic[T]):
    """A usable answer and what it took, repairs included."""

    value: T
    model: str
    usd: float | None
    """None where a price is unknown."""
    tokens_in: int
    tokens_out: int
    calls: tuple[str, ...]
    """Ids in the archive."""
    repaired: int
    """How many answers before it could not be used."""


@dataclass(frozen=True)
class Exchange:
    """One question and whose it is."""

    role: Role
    purpose: str
    experiment: str
    question: Question
    model: ModelSpec | None = None
    """The only model to ask; None: one of the role's."""

    @property
    def prompt(self) -> str:
        """Hash of the messages and of the form of the answer."""
        said: list[object] = [[m.role, m.text, *_called(m)] for m in self.question.messages]
        asked = [said, self.question.schema(), *([self.question.tools] if self.question.tools else [])]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32]


def _called(message: Message) -> list[object]:
    """What a message says beside its text, if anything."""
    calls = [call.model_dump(mode="json") for call in message.calls]
    return [calls, message.answers] if calls or message.answers else []


class Conversation(ABC):
    """What roles ask; where answers come from is up to the subclass."""

    def __init__(self, archive: Archive, campaign: str, *, answer_tokens: int, redactor: Redactor) -> None:
        self._archive = archive
        self._campaign = campaign
        self._answer_tokens = answer_tokens
        self._redactor = redactor
        self._preferred: dict[tuple[str, Role], ModelSpec] = {}

    def prefer(self, model: ModelSpec, role: Role, experiment: str) -> None:
        """Have a role's questions about an experiment answered by this model, unless its provider is down."""
        self._preferred[experiment, role] = model

    def is_down(self, model: ModelSpec) -> bool:
        """Whether a model cannot be reached at the moment."""
        return False

    async def can_answer(self, role: Role, purpose: str, experiment: str) -> bool:
        """Whether a question may be asked at all: a recording has only those that were asked then."""
        return True

    async def ask(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        messages: Sequence[Message],
        answer: type[M],
        *,
        check: Callable[[M], str | None] | None = None,
        repairs: int = REPAIRS,
        model: ModelSpec | None = None,
        temperature: float | None = None,
    ) -> Answer[M]:
        """An answer of the given form that `check` has no objection to; an objection goes back to the model.

        Raises NoUsableAnswer after `repairs` answers more, ContextTooLong, BudgetSpent, ProviderDown, and UsageError
        where a key or a model's name is wrong.
        """

        def reader(text: str) -> M:
            value = read(text, answer)
            objection = check(value) if check else None
            if objection:
                raise AnswerError(objection)
            return value

        question = self._question(messages, answer, temperature)
        return await self._converse(Exchange(role, purpose, experiment, question, model), reader, repairs)

    async def ask_text(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        messages: Sequence[Message],
        reader: Callable[[str], T],
        *,
        repairs: int = REPAIRS,
        model: ModelSpec | None = None,
        temperature: float | None = None,
    ) -> Answer[T]:
        """What `reader` makes of free text; an AnswerError that it raises goes back to the model. Raises as `ask`."""
        question = self._question(messages, None, temperature)
        return await self._converse(Exchange(role, purpose, experiment, question, model), reader, repairs)

    async def say(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        messages: Sequence[Message],
        *,
        repairs: int = REPAIRS,
        model: ModelSpec | None = None,
        temperature: float | None = None,
    ) -> Answer[str]:
        """Free text that is not empty. Raises as `ask`."""
        question = self._question(messages, None, temperature)
        return await self._converse(Exchange(role, purpose, experiment, question, model), _not_empty, repairs)

    async def step(
        self,
        role: Role,
        purpose: str,
        experiment: str,
        messages: Sequence[Message],
        tools: Sequence[dict[str, Any]],
        *,
        model: ModelSpec | None = None,
    ) -> Call:
        """One turn of a model that may ask for tools: what it wants done, or its answer. Raises as `ask`."""
        question = Question(
            self._redactor.messages(tuple(messages)), answer_tokens=self._answer_tokens, tools=tuple(tools)
        )
        return await self._call(Exchange(role, purpose, experiment, question, model))

    @abstractmethod
    async def _call(self, asking: Exchange) -> Call:
        """One answer, usable or not, that the archive has. Raises as `ask`."""

    def _question(
        self, messages: Sequence[Message], form: type[BaseModel] | None, temperature: float | None
    ) -> Question:
        # Secrets leave before anything is sent, so that a resumed or replayed run sees the very same texts.
        clean = self._redactor.messages(tuple(messages))
        return Question(clean, form, answer_tokens=self._answer_tokens, temperature=temperature)

    async def _converse(self, asking: Exchange, reader: Callable[[str], T], repairs: int) -> Answer[T]:
        calls: list[Call] = []
        while True:
            call = await self._call(asking)
            calls.append(call)
            try:
                # In a thread: what reads an answer may look into the archive.
                value = await asyncio.to_thread(_judge, call, reader, is_record=asking.question.form is not None)
            except AnswerError as error:
                problem = self._redactor(str(error))
            else:
                if len(calls) > 1 or call.status is not CallStatus.OK:
                    await self._mark(call, CallStatus.OK, repairs=len(calls) - 1)
                return _answer(value, calls)
            lost = len(calls) > repairs
            status = CallStatus.MALFORMED if call.status is CallStatus.OK else call.status
            await self._mark(call, status, error=problem, repairs=len(calls) - 1, lost=lost)
            if lost:
                reason = f"{call.model}: no usable answer in {len(calls)} tries: {problem}"
                await self._lose(asking, reason)
                raise NoUsableAnswer(reason)
            asking = self._follow_up(asking, call, problem)

    async def _mark(self, call: Call, status: CallStatus, **marks: Any) -> None:
        await self._archive.run(self._archive.calls.mark, call.id, status=status, **marks)

    async def _lose(self, asking: Exchange, reason: str) -> None:
        await self._tell(AnswerLost(role=asking.role, purpose=asking.purpose, reason=reason), asking.experiment)

    async def _tell(self, data: EventData, experiment: str = "") -> None:
        """Write an event, secrets removed."""
        texts = {name: self._redactor(value) for name, value in data if isinstance(value, str)}
        clean = data.model_copy(update=texts)
        await self._archive.run(self._archive.events.add, self._campaign, clean, experiment or None)

    def _follow_up(self, asking: Exchange, call: Call, problem: str) -> Exchange:
        """The same question with the answer and what is wrong with it; one that was cut off may grow longer."""
        old, tokens = asking.question, asking.question.answer_tokens
        replied: tuple[Message, ...] = ()
        if call.status is CallStatus.TRUNCATED:
            tokens = min(2 * tokens, MOST_GROWTH * self._answer_tokens)
        elif said := answer_text(call.reply):
            replied = (Message(role="assistant", text=said),)
        complaint = Message(role="user", text=f"Your answer cannot be used: {problem}\nAnswer again, completely.")
        question = Question((*old.messages, *replied, complaint), old.form, tokens, old.temperature)
        return Exchange(asking.role, asking.purpose, asking.experiment, question, asking.model)


def _judge(call: Call, reader: Callable[[str], T], *, is_record: bool) -> T:
    """The value of an answer. Raises AnswerError where it has none."""
    if call.status is CallStatus.REFUSED:
        raise AnswerError(f"you refused ({call.reply}); this is ordinary research code, please answer")
    if call.status is not CallStatus.TRUNCATED:
        return _read_whole(call, reader)
    answer = answer_text(call.reply, truncated=True)
    if is_record and answer:
        # A record that is complete was not hurt by what was cut off after it.
        try:
            return reader(answer)
        except AnswerError:
            pass
    if is_all_thinking(call.reply):
        raise AnswerError("it was cut off before your thinking came to an end; think less, and answer")
    raise AnswerError("it was cut off because it is too long; be briefer")


def _read_whole(call: Call, reader: Callable[[str], T]) -> T:
    if not call.reply.strip() and call.tokens_out > 0 and not call.estimated:
        raise AnswerError(
            f"the answer is empty, though the server counted {call.tokens_out} tokens, which it sends in no field that "
            "is read here; turn its reasoning off, or have it sent with the answer"
        )
    try:
        return reader(answer_text(call.reply))
    except AnswerError as error:
        if not is_all_thinking(call.reply):
            raise
        raise AnswerError(
            f"there is only thinking (or the server sends all as reasoning), and no answer after it: {error}"
        ) from None


def _not_empty(text: str) -> str:
    if not text.strip():
        raise AnswerError("it is empty")
    return text


def _answer(value: T, calls: list[Call]) -> Answer[T]:
    prices = [call.usd for call in calls]
    return Answer(
        value=value,
        model=calls[-1].model,
        usd=None if None in prices else sum(price or 0.0 for price in prices),
        tokens_in=sum(call.tokens_in for call in calls),
        tokens_out=sum(call.tokens_out for call in calls),
        calls=tuple(call.id for call in calls),
        repaired=len(calls) - 1,
    )
