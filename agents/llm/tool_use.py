"""Researcher and coder that may look before they answer, and what they found out for the campaign's dossier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evolver.agents.llm.agent import TOOLS_RULE, look_and_answer, wrong_arguments
from evolver.agents.llm.agent_tools import Workbench
from evolver.agents.llm.prompting import Prompt, Prompted, Prompter
from evolver.agents.llm.schemas import Idea
from evolver.contracts import CallStatus, Experiment, Message, Program
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.sandbox_session import SandboxSession
from evolver.formatting import mistakes
from evolver.llm import Answer, Conversation, EditError, Role
from evolver.llm.output_parser import AnswerError, read
from evolver.logging import get_logger

_log = get_logger(__name__)
PROPOSE, CODE, ANOTHER = "propose", "code", "propose another"
"""Purposes of the first questions to researcher and coder, and of one for a plan that does not repeat an experiment."""
T = TypeVar("T")


class _SubmittedFacts(BaseModel):
    model_config = ConfigDict(frozen=True)

    found: list[str] = Field([], description="what your runs showed about the data and the limits, a sentence each")


class SubmittedIdea(Idea, _SubmittedFacts):
    """The experiment that is proposed."""


class SubmittedDraft(_SubmittedFacts):
    """The draft as it is now."""


def tools_of(resources: CampaignResources, conversation: Conversation) -> ToolUse | None:
    """What researcher and coder look with; None in a campaign without tools, and where nothing confines commands."""
    if resources.campaign.tools != "on":
        return None
    if not resources.sandbox.protects:
        _log.warning("sandbox %s confines nothing: researcher and coder answer at once", resources.sandbox.name)
        return None
    return ToolUse(resources, conversation)


class ToolUse:
    """Asks a role that has tools.

    Args:
        resources: Those of the campaign.
        conversation: Asks the models.
    """

    def __init__(self, resources: CampaignResources, conversation: Conversation) -> None:
        self._resources, self._conversation = resources, conversation
        self._prompter = Prompter(resources, conversation)

    async def propose(
        self, experiment: Experiment, prompt: Prompt, objection: Callable[[Idea], str | None], draft: Program
    ) -> Prompted[Idea] | None:
        """An idea; None where the model gave none that can be used. Raises as `Conversation.ask`."""
        taken: list[Idea] = []

        def hand_in(answer: dict[str, object], _: Program) -> str:
            try:
                idea = Idea.model_validate({k: v for k, v in answer.items() if k != "found"})
            except ValidationError as error:
                return "; ".join(mistakes(error))
            wrong = objection(idea)
            if not wrong:
                taken.append(idea)
            return wrong or ""

        def from_text(text: str, _: Sequence[Message]) -> Idea | None:
            try:
                idea = read(text, Idea)
            except AnswerError:
                return None
            return None if objection(idea) else idea

        return await self._ask(
            "researcher", PROPOSE, experiment, prompt, draft, hand_in, taken, from_text, SubmittedIdea
        )

    async def code(
        self,
        experiment: Experiment,
        purpose: str,
        prompt: Prompt,
        base: Program,
        reader: Callable[[str, Sequence[Message]], Program],
    ) -> Prompted[Program] | None:
        """A program; None where the model gave none that can be used. Raises as `Conversation.ask_text`."""
        taken: list[Program] = []

        def hand_in(_: dict[str, object], draft: Program) -> str:
            if draft.files == base.files:
                return "the draft is still the program that was to be changed; use edit first"
            taken.append(draft)
            return ""

        def from_text(text: str, messages: Sequence[Message]) -> Program | None:
            try:
                return reader(text, messages)
            except (AnswerError, EditError):
                return None

        return await self._ask("coder", purpose, experiment, prompt, base, hand_in, taken, from_text, SubmittedDraft)

    async def _ask(
        self,
        role: Role,
        purpose: str,
        experiment: Experiment,
        prompt: Prompt,
        draft: Program,
        hand_in: Callable[[dict[str, object], Program], str],
        taken: list[T],
        from_text: Callable[[str, Sequence[Message]], T | None],
        form: type[_SubmittedFacts],
    ) -> Prompted[T] | None:
        from langchain_core.tools import StructuredTool

        async def send(messages: Sequence[Message]) -> Answer[T | None]:
            taken.clear()
            session = SandboxSession(self._resources, experiment.id, role)
            recorded = await self._resources.archive.run(self._recorded_runs, experiment.id, role, purpose)
            bench = Workbench(
                self._resources, self._prompter, experiment, session, draft, hand_in, recorded_runs=recorded
            )

            async def submit(**answer: Any) -> str:
                return bench.take(answer, [str(text) for text in answer.get("found", [])])

            tool = StructuredTool.from_function(
                coroutine=submit, name="submit", description=form.__doc__ or "", args_schema=form
            )
            tool.handle_validation_error = wrong_arguments
            said, model = await look_and_answer(self._conversation, role, purpose, messages, bench, tool)
            for fact in bench.facts:
                await self._prompter.tell(fact, experiment.id)
            value = taken[-1] if taken else from_text(said, messages)
            return Answer(value, model, None, 0, 0, (), 0)

        asked = await self._prompter.send(role, purpose, experiment.id, prompt, send)
        if asked.answer.value is None:
            return None
        return Prompted(Answer(asked.answer.value, asked.answer.model, None, 0, 0, (), 0), _plain(asked.messages))

    def _recorded_runs(self, experiment: str, role: Role, purpose: str) -> list[str]:
        """What commands printed in an earlier process that was stopped: they are not run again, in order."""
        calls = self._resources.archive.calls.list(self._resources.name, experiment, role, purpose)
        longest = max((c.messages for c in calls if c.status is not CallStatus.ERROR), key=len, default=())
        runs = {call.id for message in longest for call in message.calls if call.name == "run"}
        return [message.text for message in longest if message.answers in runs]


def _plain(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The question without what was said about tools, for those who ask on."""
    return tuple(message.model_copy(update={"text": message.text.replace(TOOLS_RULE, "")}) for message in messages)
