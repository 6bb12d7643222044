"""Asking through the real client: good answers, bad ones, repairs, and what the archive says afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from evolver.contracts import CallStatus, Campaign, Message, Record
from evolver.contracts.event import D_co
from evolver.contracts.model_events import AnswerLost, CallFailed, ParameterDropped, ProviderFellSilent
from evolver.errors import UsageError
from evolver.llm import (
    ContextTooLong,
    ModelError,
    NoUsableAnswer,
    Prices,
    ProviderDown,
    ReplayClient,
    parse_models,
)
from evolver.llm.output_parser import AnswerError
from evolver.memory import Archive
from tests.llm.conftest import IDEA, PROMPT, QUICK, Idea, MakeCaller
from tests.support.endpoint import (
    Endpoint,
    Step,
    dropped,
    failed,
    fenced,
    good,
    malformed,
    rate_limited,
    refused,
    truncated,
)

PRICES = Prices.model_validate({"own": {"openai:m": {"input": 1.0, "output": 10.0}}})
MakeCampaign = Callable[..., Campaign]


def _statuses(archive: Archive) -> list[str]:
    return [str(call.status) for call in archive.calls.list("c")]


def _events(archive: Archive, kind: type[D_co]) -> list[D_co]:
    return [event.data for event in archive.events.list("c", kind=kind)]


async def test_an_answer_comes_back_as_a_record_and_is_archived_with_its_cost(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good(IDEA, usage=(100, 20))]) as endpoint:
        answer = await caller(endpoint, prices=PRICES).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.value == Idea(**IDEA)
    assert (answer.tokens_in, answer.tokens_out, answer.repaired) == (100, 20, 0)
    assert answer.usd == pytest.approx(100e-6 + 200e-6)
    (call,) = archive.calls.list("c")
    assert (call.id,) == answer.calls
    assert call.status is CallStatus.OK and call.messages == PROMPT and call.reply and call.seconds > 0
    assert archive.calls.spent("c").tokens == 120 and archive.calls.spent("c").usd == pytest.approx(300e-6)
    sent = endpoint.requests[0].body
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert sent["max_completion_tokens"] == 500 and "temperature" not in sent


async def test_an_unknown_price_is_unknown_and_not_nothing(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask("coder", "edit", "c-0-0", PROMPT, Idea)
    assert answer.usd is None
    (line,) = archive.calls.spending("c")
    assert line.usd is None and line.calls == 1 and line.tokens_in > 0


async def test_fenced_answers_need_no_repair(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign()
    with Endpoint([fenced(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.value.plan == "halve the step" and answer.repaired == 0


async def test_what_is_wrong_goes_back_to_the_model_until_it_is_right(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([malformed(), good({"hypothesis": "h"}), good(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.repaired == 2 and len(answer.calls) == 3
    assert "ends before it is complete" in endpoint.requests[1].last
    assert endpoint.requests[1].body["messages"][-2]["role"] == "assistant"
    assert "`plan`: Field required" in endpoint.requests[2].last
    assert _statuses(archive) == ["malformed", "malformed", "ok"]
    (line,) = archive.calls.spending("c")
    assert (line.repaired, line.lost) == (1, 0)


async def test_an_objection_of_the_caller_is_repaired_too(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good({**IDEA, "plan": "nothing"}), good(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask(
            "researcher",
            "propose",
            "c-0-0",
            PROMPT,
            Idea,
            check=lambda idea: "say what to do" if idea.plan == "nothing" else None,
        )
    assert answer.value.plan == "halve the step"
    assert "say what to do" in endpoint.requests[1].last


async def test_repairs_are_bounded_and_the_loss_is_recorded(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([malformed()]) as endpoint:
        with pytest.raises(NoUsableAnswer, match=r"3 tries.*before it is complete"):
            await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        assert len(endpoint.requests) == 3
    (line,) = archive.calls.spending("c")
    assert (line.calls, line.repaired, line.lost) == (3, 0, 1)
    assert _events(archive, AnswerLost)[0].purpose == "propose"


async def test_a_truncated_answer_is_asked_for_again_with_more_room(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([truncated('{"hypothesis": "sm'), good(IDEA)]) as endpoint:
        answer = await caller(endpoint, answer_tokens=100).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.repaired == 1
    assert [seen.body["max_completion_tokens"] for seen in endpoint.requests] == [100, 200]
    assert "cut off" in endpoint.requests[1].last
    assert _statuses(archive) == ["truncated", "ok"]
    assert archive.calls.list("c")[0].tokens_out > 0


async def test_free_text_that_was_cut_off_is_never_taken_for_whole(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([truncated("first half"), good("both halves")]) as endpoint:
        answer = await caller(endpoint).say("chat", "answer", "", PROMPT)
    assert answer.value == "both halves"


async def test_a_refusal_is_recorded_and_answered(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign()
    with Endpoint([refused("I will not."), good(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.repaired == 1
    first = archive.calls.list("c")[0]
    assert first.status is CallStatus.REFUSED and first.reply == "I will not."


async def test_text_can_be_read_by_the_role_itself(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()

    def number(text: str) -> int:
        if not text.isdigit():
            raise AnswerError("give digits only")
        return int(text)

    with Endpoint([good("twelve"), good("12")]) as endpoint:
        answer = await caller(endpoint).ask_text("coder", "count", "c-0-0", PROMPT, number)
    assert answer.value == 12 and "give digits only" in endpoint.requests[1].last


@pytest.mark.parametrize(
    "trouble",
    [
        rate_limited(),
        failed(500),
        failed(503),
        failed(408, "timeout"),
        dropped(),
        Step(body="<html>busy</html>", status=502),
    ],
    ids=["rate limit", "500", "503", "408", "dropped", "html"],
)
async def test_passing_trouble_is_tried_again(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller, trouble: Step
) -> None:
    campaign()
    with Endpoint([trouble, good(IDEA)]) as endpoint:
        answer = await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.value.plan and len(endpoint.requests) == 2
    (call,) = archive.calls.list("c")
    assert call.attempts == 2
    (event,) = archive.events.list("c", kind=CallFailed)
    assert event.experiment == "c-0-0" and event.data.model == "openai:m"


async def test_a_slow_answer_is_given_up_and_counted_as_paid(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    retry_policy = QUICK.__class__(**{**QUICK.__dict__, "request": 0.3})
    with Endpoint([good(IDEA, delay=1.0), good(IDEA, usage=(30, 10))]) as endpoint:
        answer = await caller(endpoint, retry_policy=retry_policy).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.tokens_out == 510  # the lost answer may have had 500
    assert archive.calls.list("c")[0].estimated


async def test_an_answer_that_no_library_can_read_is_no_outage(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([Step(body='{"weather": "fine"}')]) as endpoint, pytest.raises(NoUsableAnswer):
        await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert _events(archive, ProviderFellSilent) == []


@pytest.mark.parametrize("way", ["sse", "refuse"])
async def test_a_server_that_only_streams(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller, way: str
) -> None:
    campaign()
    with Endpoint([good(IDEA, usage=(40, 9))], streaming_only=way) as endpoint:
        asked = caller(endpoint)
        first = await asked.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        second = await asked.say("chat", "answer", "", PROMPT)
    assert first.value == Idea(**IDEA) and "halve" in second.value
    assert second.tokens_out == 9
    assert endpoint.requests[-1].body["stream"] is True
    assert [event.difference for event in _events(archive, ParameterDropped)] == ["answers are streamed"]


async def test_a_refused_parameter_is_dropped_once_and_for_all(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller, caplog: pytest.LogCaptureFixture
) -> None:
    campaign()
    with Endpoint([good(IDEA)], refuses=["temperature", "response_format", "tools"]) as endpoint:
        asked = caller(endpoint)
        for experiment in ("c-0-0", "c-0-1"):
            answer = await asked.ask("researcher", "propose", experiment, PROMPT, Idea, temperature=0.7)
            assert answer.value == Idea(**IDEA)
    assert endpoint.refusals == 3
    assert "follows this JSON schema" in endpoint.requests[0].last and '"plan"' in endpoint.requests[0].last
    assert len(_events(archive, ParameterDropped)) == 3
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert len([warning for warning in warnings if "temperature" in warning]) == 1


async def test_several_callers_at_once_learn_it_together(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good(IDEA)], refuses=["response_format"], latency=0.05) as endpoint:
        asked = caller(endpoint)
        answers = await asyncio.gather(
            *(asked.ask("researcher", "propose", f"c-{lane}-0", PROMPT, Idea) for lane in range(6))
        )
    assert [answer.value for answer in answers] == [Idea(**IDEA)] * 6
    assert len(_events(archive, ParameterDropped)) == 2


async def test_the_older_name_of_the_length_limit_is_tried(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good(IDEA)], refuses=["max_completion_tokens"]) as endpoint:
        await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert endpoint.requests[0].body["max_tokens"] == 500


async def test_an_answer_limit_above_the_models_own_is_lowered(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    said = "max_tokens is too large: 5000. This model supports at most 1000 completion tokens"
    with Endpoint([failed(400, said, param="max_tokens"), good(IDEA)]) as endpoint:
        await caller(endpoint, answer_tokens=5000).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert [seen.body["max_completion_tokens"] for seen in endpoint.requests] == [5000, 1000]


async def test_a_small_context_shortens_the_answer_where_that_helps(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    said = "This model's maximum context length is 2048 tokens. However, you requested 5100 tokens"
    with Endpoint([failed(400, said, code="context_length_exceeded"), good(IDEA)]) as endpoint:
        await caller(endpoint, answer_tokens=5000).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert 256 < endpoint.requests[1].body["max_completion_tokens"] < 2048


async def test_a_prompt_that_is_too_long_is_for_the_role_to_shorten(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    long = (*PROMPT, Message(role="user", text="word " * 5000))
    with Endpoint([good(IDEA)], context=1000) as endpoint:
        asked = caller(endpoint)
        with pytest.raises(ContextTooLong, match="too long for the model"):
            await asked.ask("researcher", "propose", "c-0-0", long, Idea)
        answer = await asked.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert answer.value == Idea(**IDEA)
    assert _statuses(archive) == ["error", "ok"]


@pytest.mark.parametrize(
    ("options", "models", "said"),
    [
        ({"key": "right"}, ("openai:m",), "does not accept the key; check OPENAI_API_KEY"),
        ({"models": ["other"]}, ("openai:m",), "has no such model"),
    ],
)
async def test_a_wrong_key_or_name_stops_at_once(
    archive: Archive,
    campaign: MakeCampaign,
    caller: MakeCaller,
    options: dict[str, Any],
    models: tuple[str, ...],
    said: str,
) -> None:
    campaign()
    with Endpoint([good(IDEA)], **options) as endpoint, pytest.raises(UsageError, match=said) as caught:
        await caller(endpoint, *models).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert endpoint.refusals == 1 and "openai:m" in str(caught.value)


async def test_an_account_without_credit_stops_at_once(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    broke = failed(429, "You exceeded your current quota", code="insufficient_quota")
    with Endpoint([broke]) as endpoint, pytest.raises(UsageError, match="no credit left"):
        await caller(endpoint).ask("researcher", "propose", "c-0-0", PROMPT, Idea)
    assert len(endpoint.requests) == 1


async def test_a_server_that_refuses_everything_stops_the_campaign_but_one_bad_request_does_not(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([failed(400, "no"), good(IDEA), failed(400, "no")]) as endpoint:
        asked = caller(endpoint)
        with pytest.raises(UsageError, match="refuses every request"):
            await asked.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        await asked.ask("researcher", "propose", "c-0-1", PROMPT, Idea)
        with pytest.raises(NoUsableAnswer, match="no"):
            await asked.ask("researcher", "propose", "c-0-2", PROMPT, Idea)


async def test_nobody_at_the_address(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign()
    retry_policy = QUICK.__class__(**{**QUICK.__dict__, "outage": 0.2})
    with pytest.raises(ProviderDown, match="resume the campaign"):
        await caller("http://127.0.0.1:9/v1", retry_policy=retry_policy).ask(
            "researcher", "propose", "c-0-0", PROMPT, Idea
        )
    assert archive.calls.spent("c").tokens == 0


async def test_a_replay_gives_the_same_answers_without_a_server(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    campaign("again")
    with Endpoint([malformed(), good(IDEA), refused(), refused(), refused()]) as endpoint:
        asked = caller(endpoint, prices=PRICES)
        live = await asked.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        with pytest.raises(NoUsableAnswer) as lost:
            await asked.say("critic", "lesson", "c-0-0", PROMPT)
    replay = ReplayClient(archive, "again", source=archive, recorded="c")
    again = await replay.ask("researcher", "propose", "again-0-0", PROMPT, Idea)
    assert (again.value, again.usd, again.tokens_in, again.repaired) == (
        live.value,
        live.usd,
        live.tokens_in,
        live.repaired,
    )
    with pytest.raises(NoUsableAnswer) as lost_again:
        await replay.say("critic", "lesson", "again-0-0", PROMPT)
    assert str(lost_again.value) == str(lost.value)
    assert replay.differing == 0
    assert [(c.role, c.status, c.reply) for c in archive.calls.list("again")] == [
        (c.role, c.status, c.reply) for c in archive.calls.list("c")
    ]
    assert archive.calls.spending("again") == archive.calls.spending("c")
    with pytest.raises(ModelError, match="no further answer for the coder"):
        await replay.say("coder", "edit", "again-0-0", PROMPT)


async def test_a_replay_passes_over_a_question_that_was_interrupted(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    campaign("again")
    before, after = (
        (*PROMPT[:1], Message(role="user", text="Before.")),
        (*PROMPT[:1], Message(role="user", text="After.")),
    )
    with Endpoint([good("late", delay=5.0), good("yes")]) as endpoint:
        task = asyncio.create_task(caller(endpoint).say("coder", "edit", "c-0-0", before))
        while not endpoint.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # Resumed, it knows more than it did and asks in other words.
        await caller(endpoint).say("coder", "edit", "c-0-0", after)
    replay = ReplayClient(archive, "again", source=archive, recorded="c")
    third = (*PROMPT[:1], Message(role="user", text="In words of another version."))
    assert (await replay.say("coder", "edit", "again-0-0", third)).value == "yes"
    with pytest.raises(ModelError, match="interrupted here: CancelledError"):
        await replay.say("coder", "edit", "again-0-0", before)


async def test_models_of_a_role_are_chosen_by_weight_and_always_the_same_way(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    campaign("d")

    class Numbered(Record):
        n: int

    with Endpoint(lambda seen: good({"n": seen.number})) as endpoint:
        models = ("researcher=openai:a@0.8", "researcher=openai:b@0.2", "openai:c")
        asked = caller(endpoint, *models)
        chosen = [(await asked.ask("researcher", "propose", f"c-0-{seq}", PROMPT, Numbered)).model for seq in range(60)]
        critic = await asked.ask("critic", "lesson", "c-0-0", PROMPT, Numbered)
        named = await asked.ask(
            "researcher", "other", "c-0-0", PROMPT, Numbered, model=parse_models(["openai:z"], endpoint.url)[0]
        )
        repeated = caller(endpoint, *models, name="d")
        again = [
            (await repeated.ask("researcher", "propose", f"c-0-{seq}", PROMPT, Numbered)).model for seq in range(60)
        ]
    assert 38 <= chosen.count("openai:a") <= 56 and set(chosen) == {"openai:a", "openai:b"}
    assert critic.model == "openai:c" and named.model == "openai:z"
    assert again == chosen
