"""Names, origins and tokens by themselves; the application without its page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from evolver.errors import UsageError
from evolver.web.access_rules import STUDIO, Access, check_access, is_loopback
from evolver.web.app import create_app
from evolver.web.server import CHECKPOINTER, ENVIRONMENT, GRAPHS, http_config

TOKEN = "correct-horse-battery-staple"


@pytest.mark.parametrize(
    ("access", "host", "answers"),
    [
        (Access(), "localhost:8123", True),
        (Access(), "LocalHost", True),
        (Access(), "[::1]:8123", True),
        (Access(), "10.0.0.7:8123", False),
        (Access(), "evil.example", False),
        (Access(), "", False),
        (Access(hosts=("lab.example",)), "lab.example:80", True),
        (Access(hosts=("lab.example",)), "x.lab.example", False),
        (Access(bind="0.0.0.0", token=TOKEN), "10.0.0.7:8123", True),
        (Access(bind="0.0.0.0", token=TOKEN), "[fe80::1]:8123", True),
        (Access(bind="0.0.0.0", token=TOKEN), "10.0.0.7.nip.io", False),
        (Access(bind="192.0.2.1", token=TOKEN), "192.0.2.1:8123", True),
        (Access(bind="192.0.2.1", token=TOKEN), "192.0.2.2:8123", False),
    ],
)
def test_names(access: Access, host: str, answers: bool) -> None:
    assert access.answers_to(host) is answers


@pytest.mark.parametrize(
    ("origin", "page", "api"),
    [
        ("http://127.0.0.1:8123", True, True),
        ("https://127.0.0.1:8123", True, True),
        ("http://127.0.0.1:8124", False, False),
        ("http://localhost:8123", False, False),
        (STUDIO, False, True),
        ("http://localhost:3000", False, True),
        ("http://localhost:30001", False, False),
        ("null", False, False),
        ("", False, False),
    ],
)
def test_origins(origin: str, page: bool, api: bool) -> None:
    access = Access(origins=("http://localhost:3000",))
    assert access.trusts(origin, "127.0.0.1:8123", api=False) is page
    assert access.trusts(origin, "127.0.0.1:8123", api=True) is api


def test_tokens() -> None:
    assert Access().admits() and Access().admits(bearer="anything")
    access = Access(token=TOKEN)
    assert access.admits(bearer=TOKEN) and access.admits(cookie=access.cookie)
    for wrong in ("", TOKEN[:-1], f"{TOKEN} ", access.cookie):
        assert not access.admits(bearer=wrong)
    assert not access.admits(cookie=TOKEN) and TOKEN not in access.cookie
    assert access.cookie != Access(token=f"{TOKEN}2").cookie
    with pytest.raises(UsageError, match="at least 16"):
        check_access(Access(token="short"))
    with pytest.raises(UsageError, match="set EVOLVER_TOKEN"):
        check_access(Access(bind="::"))
    check_access(Access(bind="::1"))


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("testclient", False),
    ],
)
def test_clients_of_this_machine(address: str, own: bool) -> None:
    assert is_loopback(address) is own


def test_without_the_page_the_guard_stays() -> None:
    client = TestClient(create_app(Access(page=False)), base_url="http://127.0.0.1", client=("127.0.0.1", 5))
    assert client.get("/evolver").status_code == 404
    assert client.get("/evolver", headers={"Host": "evil.example"}).status_code == 421


def test_a_client_of_another_machine_needs_a_token_whatever_it_calls_the_server() -> None:
    client = TestClient(create_app(Access()), base_url="http://127.0.0.1", client=("10.0.0.9", 5))
    refused = client.get("/api/campaigns")
    assert refused.status_code == 403 and "set EVOLVER_TOKEN" in refused.text


def test_the_files_of_the_page_are_no_secret_and_all_else_is() -> None:
    client = TestClient(create_app(Access(token=TOKEN)), base_url="http://127.0.0.1", client=("127.0.0.1", 5))
    assert client.get("/evolver/-/evolver.css").status_code == 200
    for path in (
        "/evolver",
        "/evolver/-",
        "/evolver/-/../api/campaigns",
        "/evolver/%2d/evolver.css/../../../api/campaigns",
    ):
        assert client.get(path, follow_redirects=False).status_code == 401, path
    assert client.post("/evolver/-/evolver.css").status_code == 401


def test_langgraph_dev_serves_the_same_as_evolver_serve() -> None:
    written = json.loads((Path(__file__).parents[2] / "langgraph.json").read_text())
    assert written["http"] == http_config() and written["graphs"] == GRAPHS
    assert written["checkpointer"] == CHECKPOINTER and written["env"] == ENVIRONMENT
