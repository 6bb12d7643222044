"""The chat model of an agent: each turn goes through the campaign's conversation, archived and replayed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool

from evolver.contracts import Call, CallStatus, Message, ToolCall
from evolver.llm import Conversation, Role


class ConversationModel(BaseChatModel):
    """Asks for one role about one experiment; keys, retries, caps and prices are the conversation's."""

    conversation: Any
    role: Any
    purpose: str
    experiment: str
    tools: tuple[dict[str, Any], ...] = ()
    answered_by: list[str] = []
    """The models that answered, the newest last."""

    @classmethod
    def of(cls, conversation: Conversation, role: Role, purpose: str, experiment: str) -> ConversationModel:
        """One for a role's question about an experiment."""
        return cls(conversation=conversation, role=role, purpose=purpose, experiment=experiment, answered_by=[])

    @property
    def _llm_type(self) -> str:
        return "evolver"

    def bind_tools(
        self, tools: Sequence[dict[str, Any] | type | Callable[..., Any] | Any], **_: Any
    ) -> Runnable[Any, AIMessage]:
        """The same with tools."""
        return self.model_copy(update={"tools": tuple(convert_to_openai_tool(tool) for tool in tools)})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("campaigns ask from coroutines alone")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        said = [as_message(message) for message in messages]
        call = await self.conversation.step(self.role, self.purpose, self.experiment, said, self.tools)
        self.answered_by.append(call.model)
        return ChatResult(generations=[ChatGeneration(message=_as_answer(call))])


def as_message(message: BaseMessage) -> Message:
    """A LangChain message as the archive keeps it."""
    text = str(message.text)
    if isinstance(message, ToolMessage):
        return Message(role="tool", text=text, answers=message.tool_call_id)
    if isinstance(message, SystemMessage):
        return Message(role="system", text=text)
    if not isinstance(message, AIMessage):
        return Message(role="user", text=text)
    calls = tuple(
        ToolCall(id=str(call["id"]), name=call["name"], arguments=json.loads(json.dumps(call["args"])))
        for call in message.tool_calls
    )
    return Message(role="assistant", text=text, calls=calls)


def _as_answer(call: Call) -> AIMessage:
    if call.status is CallStatus.REFUSED or call.status is CallStatus.TRUNCATED:
        return AIMessage(content=call.reply)
    calls = [{"id": c.id, "name": c.name, "args": c.arguments, "type": "tool_call"} for c in call.tool_calls]
    return AIMessage(content=call.reply, tool_calls=calls)
