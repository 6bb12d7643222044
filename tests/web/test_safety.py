"""Who may ask the server what: address, host name, origin, token, paths; on the page's routes and on LangGraph's."""

from __future__ import annotations

import http.client
import http.server
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest

from evolver.graph.resolved_run import open_archive
from tests.support.serving import Server, free_port, serving

TOKEN = "correct-horse-battery-staple"
FOREIGN = "https://attacker.example"
STUDIO = "https://smith.langchain.com"
CHANGING = [
    ("/api/campaigns", {"task": "circle-packing"}),
    ("/api/campaigns/long/messages", {"text": "stop"}),
    ("/threads", {}),
    ("/runs/wait", {"assistant_id": "chat", "input": {"messages": [{"role": "user", "content": "stop"}]}}),
    ("/runs", {"assistant_id": "campaign", "input": {}}),
    ("/assistants", {"graph_id": "campaign"}),
    ("/store/items", {"namespace": ["a"], "key": "k", "value": {}}),
]

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def _state(server: Server) -> Any:
    """All that an order could change."""
    with open_archive(server.home) as archive:
        campaigns = archive.campaigns.list()
        kept = [(c, archive.directives.list(c.name), archive.events.list(c.name, newest=1)) for c in campaigns]
    threads = server.ask("/threads/search", "POST", content={"limit": 100}).json()
    assistants = server.ask("/assistants/search", "POST", content={"limit": 100}).json()
    return kept, threads, assistants


# where it listens


def _listening(server: Server) -> set[str]:
    family = [psutil.Process(server.process.pid), *psutil.Process(server.process.pid).children(recursive=True)]
    return {c.laddr.ip for one in family for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN}


def test_it_listens_on_loopback_alone(served: Server) -> None:
    assert _listening(served) == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--host", "0.0.0.0"), "set EVOLVER_TOKEN"),
        (("--host", "::"), "set EVOLVER_TOKEN"),
        (("--host", "192.0.2.7"), "set EVOLVER_TOKEN"),
        (("--host", "0.0.0.0", "--token", "short"), "at least 16 characters"),
        (("--allow-origin", "localhost:3000"), "write scheme and host alone"),
        (("--host", "192.0.2.7", "--token", TOKEN), "choose another --port"),
    ],
)
def test_what_would_be_open_to_others_is_refused(cli: Cli, words: tuple[str, ...], said: str) -> None:
    result = cli("serve", "--port", str(free_port()), *words, check=2)
    assert said in result.stderr and "Traceback" not in result.stderr
    assert TOKEN not in result.stdout + result.stderr


def test_a_taken_port_is_said(cli: Cli, served: Server) -> None:
    assert f"--port {served.port}" in cli("serve", "--port", str(served.port), check=2).stderr


# by which name, from which page


@pytest.mark.parametrize(
    "path", ["/", "/evolver", "/api/campaigns", "/login", "/evolver/-/evolver.js", "/ok", "/info", "/docs"]
)
@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:8123", "localhost.attacker.example", "127.0.0.1.nip.io", "0", ""]
)
def test_another_name_is_not_answered_to(served: Server, path: str, host: str) -> None:
    answer = served.ask(path, headers={"Host": host})
    assert answer.status == 421
    assert b"campaign" not in answer.body


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:8123"])
def test_its_own_names_are_answered_to(served: Server, host: str) -> None:
    assert served.ask("/api/campaigns", headers={"Host": host}).status == 200


