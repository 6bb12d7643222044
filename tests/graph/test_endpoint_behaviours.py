"""One campaign against an endpoint that misbehaves in every way that is known; the archive says what happened."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from evolver.contracts import Call, CallStatus, CampaignStatus, VerdictKind
from evolver.contracts.model_events import CallFailed, ParameterDropped
from evolver.errors import UsageError
from evolver.graph import Context, arun
from evolver.graph.resolved_run import open_archive
from evolver.llm import RetryPolicy
from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step, dropped, failed, malformed, rate_limited, refused, truncated

TOO_LONG = "This model's maximum context length is 1000 tokens, your messages have 9000."
NO_TOOLS = "'response_format' of type json_schema is not supported by this model; it has no tools"
STREAM = "This server only supports streaming: set stream=true."

TROUBLE: dict[int, tuple[str, str, Callable[[Step], Step]]] = {
    1: ("good", "researcher", lambda step: step),
    2: ("malformed", "researcher", lambda _: malformed()),
    3: ("truncated", "coder", lambda step: truncated(step.text[: len(step.text) // 2])),
    4: ("refused", "researcher", lambda _: refused()),
    5: ("rate-limited", "researcher", lambda _: rate_limited("0.3")),
    6: ("slow", "coder", lambda step: replace(step, delay=1.5)),
    7: ("dropped", "coder", lambda _: dropped()),
    8: ("500", "researcher", lambda _: failed(500)),
    9: ("over-long context", "researcher", lambda _: failed(400, TOO_LONG, code="context_length_exceeded")),
    10: ("tool-less", "researcher", lambda _: failed(400, NO_TOOLS, param="response_format")),
    11: ("streaming", "researcher", lambda _: failed(400, STREAM, param="stream")),
    12: ("wrong model", "researcher", lambda _: failed(404, "The model `m` does not exist", code="model_not_found")),
}
"""By number of the experiment: what goes wrong, in whose call, and the first answer to it."""
FOR_GOOD = {4}
"""Trouble that repeats itself however often it is asked."""


def number_of(seen: Seen) -> int:
    """The experiment that a researcher is asked for."""
    return int(re.findall(r"You propose experiment (\d+);", seen.prompt)[-1])


class Misbehaving:
    """Answers as the improver does, but spoils one call of each experiment."""

    def __init__(self) -> None:
        self.asked = Counter[int]()
        self._current = 0

    def __call__(self, seen: Seen) -> Step:
        role, step = improver.role_of(seen), improver.answer(seen)
        if role == "researcher":
            self._current = number_of(seen)
        _, where, spoil = TROUBLE[self._current]
        if role != where:
            return step
        self.asked[self._current] += 1
        return spoil(step) if self.asked[self._current] == 1 or self._current in FOR_GOOD else step


@pytest.mark.slow
async def test_a_campaign_survives_every_behaviour(
    quadratic: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "EVOLVER_BASE_URL", "EVOLVER_MODEL", "EVOLVER_PRICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")
    monkeypatch.setenv("EVOLVER_REQUEST_SECONDS", "0.8")
    quick = functools.partial(RetryPolicy, attempts=3, pause=0.02)
    monkeypatch.setattr("evolver.llm.client.RetryPolicy", quick)
    script = Misbehaving()
    with Endpoint(script) as endpoint:
        context = Context(
            task=str(quadratic),
            experiments=len(TROUBLE),
            workers=1,
            home=home,
            team="llm",
            tools="off",
            models=("openai:m",),
            base_url=endpoint.url,
        )
        with pytest.raises(UsageError, match="has no such model; check its name"):
            await arun(context)
        with open_archive(home) as archive:
            (campaign,) = archive.campaigns.list()
            assert campaign.status is CampaignStatus.PAUSED and archive.campaigns.counts(campaign.name).finished == 11
        asked = len(endpoint.requests)
        summary = await arun(context.model_copy(update={"campaign": campaign.name}))
        assert len(endpoint.requests) <= asked + 3, "what was paid is not asked again"
    assert summary.status is CampaignStatus.FINISHED and summary.experiments == len(TROUBLE)
    assert all(script.asked[number] >= 1 for number in TROUBLE), "all trouble was met"

    with open_archive(home) as archive:
        experiments = {e.number: e for e in archive.experiments.list(campaign.name)}
        events = archive.events.list(campaign.name)
        calls = {n: archive.calls.list(campaign.name, e.id, TROUBLE[n][1]) for n, e in experiments.items() if n}
    told = {n: [e for e in events if e.experiment == experiments[n].id] for n in TROUBLE}

    def one(number: int) -> Call:
        (call,) = calls[number]
        return call

    def reason(number: int) -> str:
        (reason,) = [e.data.reason for e in told[number] if isinstance(e.data, CallFailed)]
        return reason

    unusable = [n for n, e in experiments.items() if e.verdict and e.verdict.kind is VerdictKind.UNUSABLE]
    assert unusable == [4] and "you refused" in str(experiments[4].verdict)
    assert [call.status for call in calls[4]] == [CallStatus.REFUSED] * 3 and calls[4][-1].lost

    assert one(1).status is CallStatus.OK and one(1).attempts == 1
    bad, mended = calls[2]
    assert bad.status is CallStatus.MALFORMED and "ends before it is complete" in bad.error
    assert mended.status is CallStatus.OK and mended.repairs == 1
    cut, whole = calls[3]
    assert (cut.status, whole.status) == (CallStatus.TRUNCATED, CallStatus.OK) and "cut off" in cut.error
    for number, said in {5: "Rate limit", 6: "no answer within", 7: "onnection", 8: "server has failed"}.items():
        assert one(number).status is CallStatus.OK and one(number).attempts == 2, TROUBLE[number]
        assert said in reason(number), (TROUBLE[number], reason(number))
    assert one(6).estimated and one(6).tokens_out > 1000, "an answer that never came may have been paid"
    long, short = calls[9]
    assert long.status is CallStatus.ERROR and "maximum context length" in long.error
    assert short.status is CallStatus.OK
    dropped_parameters = [e.data.difference for e in events if isinstance(e.data, ParameterDropped)]
    assert dropped_parameters == ["the schema of answers is not enforced any more", "answers are streamed"]
    assert one(10).status is CallStatus.OK and one(11).status is CallStatus.OK
    streamed = [seen for seen in endpoint.requests if seen.body.get("stream")]
    assert streamed and number_of(streamed[0]) == 11
    refusal = next(call for call in calls[12] if call.status is CallStatus.OK)
    assert refusal.attempts == 2, "the refused request is on record with the one that was answered"
    assert "does not exist" in reason(12)
