"""The chat graph: interpret -> directive, answer or campaign -> reply; one short run for each message.

It never interrupts a campaign's run: directives go into the archive, where lanes read them before each proposal.
The state has `messages`, so that Studio's chat mode and agent chat pages can talk to it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from evolver.errors import EvolverError
from evolver.graph.markdown import as_markdown
from evolver.graph.message_handler import Said, Understanding, act, newest_campaign, understand
from evolver.graph.resolved_run import open_archive
from evolver.settings import Settings
from evolver.steering.directives import directive_type
from evolver.steering.intents import Instruction, JoinCampaign, Reading, StartCampaign

_READING: TypeAdapter[Reading] = TypeAdapter(Reading)


class ChatContext(BaseModel):
    """Whose campaign is talked about, and who talks."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    campaign: str = Field("", title="Campaign", description="Name; empty: the newest one, those that run first")
    who: str = Field("", title="Who", description="Your name, which directives are kept under")
    home: Path = Field(
        default_factory=lambda: Settings().home,
        title="Home",
        json_schema_extra=lambda schema: schema.update(default=str(Settings().home)),
        description="Folder of archive, memory and checkpoints",
    )


class ChatState(MessagesState, total=False):
    """State of the chat graph."""

    campaign: str
    """The campaign that was talked about last."""
    given: str
    """The campaign that the context named then."""
    reading: dict[str, Any]
    """What the last message was understood as."""
    said: str
    others: list[str]
    replies: list[str]


class ChatInput(MessagesState):
    """What is given: the person's message."""


class ChatOutput(MessagesState, total=False):
    """What callers read: the conversation, and the campaign that it is about."""

    campaign: str


ChatGraph = CompiledStateGraph[ChatState, ChatContext, ChatInput, ChatOutput]


def build_chat(*, checkpointer: BaseCheckpointSaver[Any] | None = None) -> ChatGraph:
    """Build the LangGraph graph that talks about a campaign; each message is one short run.

    Its state has `messages`, so that Studio's chat mode and agent chat pages can use it. It never interrupts a
    campaign's run: what is asked for goes into the archive, where lanes read it before each proposal.

    Args:
        checkpointer: LangGraph's, which remembers the conversation. None: each message stands for itself.

    Returns:
        The compiled graph, to be invoked with `context=ChatContext(...)`.

    Example:
        >>> said = {"messages": [{"role": "human", "content": "start circle-packing"}]}
        >>> chat = evolver.build_chat()
        >>> answer = chat.ainvoke(said, context=evolver.ChatContext(who="ann"))  # doctest: +SKIP
    """
    builder = StateGraph(ChatState, context_schema=ChatContext, input_schema=ChatInput, output_schema=ChatOutput)
    builder.add_node("interpret", interpret)
    builder.add_node("directive", directive)
    builder.add_node("answer", answer)
    builder.add_node("campaign_control", campaign_control)
    builder.add_node("reply", reply)
    builder.add_edge(START, "interpret")
    builder.add_conditional_edges("interpret", after_interpret, ["directive", "answer", "campaign_control", "reply"])
    for name in ("directive", "answer", "campaign_control"):
        builder.add_edge(name, "reply")
    builder.add_edge("reply", END)
    return builder.compile(checkpointer=checkpointer, name="chat")


async def interpret(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Say what the last message is: an instruction, a question, or nothing clear."""
    context, (text, _) = _context(runtime), _last(state["messages"])
    # The field in Studio's form says where to begin; once it was heard, the conversation may go elsewhere.
    campaign = context.campaign if context.campaign != state.get("given", "") else state.get("campaign", "")
    try:
        campaign, found = await asyncio.to_thread(_understood, context.home, campaign, text)
    except EvolverError as error:
        return {"campaign": "", "given": "", "reading": {}, "said": "", "others": [], "replies": [str(error)]}
    reading = found.reading.model_dump(mode="json")
    understood = {"reading": reading, "said": found.said, "others": list(found.others)}
    return {"campaign": campaign, "given": context.campaign, **understood, "replies": []}


def after_interpret(state: ChatState) -> Literal["directive", "answer", "campaign_control", "reply"]:
    """On to what the message asks for."""
    if not state["reading"]:
        return "reply"
    reading = _READING.validate_python(state["reading"])
    controls = isinstance(reading, Instruction) and directive_type(reading.kind).scope == "run"
    if controls or isinstance(reading, StartCampaign | JoinCampaign):
        return "campaign_control"
    return "directive" if isinstance(reading, Instruction) else "answer"


async def directive(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Keep a directive in the archive; lanes follow it from their next proposal on."""
    return await _act(state, runtime)


async def answer(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Answer a question from the archive, or ask back."""
    return await _act(state, runtime)


async def campaign_control(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    """Start, pause, resume or stop a campaign, or talk about another one."""
    return await _act(state, runtime)


async def reply(state: ChatState) -> dict[str, Any]:
    """Tell the person."""
    return {"messages": [AIMessage(as_markdown(state["replies"]))]}


async def _act(state: ChatState, runtime: Runtime[ChatContext]) -> dict[str, Any]:
    context, (text, key) = _context(runtime), _last(state["messages"])
    reading: Reading = _READING.validate_python(state["reading"])
    found = Understanding(reading, state.get("said", ""), tuple(state.get("others", ())))
    try:
        said = await asyncio.to_thread(_done, context, state["campaign"], found, text, key)
    except EvolverError as error:
        return {"replies": [str(error)]}
    return {"replies": said.replies, "campaign": said.campaign}


def _understood(home: Path, campaign: str, text: str) -> tuple[str, Understanding]:
    """The campaign that is meant, and what is said to it."""
    with open_archive(home) as archive:
        campaign = campaign or newest_campaign(home, archive)
        return campaign, understand(home, archive, campaign, text)


def _done(context: ChatContext, campaign: str, found: Understanding, text: str, key: str) -> Said:
    with open_archive(context.home) as archive:
        return act(context.home, archive, campaign, found, text, context.who, key=key)


def _context(runtime: Runtime[ChatContext]) -> ChatContext:
    return runtime.context or ChatContext()  # None where a caller gives none


def _last(messages: list[AnyMessage]) -> tuple[str, str]:
    """The person's newest message, and its id."""
    newest = next((message for message in reversed(messages) if isinstance(message, HumanMessage)), None)
    return ("", "") if newest is None else (str(newest.text), newest.id or "")