@pytest.mark.parametrize(("path", "content"), CHANGING)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://localhost.attacker.example"},
        {"Origin": f"{STUDIO}.attacker.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_page_changes_nothing(served: Server, path: str, content: Any, headers: dict[str, str]) -> None:
    before = _state(served)
    for kind in ("application/json", "text/plain"):
        answer = served.ask(path, "POST", content=content, headers={**headers, "Content-Type": kind})
        assert answer.status == 403
        assert "access-control-allow-origin" not in answer.headers
    assert _state(served) == before


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"])
def test_a_plain_form_orders_nothing(served: Server, kind: str) -> None:
    """What a form of another site can send without a preflight, even where a browser sent no origin with it."""
    before = _state(served)
    for path in ("/api/campaigns", "/api/campaigns/long/messages"):
        for body in (b'{"text": "stop", "task": "circle-packing"}', b"text=stop&task=circle-packing"):
            assert served.ask(path, "POST", body=body, headers={"Content-Type": kind}).status == 422
    assert _state(served) == before


def test_reading_changes_nothing(served: Server) -> None:
    before = _state(served)
    for path in ("/api/campaigns/long/messages", "/evolver/long?text=stop", "/threads", "/runs/wait"):
        assert served.ask(path).status in (200, 404, 405)
    assert _state(served) == before


@pytest.mark.parametrize("path", ["/api/campaigns", "/evolver", "/evolver/-/evolver.js"])
def test_other_pages_cannot_read_ours(served: Server, path: str) -> None:
    for origin in (FOREIGN, STUDIO):
        answer = served.ask(path, headers={"Origin": origin})
        assert answer.status == 403
        asked = served.ask(path, "OPTIONS", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert asked.status != 200 or origin == STUDIO
    assert served.ask(path, headers={"Origin": served.url}).status == 200


def test_studio_may_use_langgraphs_routes_and_no_other_page(served: Server) -> None:
    search = "/assistants/search"
    ours = served.ask(search, "POST", content={}, headers={"Origin": STUDIO})
    assert ours.status == 200 and ours.headers["access-control-allow-origin"] == STUDIO
    assert {one["graph_id"] for one in ours.json()} == {"campaign", "chat"}
    assert served.ask(search, "POST", content={}, headers={"Origin": FOREIGN}).status == 403
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    asked = served.ask("/threads", "OPTIONS", headers={"Origin": FOREIGN, **preflight})
    assert asked.headers.get("access-control-allow-origin") is None


# paths and names


@pytest.mark.parametrize(
    "path",
    [
        "/evolver/-/../../guard.py",
        "/evolver/-/..%2f..%2fguard.py",
        "/evolver/-/%2e%2e/%2e%2e/guard.py",
        "/evolver/-/..%5c..%5cguard.py",
        "/evolver/-//etc/passwd",
        "/evolver/-/%2fetc%2fpasswd",
        "/evolver/-/evolver.css%00.js",
        "/evolver/-/guard.py",
        "/evolver/../api/campaigns/..%2f..%2fserve.log",
        "/evolver/..%2f..%2fserve.log",
        "/evolver/%2e%2e",
        "/evolver/long/-1",
        "/evolver/long/99999999999999999999",
        "/evolver/long/1/../../../serve.log",
        "/api/campaigns/..%2f..%2farchive/version",
        "/api/campaigns/%2e%2e/curve",
    ],
)
def test_paths_lead_nowhere_else(served: Server, path: str) -> None:
    answer = served.ask(path)
    assert answer.status == 404
    for word in (b"root:", b"class Guard", b"Stop with Ctrl-C", b"Traceback"):
        assert word not in answer.body


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/b", ".hidden", "-", "a b", "x" * 65, "a\nb", "<b>"])
def test_a_campaign_cannot_be_named_so(served: Server, name: str) -> None:
    before = _state(served)
    answer = served.ask("/api/campaigns", "POST", content={"task": "circle-packing", "campaign": name})
    assert answer.status == 422 and "campaign" in answer.json()["detail"]
    run = {"assistant_id": "campaign", "input": {}, "context": {"task": "circle-packing", "campaign": name}}
    result = served.ask("/runs/wait", "POST", content=run)
    assert "__error__" in result.json() or result.status >= 400, result.text
    assert _state(served)[0] == before[0]
    assert not list(served.home.parent.glob("**/outside*"))


# the token


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for every interface, with a token."""
    home = tmp_path_factory.mktemp("guarded")
    with serving(home, "--host", "0.0.0.0", environment={"EVOLVER_TOKEN": TOKEN}) as server:
        yield server


def _address() -> str:
    """An address of this machine that is not loopback, if it has one."""
    addresses = [one.address for all_ in psutil.net_if_addrs().values() for one in all_ if one.family == socket.AF_INET]
    return next((address for address in addresses if not address.startswith("127.")), "127.0.0.2")


@pytest.mark.parametrize(
    "path", ["/api/campaigns", "/ok", "/info", "/docs", "/openapi.json", "/threads/search", "/evolver/x"]
)
@pytest.mark.parametrize("address", ["127.0.0.1", _address()])
def test_nothing_is_answered_without_the_token(guarded: Server, path: str, address: str) -> None:
    wrong = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Cookie": f"evolver_session={TOKEN}"},
    ]
    for headers in wrong:
        answer = guarded.ask(path, headers=headers, address=address)
        assert answer.status == 401 and "Bearer" in answer.headers["www-authenticate"]
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"X-Api-Key": TOKEN}):
        assert guarded.ask(path, headers=headers, address=address).status in (200, 404, 405, 422)


def test_orders_want_the_token(guarded: Server) -> None:
    for path, content in CHANGING:
        assert guarded.ask(path, "POST", content=content).status == 401


def test_a_browser_enters_by_the_form(guarded: Server) -> None:
    html = {"Accept": "text/html"}
    sent = guarded.ask("/evolver", headers=html)
    assert sent.status == 303 and sent.headers["location"] == "/login"
    form = guarded.ask("/login", headers=html)
    assert form.status == 200 and 'type="password"' in form.text and TOKEN not in form.text
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    refused = guarded.ask("/login", "POST", body=b"token=wrong-wrong-wrong-wrong", headers=kind)
    assert refused.status == 401 and "set-cookie" not in refused.headers
    foreign = guarded.ask("/login", "POST", body=f"token={TOKEN}".encode(), headers={**kind, "Origin": FOREIGN})
    assert foreign.status == 403
    entered = guarded.ask("/login", "POST", body=f"token={TOKEN}".encode(), headers={**kind, "Origin": guarded.url})
    assert entered.status == 303 and entered.headers["location"] == "/"
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "samesite=lax" in cookie.lower() and TOKEN not in cookie
    entered = guarded.ask("/evolver", headers={**html, "Cookie": cookie.split(";")[0]})
    assert entered.status == 200 and "No campaign yet" in entered.text
    # The cookie is no way around the origin.
    stolen = guarded.ask("/threads", "POST", content={}, headers={"Cookie": cookie.split(";")[0], "Origin": FOREIGN})
    assert stolen.status == 403


def test_the_token_is_told_to_nobody(guarded: Server) -> None:
    said = guarded.log.read_text()
    assert "every request needs it" in said and TOKEN not in said
    assert not [path for path in guarded.home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


@pytest.mark.parametrize("host", ["attacker.example", "sub.localhost"])
def test_a_token_does_not_open_other_names(guarded: Server, host: str) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": host}
    assert guarded.ask("/api/campaigns", headers=headers).status == 421


# what it says


@pytest.mark.parametrize(
    "path",
    ["/evolver", "/evolver/long", "/evolver/hostile/52", "/evolver/nothing", "/api/campaigns", "/evolver/-/evolver.js"],
)
def test_every_answer_of_ours_keeps_foreign_scripts_out(served: Server, path: str) -> None:
    headers = served.ask(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert (
        policy["frame-ancestors"] == "'none'" and policy["base-uri"] == "'none'" and policy["form-action"] == "'self'"
    )
    assert headers["x-content-type-options"] == "nosniff"


def test_a_long_request_is_refused(served: Server) -> None:
    assert served.ask("/api/campaigns/long/messages", "POST", content={"text": "a" * 70_000}).status == 422


def test_a_cut_request_harms_nobody(served: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    connection.putrequest("POST", "/api/campaigns")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"task"')
    connection.close()
    assert served.ask("/api/campaigns").status == 200


def test_campaigns_that_protect_nothing_are_not_started_over_the_network(served: Server, slow: Path) -> None:
    before = _state(served)[0]
    answer = served.ask("/api/campaigns", "POST", content={"task": str(slow), "sandbox": "none"})
    assert answer.status == 409 and "command line alone" in answer.json()["detail"]
    run = {"assistant_id": "campaign", "input": {}, "context": {"task": str(slow), "sandbox": "none"}}
    assert "command line alone" in served.ask("/runs/wait", "POST", content=run).text
    assert _state(served)[0] == before


class _Thief(http.server.BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.asked.append(f"{self.path} {self.headers.get('authorization')}")
        self.send_response(401)
        self.end_headers()

    def log_message(self, *words: Any) -> None:
        """Say nothing."""


@pytest.fixture
def thief() -> Iterator[str]:
    """The address of somebody who waits for keys."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Thief) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def test_keys_are_not_sent_where_the_network_says(
    tmp_path: Path, slow: Path, thief: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-server")
    run = {"assistant_id": "campaign", "input": {}}
    with serving(tmp_path) as server:
        for word in (f"openai:m@{thief}", f"coder=m@{thief}@0.5"):
            answer = server.ask("/api/campaigns", "POST", content={"task": str(slow), "model": f"openai:x {word}"})
            assert answer.status == 409 and "EVOLVER_BASE_URL" in answer.json()["detail"]
        for more in ({"models": ["openai:x", f"openai:m@{thief}"]}, {"models": ["openai:x"], "base_url": thief}):
            context = {"task": str(slow), "campaign": "leak", "experiments": 1, **more}
            made = server.ask("/assistants", "POST", content={"graph_id": "campaign", "context": context}).json()
            assistant = {"assistant_id": made["assistant_id"]}
            for way in ({"context": context}, {"config": {"configurable": context}}, assistant):
                assert "EVOLVER_BASE_URL" in server.ask("/runs/wait", "POST", content={**run, **way}).text
        with open_archive(server.home) as archive:
            assert archive.campaigns.list() == []
    assert _Thief.asked == []


def test_other_folders_and_files_are_not_read_for_the_network(served: Server, slow: Path, tmp_path: Path) -> None:
    before = _state(served)[0]
    (tmp_path / "key.md").write_text("a secret of the server's user")
    for more, said in (({"notes": [str(tmp_path)]}, "notes: "), ({"home": str(tmp_path / "other")}, "home: ")):
        run = {"assistant_id": "campaign", "input": {}, "context": {"task": str(slow), **more}}
        assert said in served.ask("/runs/wait", "POST", content=run).text
    start = {"messages": [{"role": "user", "content": "start circle-packing"}]}
    run = {"assistant_id": "chat", "input": start, "context": {"home": str(tmp_path / "other")}}
    assert "home: " in served.ask("/runs/wait", "POST", content=run).text
    assert not (tmp_path / "other").exists() and _state(served)[0] == before
    run["context"] = {"home": str(served.home), "campaign": "long"}
    run["input"] = {"messages": [{"role": "user", "content": "how far?"}]}
    assert "130 of 130" in served.ask("/runs/wait", "POST", content=run).text
