"""A scripted model server: a real HTTP server on loopback that speaks the OpenAI chat protocol, well or badly."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

PATIENCE = 90.0
"""Seconds that a connection may stay idle; nothing outlives a test."""


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    number: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    """By their names in lower case."""
    when: float

    @property
    def prompt(self) -> str:
        """All messages."""
        return "\n".join(str(message["content"]) for message in self.body["messages"])

    @property
    def last(self) -> str:
        """The last message."""
        return str(self.body["messages"][-1]["content"])


@dataclass(frozen=True)
class Step:
    """What one request is answered with."""

    text: str = ""
    status: int = 200
    finish: str = "stop"
    refusal: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False
    """Cut the connection in the middle of the body."""
    body: str | None = None
    """Sent as it is, in place of an answer."""
    usage: tuple[int, int] | None = None
    """Tokens that are reported; None: a quarter of the bytes."""
    reports_usage: bool = True
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Tools that the model wants used, by name and arguments."""


Script = Callable[[Seen], Step] | Iterable[Step]


def good(text: str | Mapping[str, Any], **details: Any) -> Step:
    """An answer; a mapping is written as JSON."""
    return Step(text if isinstance(text, str) else json.dumps(text), **details)


def uses(*calls: tuple[str, Mapping[str, Any]]) -> Step:
    """Tools that the model wants used before it answers."""
    return Step(calls=calls, finish="tool_calls")


def fenced(answer: Mapping[str, Any]) -> Step:
    """JSON in a fence with prose around it."""
    return Step(f"Here is my answer:\n```json\n{json.dumps(answer, indent=2)}\n```\nI hope that this helps.")


def malformed() -> Step:
    """JSON that ends too early although the model says that it is done."""
    return Step('{"hypothesis": "smaller steps", "plan": ')


def truncated(text: str) -> Step:
    """An answer that was cut off."""
    return Step(text, finish="length")


def refused(why: str = "I cannot help with that.") -> Step:
    """A refusal, in the field for it."""
    return Step(refusal=why)


def rate_limited(retry_after: str | None = None) -> Step:
    """Too many requests."""
    return failed(
        429, "Rate limit reached for requests", headers={} if retry_after is None else {"Retry-After": retry_after}
    )


def dropped() -> Step:
    """The connection breaks in the middle of the answer."""
    return Step("never seen in full", drop=True)


def failed(status: int, message: str = "the server has failed", *, param: str | None = None, **details: Any) -> Step:
    """An error in the protocol's form."""
    code = details.pop("code", None)
    error = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    return Step(status=status, body=json.dumps(error), **details)


