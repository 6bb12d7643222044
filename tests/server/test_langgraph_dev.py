"""Plain `langgraph dev` on the repository's langgraph.json: no key, no internet, the same graphs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from evolver.graph.resolved_run import open_archive
from tests.support.server_process import Server

pytestmark = [pytest.mark.slow, pytest.mark.asyncio]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("dev"), dev=True)
    server.start()
    yield server
    server.stop()


async def test_a_campaign_and_a_conversation(server: Server, quadratic: Path) -> None:
    context: dict[str, Any] = {"task": str(quadratic), "campaign": "plain", "experiments": 4, "workers": 2}
    async with server.client() as client:
        drawn = await client.assistants.get_graph(
            next(a for a in await client.assistants.search() if a["graph_id"] == "campaign")["assistant_id"], xray=True
        )
        assert "lane:critic" in {node["id"] for node in drawn["nodes"]}
        ended: Any = await client.runs.wait(None, "campaign", input={}, context=context)
        assert ended["campaign"] == "plain"
        thread = (await client.threads.create())["thread_id"]
        said: dict[str, Any] = {"messages": [{"role": "human", "content": "how far?"}]}
        told: Any = await client.runs.wait(thread, "chat", input=said, context={"who": "ann"})
    assert "plain: 4 of 4 experiments are done" in told["messages"][-1]["content"]
    with open_archive(server.home) as archive:
        assert archive.campaigns.counts("plain").finished == 4
    assert not server.strangers(), "nobody but this machine is talked to"


async def test_the_page_and_studio_find_it(server: Server) -> None:
    assert httpx.get(f"{server.url}/info").json()["langgraph_py_version"]
    assert httpx.get(f"{server.url}/docs").status_code == 200
    page = httpx.get(f"{server.url}/", headers={"accept": "text/html"}, follow_redirects=True)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    asks = {"Origin": "https://smith.langchain.com", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{server.url}/threads", headers=asks)
    assert preflight.headers["access-control-allow-origin"] == "https://smith.langchain.com"
    stranger = httpx.post(f"{server.url}/threads", json={}, headers={"Origin": "https://elsewhere.example"})
    assert stranger.status_code == 403
