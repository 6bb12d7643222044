"""The LangGraph state machine: build it, run it from Python, or serve it (`langgraph.json`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolver.graph.campaign_graph import build_graph
    from evolver.graph.chat_graph import build_chat
    from evolver.graph.context import Context
    from evolver.graph.message_handler import send
    from evolver.graph.runner import arun, run
    from evolver.graph.streaming import astream, stream
    from evolver.graph.summary import Summary, summarise

__all__ = ["Context", "Summary", "arun", "astream", "build_chat", "build_graph", "run", "send", "stream", "summarise"]

_HOMES = {
    "build_chat": "chat_graph",
    "build_graph": "campaign_graph",
    "Context": "context",
    "arun": "runner",
    "astream": "streaming",
    "run": "runner",
    "send": "message_handler",
    "stream": "streaming",
    "Summary": "summary",
    "summarise": "summary",
}


def __getattr__(name: str) -> Any:
    """Load on first use: LangGraph takes a second to import."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
