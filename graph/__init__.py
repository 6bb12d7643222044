"""The LangGraph state machine: build it, run it from Python, or serve it (`langgraph.json`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evolver.lazy import lazy_names

if TYPE_CHECKING:
    from evolver.graph.campaign_graph import build_graph
    from evolver.graph.chat_graph import build_chat
    from evolver.graph.context import Context
    from evolver.graph.message_handler import send
    from evolver.graph.runner import arun, run
    from evolver.graph.streaming import astream, stream
    from evolver.graph.summary import summarise
    from evolver.graph.summary_record import Summary

__all__ = ["Context", "Summary", "arun", "astream", "build_chat", "build_graph", "run", "send", "stream", "summarise"]

_HOMES = {
    "evolver.graph.campaign_graph": ("build_graph",),
    "evolver.graph.chat_graph": ("build_chat",),
    "evolver.graph.context": ("Context",),
    "evolver.graph.message_handler": ("send",),
    "evolver.graph.runner": ("arun", "run"),
    "evolver.graph.streaming": ("astream", "stream"),
    "evolver.graph.summary": ("summarise",),
    "evolver.graph.summary_record": ("Summary",),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
