"""What came back from a model, whichever library brought it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evolver.redaction import Redactor

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

CUT = {"length", "max_tokens", "max_output_tokens", "model_context_window_exceeded"}
FILTERED = {"content_filter", "refusal", "safety", "prohibited_content", "recitation", "blocklist", "spii"}


@dataclass(frozen=True)
class Reply:
    """A model's answer; None where the provider reported no usage."""

    text: str
    truncated: bool = False
    refusal: str = ""
    tokens_in: int | None = None
    tokens_cached: int = 0
    tokens_out: int | None = None

    def scrubbed(self, redactor: Redactor) -> Reply:
        """The same without secrets."""
        return replace(self, text=redactor(self.text), refusal=redactor(self.refusal))


def read_message(message: BaseMessage) -> Reply:
    """The answer in a LangChain message: its text, or what it wanted to hand to a tool."""
    reason = _reason(message.response_metadata)
    usage: dict[str, Any] = dict(getattr(message, "usage_metadata", None) or {})
    refusal = str(message.additional_kwargs.get("refusal") or "")
    if reason in FILTERED and not refusal:
        refusal = str(message.text) or f"the provider stopped the answer: {reason}"
    text = str(message.text)
    tool_calls = getattr(message, "tool_calls", None)
    if not text.strip() and tool_calls:
        text = json.dumps(tool_calls[0]["args"], ensure_ascii=False)
    return Reply(
        text=text,
        truncated=reason in CUT,
        refusal=refusal,
        tokens_in=usage.get("input_tokens"),
        tokens_cached=int((usage.get("input_token_details") or {}).get("cache_read") or 0),
        tokens_out=usage.get("output_tokens"),
    )


def cut_reply(error: Exception) -> Reply | None:
    """The reply inside an error by which a library reports that the answer was cut off or stopped; else None."""
    completion = getattr(error, "completion", None)
    choices = getattr(completion, "choices", None)
    if not choices:
        return None
    choice, usage = choices[0], getattr(completion, "usage", None)
    text = str(choice.message.content or "")
    reason = str(choice.finish_reason)
    details = getattr(usage, "prompt_tokens_details", None)
    return Reply(
        text=text,
        truncated=reason in CUT,
        refusal=text or f"the provider stopped the answer: {reason}" if reason in FILTERED else "",
        tokens_in=getattr(usage, "prompt_tokens", None),
        tokens_cached=int(getattr(details, "cached_tokens", None) or 0),
        tokens_out=getattr(usage, "completion_tokens", None),
    )


def _reason(metadata: dict[str, Any]) -> str:
    """Why the answer ended, in the word of whichever provider."""
    for name in ("finish_reason", "stop_reason", "done_reason"):
        if metadata.get(name):
            return str(metadata[name]).rsplit(".", 1)[-1].lower()
    details = metadata.get("incomplete_details")
    return str(details.get("reason", "")).lower() if isinstance(details, dict) else ""
