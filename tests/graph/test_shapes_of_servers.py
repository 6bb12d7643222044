"""Campaigns of models behind servers that people really run: odd keys, roles, replies and counts."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step, failed
from tests.support.preloaded_command import PreloadedCommand

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def campaign(quadratic: Path, home: Path, tmp_path: Path, preloaded: PreloadedCommand) -> Callable[..., Done]:
    """Run a campaign of a model at an address, as a user would."""
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"models": {"openai:priced": {"input": 1.0, "output": 10.0}}}))

    def run(url: str, *words: str, n: int = 2, model: str = "m", check: int = 0, **environment: str) -> Done:
        clean = {
            k: v for k, v in os.environ.items() if k not in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL")
        }
        given = {**clean, "EVOLVER_HOME": str(home), "EVOLVER_PRICES": str(prices), "EVOLVER_ANSWER_TOKENS": "2000"}
        campaign: list[str | Path] = [
            "run",
            quadratic,
            "-n",
            str(n),
            "-w",
            "1",
            "--team",
            "llm",
            "-m",
            f"openai:{model}",
        ]
        done = preloaded.run([*campaign, "--base-url", url, *words], cwd=tmp_path, environment={**given, **environment})
        assert done.returncode == check, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def _message(seen: Seen, usage: Any = None, finish: str = "stop", **message: Any) -> Step:
    """An answer whose message is given as it is."""
    usage = {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60} if usage is None else usage
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    return Step(body=json.dumps(body))


def _of(seen: Seen) -> str:
    return improver.answer(seen).text


def _thinks(seen: Seen) -> Step:
    return Step(
        f"<think>\nI could write\n```python\ndef point():\n    return [0, 0]\n```\nbut no.\n</think>\n\n{_of(seen)}"
    )


SHAPES: dict[str, Callable[[Seen], Step]] = {
    "thinking before it": _thinks,
    "all in reasoning_content": lambda seen: _message(seen, content="", reasoning_content=_of(seen)),
    "all in reasoning": lambda seen: _message(seen, content=None, reasoning=_of(seen)),
    "parts": lambda seen: _message(seen, content=[{"type": "text", "text": _of(seen)}]),
    "an error in a 200 now and then": lambda seen: (
        Step(body=json.dumps({"error": {"message": "Provider returned error", "code": 502}, "id": "x"}))
        if seen.number in (0, 4)
        else improver.answer(seen)
    ),
    "broken off now and then": lambda seen: (
        _message(seen, content="", finish="error") if seen.number == 1 else improver.answer(seen)
    ),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_campaign_goes_as_without(campaign: Callable[..., Done], shape: Callable[[Seen], Step]) -> None:
    with Endpoint(shape) as endpoint:
        done = campaign(endpoint.url, "--json")
    summary = json.loads(done.stdout)
    assert summary["experiments"] == 2 and summary["best"]["mean"] < summary["baseline"]["mean"]
    assert "streamed" not in done.stderr and summary["cost"]["tokens_out"] < 4000


ROLES = {
    "Gemma": (400, "System role not supported", None),
    "vLLM": (400, "Conversation roles must alternate user/assistant/user/assistant/...", None),
    "llama.cpp": (500, 'Value is not callable: raise_exception("System role not supported")', None),
    "o1": (400, "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "messages[0].role"),
    "Google": (400, "Developer instruction is not enabled for models/gemma-3-27b-it", None),
    "TGI": (422, "Template error: system role is not supported by this template", None),
}


@pytest.mark.parametrize("way", ROLES.values(), ids=ROLES)
def test_a_model_without_a_system_role(campaign: Callable[..., Done], way: tuple[int, str, str | None]) -> None:
    status, message, param = way

    def script(seen: Seen) -> Step:
        roles = [turn["role"] for turn in seen.body["messages"]]
        if roles[0] != "user" or any(one == other for one, other in itertools.pairwise(roles)):
            return failed(status, message, param=param)
        return improver.answer(seen)

    with Endpoint(script) as endpoint:
        done = campaign(endpoint.url, n=1)
    assert "instructions are part of the first message" in done.stdout


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": 0, "completion_tokens": 30, "total_tokens": 30},
    ],
)
def test_a_count_of_zero_is_none(campaign: Callable[..., Done], usage: dict[str, Any]) -> None:
    with Endpoint(lambda seen: _message(seen, usage=usage, content=_of(seen))) as endpoint:
        summary = json.loads(campaign(endpoint.url, "--tokens", "20000", "--json", n=30).stdout)
    assert "token budget is spent" in summary["ended"] and summary["experiments"] < 30
    assert summary["cost"]["unknown"] and summary["cost"]["tokens_in"] > 5000


KEYS = {
    "a carriage return": ("sk-not-a-real-key-0000000\r", None),
    "a blank": (" sk-not-a-real-key-0000000 \n", None),
    "an ellipsis": ("sk-not-a-real-key-0000000…", r"the key in OPENAI_API_KEY holds '…' \(character 26 of 26\)"),
    "a line break": ("sk-not-a\n-real-key-0000000", "holds a line break"),
    "quotes": ('"sk-not-a-real-key-0000000"', "in quotation marks"),
    "Bearer": ("Bearer sk-not-a-real-key-00", "begins with the word Bearer"),
}


@pytest.mark.parametrize(("key", "said"), KEYS.values(), ids=KEYS)
def test_odd_keys(campaign: Callable[..., Done], key: str, said: str | None) -> None:
    with Endpoint(improver.answer, key="sk-not-a-real-key-0000000") as endpoint:
        words = ("--cost", "2")
        done = campaign(endpoint.url, *words, n=1, model="priced", check=2 if said else 0, OPENAI_API_KEY=key)
        assert bool(endpoint.requests) == (said is None)
    assert re.search(said or "", done.stderr) and "trying again" not in done.stdout


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/v1", "Connect call failed"),
        ("http://no-such-host.invalid/v1", "Name or service not known|name resolution|No address"),
        ("http://127.0.0.1:99999/v1", "[Pp]ort"),
        ("http://exa mple/v1", "a blank"),
    ],
)
def test_an_address_that_nothing_can_be_sent_to(campaign: Callable[..., Done], url: str, said: str) -> None:
    done = campaign(url, check=2)
    assert re.search(said, done.stderr), done.stderr
    assert "trying again" not in done.stdout


def test_tls_on_a_plain_port(campaign: Callable[..., Done]) -> None:
    with Endpoint(improver.answer) as endpoint:
        done = campaign(endpoint.url.replace("http:", "https:"), check=2)
    assert "SSL" in done.stderr or "record layer" in done.stderr
