"""What came back from a model, whichever library brought it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evolver.contracts import ToolCall
from evolver.llm.answer_text import as_thinking
from evolver.redaction import Redactor
from evolver.text_files import whole_text

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CUT = {"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "model_length", "token_limit"}
FILTERED = {"content_filter", "refusal", "safety", "prohibited_content", "recitation", "blocklist", "spii", "sensitive"}
BROKEN = {"error", "network_error", "insufficient_system_resource", "abort", "load", "unload"}
"""Reasons for which a server ends an answer that has nothing to do with it."""
REASONING = ("reasoning_content", "reasoning", "thinking", "thought", "reasoning_text")
"""Fields in which servers send what a model thought; some send everything there."""


@dataclass(frozen=True)
class Reply:
    """A model's answer; None where the provider reported no usage."""

    text: str
    truncated: bool = False
    broken: str = ""
    """The reason that the server gives for ending an answer that it could not finish."""
    refusal: str = ""
    tokens_in: int | None = None
    tokens_cached: int = 0
    tokens_out: int | None = None
    calls: tuple[ToolCall, ...] = ()
    """What the model wants done before it answers."""

    def scrubbed(self, redactor: Redactor) -> Reply:
        """The same without secrets, and without halves of characters, which no store takes."""
        calls = tuple(call.model_copy(update={"arguments": _scrubbed(call.arguments, redactor)}) for call in self.calls)
        text, refusal = (redactor(whole_text(said)) for said in (self.text, self.refusal))
        return replace(self, text=text, refusal=refusal, calls=calls)


def _scrubbed(value: Any, redactor: Redactor) -> Any:
    if isinstance(value, str):
        return redactor(whole_text(value))
    if isinstance(value, dict):
        return {redactor(whole_text(str(key))): _scrubbed(part, redactor) for key, part in value.items()}
    return [_scrubbed(part, redactor) for part in value] if isinstance(value, list | tuple) else value


def read_message(message: BaseMessage, *, with_tools: bool = False) -> Reply:
    """The answer in a LangChain message: its text, or what it wanted to hand to a tool.

    Where the model has tools, what it wants done is kept apart from what it says.
    """
    reason = _reason(message.response_metadata)
    usage: dict[str, Any] = dict(getattr(message, "usage_metadata", None) or {})
    refusal = str(message.additional_kwargs.get("refusal") or "")
    if reason in FILTERED and not refusal:
        refusal = str(message.text) or f"the provider stopped the answer: {reason}"
    calls = _tool_calls(message) if with_tools else ()
    text = str(message.text) if calls else _text(message)
    return Reply(
        text=text,
        calls=calls,
        truncated=reason in CUT,
        broken=reason if reason in BROKEN else "",
        refusal=refusal,
        tokens_in=usage.get("input_tokens") or None,
        tokens_cached=int((usage.get("input_token_details") or {}).get("cache_read") or 0),
        tokens_out=_counted(usage.get("output_tokens"), text),
    )


def _tool_calls(message: BaseMessage) -> tuple[ToolCall, ...]:
    """What it wants done; a call whose arguments are no JSON is handed on as text under `unreadable`."""
    whole = [(call, call.get("args")) for call in getattr(message, "tool_calls", None) or ()]
    broken = [
        (call, {"unreadable": str(call.get("args"))}) for call in getattr(message, "invalid_tool_calls", None) or ()
    ]
    return tuple(
        ToolCall(id=str(call.get("id") or f"call-{place}"), name=str(call.get("name") or ""), arguments=arguments or {})
        for place, (call, arguments) in enumerate([*whole, *broken])
    )


def _counted(tokens: int | None, text: str) -> int | None:
    """The tokens of a text, None where none were counted: a text that is there has some, as every prompt has."""
    return tokens or (None if text or tokens is None else 0)


def _text(message: BaseMessage) -> str:
    """What it says, or wants to hand to a tool; where neither is there, what it thought."""
    text = str(message.text)
    tool_calls = getattr(message, "tool_calls", None)
    if not text.strip() and tool_calls:
        text = json.dumps(tool_calls[0]["args"], ensure_ascii=False)
    if not text.strip():
        called = message.additional_kwargs.get("function_call")
        text = str(called.get("arguments") or "") if isinstance(called, dict) else ""
    if not text.strip():
        text = _as_answer(reasoning_in(message.additional_kwargs) or _joined(message.content))
    return text


def _as_answer(reasoning: str) -> str:
    return as_thinking(reasoning) if reasoning.strip() else ""


def reasoning_in(fields: Mapping[str, Any]) -> str:
    """What a message or a piece of one has in a field for reasoning."""
    for name in REASONING:
        if isinstance(value := fields.get(name), str) and value:
            return value
    return _joined(fields.get("reasoning_details"))


def _joined(parts: Any) -> str:
    """What the parts of a list say; empty for anything else."""
    return "".join(_said(part) for part in parts) if isinstance(parts, list) else ""


def _said(part: Any) -> str:
    """The text of a part of a message, however it is called."""
    if not isinstance(part, dict):
        return ""
    for name in ("text", "thinking", "reasoning", "reasoning_content", "summary"):
        value = part.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list):
            return _joined(value)
    return ""


def cut_reply(error: Exception) -> Reply | None:
    """The reply inside an error by which a library reports that the answer was cut off or stopped; else None."""
    completion = getattr(error, "completion", None)
    choices = getattr(completion, "choices", None)
    if not choices:
        return None
    choice, usage = choices[0], getattr(completion, "usage", None)
    text = str(choice.message.content or "")
    if not text.strip():
        text = _as_answer(reasoning_in(getattr(choice.message, "model_extra", None) or {}))
    reason = str(choice.finish_reason)
    details = getattr(usage, "prompt_tokens_details", None)
    return Reply(
        text=text,
        truncated=reason in CUT,
        refusal=text or f"the provider stopped the answer: {reason}" if reason in FILTERED else "",
        tokens_in=getattr(usage, "prompt_tokens", None) or None,
        tokens_cached=int(getattr(details, "cached_tokens", None) or 0),
        tokens_out=_counted(getattr(usage, "completion_tokens", None), text),
    )


def _reason(metadata: dict[str, Any]) -> str:
    """Why the answer ended, in the word of whichever provider."""
    for name in ("finish_reason", "stop_reason", "done_reason"):
        if metadata.get(name):
            return str(metadata[name]).rsplit(".", 1)[-1].lower()
    details = metadata.get("incomplete_details")
    return str(details.get("reason", "")).lower() if isinstance(details, dict) else ""
