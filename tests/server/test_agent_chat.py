"""The requests of an agent chat page (useStream of LangGraph's JavaScript SDK), in its order and with its headers.

As read in the page's source: it asks /info, lists threads by graph, makes a thread with the first message, streams
values with ids of its own for messages whose content is a list of blocks, reads the history, and regenerates or edits
by submitting from an earlier checkpoint.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evolver.graph.resolved_run import open_archive
from tests.support.server_process import Server

pytestmark = pytest.mark.slow
ORIGIN = "http://localhost:3000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`evolver serve` as the documentation says for such a page."""
    server = Server(tmp_path_factory.mktemp("page"), words=("--allow-origin", ORIGIN))
    server.start()
    yield server
    server.stop()


class Page:
    """A browser at the chat page, with `apiUrl` and `assistantId` of its address."""

    def __init__(self, url: str, assistant: str, origin: str = ORIGIN) -> None:
        self.assistant = assistant
        site = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
        self.http = httpx.Client(base_url=url, headers=site, timeout=400)

    def may(self, method: str, path: str) -> bool:
        """What the browser asks before."""
        asks = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type,x-api-key"}
        answer = self.http.options(path, headers=asks)
        return answer.status_code == 200 and answer.headers.get("access-control-allow-origin") == ORIGIN

    def submit(self, thread: str, text: str | None, checkpoint: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a message, or regenerate from a checkpoint; the last values."""
        message = {"id": str(uuid.uuid4()), "type": "human", "content": [{"type": "text", "text": text}]}
        body = {
            "input": {"messages": [message]} if text else None,
            "stream_mode": ["values"],
            "stream_subgraphs": True,
            "stream_resumable": True,
            "assistant_id": self.assistant,
            "on_disconnect": "continue",
            **({"checkpoint": checkpoint} if checkpoint else {}),
        }
        values: dict[str, Any] = {}
        with self.http.stream("POST", f"/threads/{thread}/runs/stream", json=body) as answer:
            assert answer.status_code == 200, answer.read()
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "/runs/" in answer.headers["content-location"]
            assert "content-location" in answer.headers["access-control-expose-headers"]
            event = ""
            for line in answer.iter_lines():
                if line.startswith("event:"):
                    event = line.partition(":")[2].strip()
                elif line.startswith("data:"):
                    assert event != "error", line
                    values = json.loads(line.partition(":")[2]) if event == "values" else values
        return values


def test_a_conversation_from_an_agent_chat_page(server: Server, quadratic: Path) -> None:
    with open_archive(server.home) as archive:
        assert not archive.campaigns.list()
    page = Page(server.url, "chat")
    assert page.http.get("/info").status_code == 200
    assert page.may("POST", "/threads/search")
    assert page.http.post("/threads/search", json={"metadata": {"graph_id": "chat"}, "limit": 100}).json() == []
    thread = page.http.post("/threads", json={}).json()["thread_id"]
    first = page.submit(thread, f"start {quadratic} with 3 experiments and 1 worker")
    assert "quadratic-1 has begun" in first["messages"][-1]["content"]
    assert first["messages"][-1]["type"] == "ai" and first["messages"][-1]["id"]
    second = page.submit(thread, "focus on east")
    assert len(second["messages"]) == 4

    history = page.http.post(f"/threads/{thread}/history", json={"limit": 50}).json()
    assert history[0]["values"]["messages"] == second["messages"]
    # Regenerate: from the checkpoint before the last answer was made.
    asked = next(h for h in history if h["next"] == ["interpret"])
    again = page.submit(thread, None, asked["checkpoint"])
    assert "done already" in again["messages"][-1]["content"]
    # Edit the second message: from the checkpoint where it was not there yet.
    before = next(h for h in history if len(h["values"].get("messages", ())) == 2 and not h["next"])
    edited = page.submit(thread, "what can you do?", before["checkpoint"])
    assert len(edited["messages"]) == 4
    assert "- focus on the initial layout" in edited["messages"][-1]["content"], "help is a list in Markdown"
    listed = page.http.post("/threads/search", json={"metadata": {"graph_id": "chat"}, "limit": 100}).json()
    assert [t["thread_id"] for t in listed] == [thread]
    state = page.http.get(f"/threads/{thread}/state").json()
    assert state["values"]["campaign"] == "quadratic-1"
    with open_archive(server.home) as archive:
        assert [d.text for d in archive.directives.list("quadratic-1") if d.kind == "focus"] == ["focus on east"]


def test_a_campaign_run_that_waits_for_approval_can_be_answered_by_the_page(server: Server, quadratic: Path) -> None:
    """The page shows an interrupt as JSON and answers with a command."""
    page = Page(server.url, "campaign")
    thread = page.http.post("/threads", json={}).json()["thread_id"]
    context = {"task": str(quadratic), "campaign": "asked", "experiments": 1, "workers": 1, "approve_above": 0}
    run = {"assistant_id": "campaign", "context": context, "stream_mode": ["values"]}
    stopped = page.http.post(f"/threads/{thread}/runs/wait", json={**run, "input": {}}).json()
    assert stopped["__interrupt__"][0]["value"]["experiment"] == 1
    answered = page.http.post(
        f"/threads/{thread}/runs/wait", json={**run, "command": {"resume": {"decision": "approve", "who": "ann"}}}
    ).json()
    assert answered["champion"].startswith("asked-")


def test_a_page_that_was_not_named_is_refused(server: Server) -> None:
    page = Page(server.url, "chat", origin="http://localhost:4000")
    assert not page.may("POST", "/threads")
    assert page.http.post("/threads", json={}).status_code == 403