class Endpoint:
    """The server; use it as a context manager. A script that is a list answers in order, then repeats its last step."""

    def __init__(
        self,
        script: Script,
        *,
        latency: float = 0.0,
        key: str | None = None,
        models: Iterable[str] | None = None,
        context: int | None = None,
        refuses: Iterable[str] = (),
        streaming_only: str = "",
    ) -> None:
        """`refuses` names parameters that are answered with 400; `streaming_only` is "sse" or "refuse"."""
        self.requests: list[Seen] = []
        self.refusals = 0
        """Requests that were turned down before the script was asked."""
        self.at_once = 0
        """Most requests that were in work at the same time."""
        self._working = 0
        self._latency, self._key, self._context = latency, key, context
        self._models = None if models is None else set(models)
        self._refuses, self._streaming_only = set(refuses), streaming_only
        self._steps = _steps(script)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def settle(self) -> None:
        """Wait until no request is in work."""
        time.sleep(2 * self._latency + 0.1)
        while self._working:
            time.sleep(0.01)

    @property
    def url(self) -> str:
        """What to give as base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, body: dict[str, Any], headers: Mapping[str, str]) -> Step:
        """What the request gets, its time included."""
        with self._lock:
            self._working += 1
            self.at_once = max(self.at_once, self._working)
        try:
            time.sleep(self._latency)
            step = self._turned_down(body, headers)
            if step is not None:
                self.refusals += 1
                return step
            with self._lock:
                seen = Seen(len(self.requests), body, headers, time.monotonic())
                self.requests.append(seen)
                step = self._steps(seen)
            time.sleep(step.delay)
            return step
        finally:
            with self._lock:
                self._working -= 1

    def _turned_down(self, body: dict[str, Any], headers: Mapping[str, str]) -> Step | None:
        sent = headers.get("authorization", "")
        if self._key is not None and sent != f"Bearer {self._key}":
            shown = sent.removeprefix("Bearer ")
            return failed(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")
        if self._models is not None and body["model"] not in self._models:
            return failed(404, f"The model `{body['model']}` does not exist", code="model_not_found")
        for parameter in sorted(self._refuses & set(body)):
            return failed(
                400, f"Unsupported parameter: '{parameter}' is not supported with this model.", param=parameter
            )
        if self._streaming_only == "refuse" and not body.get("stream"):
            return failed(400, "This server only supports streaming: set stream=true.")
        tokens = _tokens("".join(str(message["content"]) for message in body["messages"]))
        if self._context is not None and tokens > self._context:
            text = f"This model's maximum context length is {self._context} tokens, your messages have {tokens}."
            return failed(400, text, code="context_length_exceeded")
        return None

    def streams(self, body: dict[str, Any]) -> bool:
        """Whether the answer is streamed."""
        return bool(body.get("stream")) or self._streaming_only == "sse"


def _steps(script: Script) -> Callable[[Seen], Step]:
    if callable(script):
        return script
    rest: Iterator[Step] = iter(script)
    latest: list[Step] = []

    def step(_: Seen) -> Step:
        latest[:] = [next(rest, latest[0] if latest else Step())]
        return latest[0]

    return step


def _tokens(text: str) -> int:
    return len(text.encode()) // 4 + 1


def _handler(endpoint: Endpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = PATIENCE
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self._send(
                200, "application/json", json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]})
            )

        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            sent = self.rfile.read(length)
            if len(sent) < length:  # the client was killed
                self.close_connection = True
                return
            body = json.loads(sent)
            step = endpoint.reply(body, {name.lower(): value for name, value in self.headers.items()})
            try:
                if step.drop:
                    self._drop()
                elif step.body is not None:
                    self._send(step.status, "application/json", step.body, step.headers)
                elif endpoint.streams(body):
                    self._send(200, "text/event-stream", _events(step, body), step.headers)
                else:
                    self._send(200, "application/json", json.dumps(_completion(step, body)), step.headers)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _send(self, status: int, kind: str, text: str, headers: Mapping[str, str] | None = None) -> None:
            data = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def _drop(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b'{"id": "cut')
            self.wfile.flush()
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _usage(step: Step, body: dict[str, Any]) -> dict[str, int] | None:
    if not step.reports_usage:
        return None
    prompt = _tokens("".join(str(message["content"]) for message in body["messages"]))
    tokens_in, tokens_out = step.usage or (prompt, _tokens(step.text))
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}


def _completion(step: Step, body: dict[str, Any]) -> dict[str, Any]:
    said = None if step.refusal or (step.calls and not step.text) else step.text
    message: dict[str, Any] = {"role": "assistant", "content": said, "refusal": step.refusal}
    if step.calls:
        turn = len(body["messages"])
        message["tool_calls"] = [
            {
                "id": f"call-{turn}-{place}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(given)},
            }
            for place, (name, given) in enumerate(step.calls)
        ]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": step.finish, "logprobs": None}],
        "usage": _usage(step, body),
    }


def _events(step: Step, body: dict[str, Any]) -> str:
    frame = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    middle = len(step.text) // 2
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
        for delta in ({"role": "assistant", "content": step.text[:middle]}, {"content": step.text[middle:]})
    ]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": step.finish}]})
    if _usage(step, body) and body.get("stream_options"):
        chunks.append({"choices": [], "usage": _usage(step, body)})
    return "".join(f"data: {json.dumps({**frame, **chunk})}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
