"""Answers from the recorded calls of a campaign, without a model, a key or a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.contracts import Call, CallStatus
from evolver.errors import ContextTooLong, ModelError, NoUsableAnswer
from evolver.llm.call_log import CallLog, call_id
from evolver.llm.conversation import Conversation, Exchange
from evolver.llm.model_spec import Role
from evolver.redaction import Redactor
from evolver.settings import Settings

if TYPE_CHECKING:
    from evolver.memory import Archive


class ReplayClient(Conversation):
    """Gives the recorded answers of one campaign to another one, in order by experiment, role and purpose.

    The other campaign may have another name, and its archive may be another one; the calls are written there too.
    """

    def __init__(
        self, archive: Archive, campaign: str, *, source: Archive, recorded: str, settings: Settings | None = None
    ) -> None:
        """Answers for `campaign` in `archive`, from the campaign `recorded` in `source`. Raises UnknownName."""
        answer_tokens = (settings or Settings()).answer_tokens
        super().__init__(archive, campaign, answer_tokens=answer_tokens, redactor=Redactor())
        self._recorded = source.campaigns.get(recorded).name
        self._recordings = CallLog(source, recorded)
        self.differing = 0
        """How many questions were not word for word the recorded ones."""

    async def can_answer(self, role: Role, purpose: str, experiment: str) -> bool:
        """Whether the recording has an answer left."""
        return not (await self._recordings.of(self._as_recorded(experiment), role, purpose)).is_empty

    async def _call(self, asking: Exchange) -> Call:
        """Raises ModelError where the recording has no such call, or ended with it; else what was raised then."""
        experiment = self._as_recorded(asking.experiment)
        recording = await self._recordings.of(experiment, asking.role, asking.purpose)
        call = recording.take_any(asking.prompt)
        if call is None:
            raise ModelError(
                f"the recording of campaign {self._recorded} has no further answer for the {asking.role} "
                f"({asking.purpose}) of experiment {experiment or '(none)'}; was it recorded with the same task, seed, "
                "workers and version?"
            )
        self.differing += call.prompt != asking.prompt
        call = self._as_own(call, asking)
        await self._archive.run(self._archive.calls.add, call)
        if call.status is not CallStatus.ERROR:
            return call
        kind, _, text = call.error.partition(": ")
        if kind == ContextTooLong.__name__:
            raise ContextTooLong(text)
        if call.lost:
            raise NoUsableAnswer(text)
        raise ModelError(f"the recording of campaign {self._recorded} was interrupted here: {call.error}")

    def _as_recorded(self, experiment: str) -> str:
        own = f"{self._campaign}-"
        return f"{self._recorded}-{experiment.removeprefix(own)}" if experiment.startswith(own) else experiment

    def _as_own(self, call: Call, asking: Exchange) -> Call:
        key = call_id(self._campaign, asking.experiment, asking.role, asking.purpose, call.ordinal)
        return call.model_copy(update={"id": key, "campaign": self._campaign, "experiment": asking.experiment})
