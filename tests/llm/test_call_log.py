"""What must hold whatever happens: caps, paid answers, secrets, patience."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import CallStatus, Campaign, Message
from evolver.contracts.event_data import EventKind
from evolver.contracts.model_events import ProviderFellSilent
from evolver.errors import UsageError
from evolver.llm import (
    BudgetSpent,
    ModelClient,
    NoUsableAnswer,
    Prices,
    ProviderDown,
    Redactor,
    parse_models,
)
from evolver.memory import Archive
from evolver.settings import Settings
from tests.llm.conftest import IDEA, PROMPT, QUICK, Idea, MakeCaller
from tests.support.endpoint import Endpoint, Seen, Step, dropped, failed, good, malformed, rate_limited, refused

MakeCampaign = Callable[..., Campaign]
PRICES = Prices.model_validate({"own": {"openai:m": {"input": 100.0, "output": 1000.0}}})


async def _until_spent(caller: ModelClient, lane: int) -> int:
    """Ask until the budget refuses; how many answers came."""
    for seq in range(200):
        try:
            await caller.say("coder", "edit", f"c-{lane}-{seq}", PROMPT)
        except BudgetSpent:
            return seq
    raise AssertionError("the cap did not hold")


@pytest.mark.parametrize("cap", ["tokens", "usd"])
async def test_eight_callers_at_once_never_pass_the_cap(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller, cap: str
) -> None:
    campaign(**({"tokens": 2000} if cap == "tokens" else {"usd": 1.0}))

    def script(seen: Seen) -> Step:
        return good("x" * 40, usage=(20, 50 + 13 * (seen.number % 5)))  # at most 102 of the 120 that are allowed

    with Endpoint(script, latency=0.02) as endpoint:
        asked = caller(endpoint, prices=PRICES, answer_tokens=120)
        answers = await asyncio.gather(*(_until_spent(asked, lane) for lane in range(8)))
        assert endpoint.at_once > 1
    spent, calls = archive.calls.spent("c"), archive.calls.list("c")
    assert spent.tokens == sum(call.tokens_in + call.tokens_out for call in calls)
    assert spent.usd == pytest.approx(sum(call.usd or 0.0 for call in calls))
    if cap == "tokens":
        assert 2000 - 250 < spent.tokens <= 2000  # and little of it is left over
    else:
        assert 1.0 - 0.2 < spent.usd <= 1.0
    assert sum(answers) == len(calls) > 8


async def test_a_resumed_campaign_knows_what_was_spent(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign(tokens=1000)
    with Endpoint([good("yes", usage=(400, 100))]) as endpoint:
        await caller(endpoint, answer_tokens=300).say("coder", "edit", "c-0-0", PROMPT)
        resumed = caller(endpoint, answer_tokens=300)
        await resumed.say("coder", "edit", "c-0-0", PROMPT)  # recorded: costs nothing
        with pytest.raises(BudgetSpent, match="500 of 1000 used"):
            await resumed.say("coder", "edit", "c-0-1", (*PROMPT, Message(role="user", text="x" * 1000)))
        assert len(endpoint.requests) == 1
    assert archive.calls.spent("c").tokens == 500


async def test_a_dollar_cap_needs_a_price(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign(usd=5.0)
    with Endpoint([good("yes")]) as endpoint:
        with pytest.raises(UsageError, match=r"no price is known for openai:m.*prices\.json"):
            caller(endpoint)
        assert (await caller(endpoint, prices=PRICES).say("coder", "edit", "c-0-0", PROMPT)).usd
        free = Prices.model_validate({"own": {"openai:m": {"input": 0, "output": 0}}})
        assert (await caller(endpoint, prices=free).say("coder", "edit", "c-0-1", PROMPT)).usd == 0.0


async def test_usage_that_is_not_reported_is_estimated(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign(tokens=100_000)
    with Endpoint([good("x" * 400, reports_usage=False)]) as endpoint:
        answer = await caller(endpoint).say("coder", "edit", "c-0-0", PROMPT)
    assert answer.tokens_in > 10 and answer.tokens_out > 100
    assert archive.calls.list("c")[0].estimated


async def test_a_recorded_answer_is_not_paid_again_and_a_new_prompt_is(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    other = (*PROMPT, Message(role="user", text="And quickly."))
    with Endpoint(
        lambda seen: malformed() if seen.number == 0 else good({**IDEA, "plan": f"{seen.number}"})
    ) as endpoint:
        first = caller(endpoint)
        before = await first.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        twice = await first.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        resumed = caller(endpoint)
        after = await resumed.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        assert len(endpoint.requests) == 3
        new = await resumed.ask("researcher", "propose", "c-0-0", other, Idea)
        after_twice = await resumed.ask("researcher", "propose", "c-0-0", PROMPT, Idea)
        assert len(endpoint.requests) == 4
    assert before == after and twice == after_twice
    assert twice.value != before.value and new.value.plan == "3"
    assert [call.ordinal for call in archive.calls.list("c")] == [0, 1, 2, 3]


CAMPAIGN = """
import asyncio, sys
from evolver.llm import ModelClient, parse_models
from evolver.contracts import Message
from evolver.memory import Archive
from evolver.settings import Settings
home, url = sys.argv[1:]
async def lane(caller, number):
    for seq in range(10):
        said = (Message(role="user", text=f"experiment {number}-{seq}"),)
        await caller.say("coder", "edit", f"c-{number}-{seq}", said)
        print(number, seq, flush=True)
async def main():
    with Archive.open(f"sqlite:///{home}/archive.sqlite") as archive:
        caller = ModelClient(archive, "c", parse_models(["openai:m"], url), settings=Settings(home=home))
        await asyncio.gather(*(lane(caller, number) for number in range(3)))
asyncio.run(main())
"""


def test_a_killed_campaign_pays_no_finished_answer_twice(archive: Archive, campaign: MakeCampaign, home: Path) -> None:
    campaign()
    command = [sys.executable, "-c", CAMPAIGN, str(home)]
    with Endpoint(lambda seen: good(f"answer to {seen.last}"), latency=0.1) as endpoint:
        with subprocess.Popen([*command, endpoint.url], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(9):
                process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        endpoint.settle()
        kept = len(archive.calls.list("c"))
        paid = len(endpoint.requests)
        assert 9 <= kept <= paid < 30
        subprocess.run([*command, endpoint.url], check=True, capture_output=True, timeout=400)
        assert len(endpoint.requests) == paid + 30 - kept
    calls = archive.calls.list("c")
    assert len(calls) == 30 and len({call.experiment for call in calls}) == 30
    assert all(call.reply == f"answer to {call.messages[-1].text}" for call in calls)


async def test_a_cancelled_question_counts_as_paid(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([good("late", delay=1.0), good("yes", usage=(30, 1))]) as endpoint:
        asked = caller(endpoint, answer_tokens=100)
        task = asyncio.create_task(asked.say("coder", "edit", "c-0-0", PROMPT))
        while not endpoint.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (call,) = archive.calls.list("c")
        assert call.status is CallStatus.ERROR and call.tokens_out == 100 and call.estimated
        before = archive.calls.spent("c").tokens
        await caller(endpoint).say("coder", "edit", "c-0-0", PROMPT)
    (call,) = archive.calls.list("c")
    assert call.status is CallStatus.OK and call.ordinal == 0 and call.attempts == 2
    assert archive.calls.spent("c").tokens == before + 31 == call.tokens_in + call.tokens_out


async def test_attempts_before_the_budget_ends_count_as_paid(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign(tokens=400)
    retry_policy = replace(QUICK, request=0.2)
    with Endpoint([good("late", delay=1.0)]) as endpoint:
        asked = caller(endpoint, retry_policy=retry_policy, answer_tokens=300)
        with pytest.raises(BudgetSpent, match=r"3\d\d of 400 used"):
            await asked.say("coder", "edit", "c-0-0", PROMPT)
    (call,) = archive.calls.list("c")
    assert call.status is CallStatus.ERROR and call.estimated and call.attempts == 1
    assert archive.calls.spent("c").tokens == call.tokens_in + call.tokens_out >= 300


async def test_retry_after_is_obeyed(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign()
    retry_policy = replace(QUICK, longest_probe=5.0)
    with Endpoint([rate_limited("0.6"), good("yes")]) as endpoint:
        await caller(endpoint, retry_policy=retry_policy).say("coder", "edit", "c-0-0", PROMPT)
    first, second = (seen.when for seen in endpoint.requests)
    assert 0.6 <= second - first < 2.0


async def test_a_date_in_retry_after_is_obeyed(archive: Archive, campaign: MakeCampaign, caller: MakeCaller) -> None:
    campaign()
    later = datetime.now(UTC) + timedelta(seconds=2)
    retry_policy = replace(QUICK, longest_probe=5.0, outage=10.0)
    with Endpoint([rate_limited(format_datetime(later, usegmt=True)), good("yes")]) as endpoint:
        await caller(endpoint, retry_policy=retry_policy).say("coder", "edit", "c-0-0", PROMPT)
    assert time.time() >= later.replace(microsecond=0).timestamp()


async def test_an_outage_stops_all_lanes_and_one_of_them_looks_whether_it_is_over(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    broken = asyncio.Event()
    broken.set()

    def script(seen: Seen) -> Step:
        return failed(503, "overloaded") if broken.is_set() else good("yes")

    retry_policy = replace(QUICK, attempts=2, outage=30.0)
    with Endpoint(script) as endpoint:
        asked = caller(endpoint, retry_policy=retry_policy)
        lanes = [asyncio.create_task(asked.say("coder", "edit", f"c-{lane}-0", PROMPT)) for lane in range(6)]
        await asyncio.sleep(1.5)
        during = len(endpoint.requests)
        assert not any(lane.done() for lane in lanes)
        broken.clear()
        answers = await asyncio.wait_for(asyncio.gather(*lanes), 60)
    assert [answer.value for answer in answers] == ["yes"] * 6
    assert during <= 6 * 2 + 12  # two tries a lane, then one prober
    kinds = [event.kind for event in archive.events.list("c")]
    assert kinds.count(EventKind.PROVIDER_DOWN) == 1 and kinds.count(EventKind.PROVIDER_UP) == 1
    assert archive.calls.spent("c").tokens == sum(answer.tokens_in + answer.tokens_out for answer in answers)


async def test_an_outage_that_lasts_too_long_ends_the_campaign_with_what_to_do(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    with Endpoint([failed(500, "broken")]) as endpoint:
        asked = caller(endpoint, retry_policy=replace(QUICK, outage=0.4))
        results = await asyncio.gather(
            *(asked.say("coder", "edit", f"c-{lane}-0", PROMPT) for lane in range(3)), return_exceptions=True
        )
    assert all(isinstance(result, ProviderDown) for result in results)
    assert "broken" in str(results[0]) and "resume" in str(results[0])


async def test_who_waits_hears_of_a_prober_that_leaves_without_a_result(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller
) -> None:
    campaign()
    retry_policy = replace(QUICK, attempts=1, outage=30.0)
    with Endpoint([failed(503), good("late", delay=20.0), good("yes")]) as endpoint:
        asked = caller(endpoint, retry_policy=retry_policy)
        lanes = [asyncio.create_task(asked.say("coder", "edit", "c-0-0", PROMPT))]
        while len(endpoint.requests) < 2:
            await asyncio.sleep(0.01)
        lanes.append(asyncio.create_task(asked.say("coder", "edit", "c-1-0", PROMPT)))
        await asyncio.sleep(0.3)
        assert len(endpoint.requests) == 2, "the second lane waits for the first one, which tries the provider"
        lanes[0].cancel()
        assert (await asyncio.wait_for(lanes[1], 5)).value == "yes"


async def test_another_model_takes_over_while_a_provider_is_down(
    archive: Archive, campaign: MakeCampaign, caller: MakeCaller, home: Path
) -> None:
    campaign()
    with Endpoint([failed(500)]) as down, Endpoint([good("yes")]) as up:
        choices = (*parse_models(["openai:first@100"], down.url), *parse_models(["openai:second@0.01"], up.url))
        asked = ModelClient(archive, "c", choices, retry_policy=QUICK, settings=Settings(home=home))
        answers = [await asked.say("coder", "edit", f"c-0-{seq}", PROMPT) for seq in range(4)]
    assert {answer.model for answer in answers} == {"openai:second"}
    assert len(down.requests) < 4 + QUICK.attempts
    assert len(archive.events.list("c", kind=ProviderFellSilent)) == 1


PLANTED = {
    "OPENAI_API_KEY": "sk-planted-1f3d5b7a9c2e4f6a8b0d",
    "MY_SERVICE_TOKEN": "correct horse battery staple",
    "DATABASE_PASSWORD": 'pass"word\\with {odd} marks',
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
UNKNOWN_KEY = "sk-ant-api03-not-in-the-environment-0123456789"


async def test_planted_secrets_are_nowhere(
    archive: Archive,
    campaign: MakeCampaign,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    campaign()
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    leaks = "; ".join([*PLANTED.values(), UNKNOWN_KEY])
    log = logging.FileHandler(home / "evolver.log")
    logging.getLogger().addHandler(log)
    caplog.set_level(logging.DEBUG)
    prompt = (Message(role="system", text=f"The environment is {leaks}"), *PROMPT)
    raised: list[BaseException] = []

    async def lose(endpoint: Endpoint, experiment: str, models: tuple[str, ...] = ("openai:m",)) -> None:
        retry_policy = replace(QUICK, outage=0.2)
        asked = ModelClient(
            archive, "c", parse_models(models, endpoint.url), retry_policy=retry_policy, settings=Settings(home=home)
        )
        with pytest.raises((NoUsableAnswer, UsageError, ProviderDown)) as caught:
            await asked.ask("researcher", "propose", experiment, prompt, Idea)
        raised.append(caught.value)

    try:
        with Endpoint(
            [good(json.dumps({"hypothesis": leaks, "plan": "p"}))], key=PLANTED["OPENAI_API_KEY"]
        ) as endpoint:
            asked = ModelClient(
                archive, "c", parse_models(["openai:m"], endpoint.url), retry_policy=QUICK, settings=Settings(home=home)
            )
            answer = await asked.ask("researcher", "propose", "c-0-0", prompt, Idea)
            assert all(value not in answer.value.hypothesis for value in PLANTED.values())
            assert all(value not in json.dumps(endpoint.requests[0].body) for value in PLANTED.values())
        for number, trouble in enumerate(
            [malformed(), refused(leaks), failed(500, leaks), failed(400, leaks), dropped()]
        ):
            with Endpoint([trouble]) as endpoint:
                await lose(endpoint, f"c-1-{number}")
        with Endpoint([good(IDEA)], key="another") as endpoint:
            await lose(endpoint, "c-2-0")
    finally:
        logging.getLogger().removeHandler(log)
        log.close()
    assert (home / "evolver.log").stat().st_size > 0
    told = caplog.text + "".join(f"{error!r} {error.__cause__!r} {error.__context__!r}" for error in raised)
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(b"secret removed" in content for content in files.values())
    for secret in (*PLANTED.values(), UNKNOWN_KEY):
        for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]):
            assert form not in told
            for path, content in files.items():
                assert form.encode() not in content, f"{secret} is in {path}"


def test_ordinary_words_are_no_secrets() -> None:
    variables = {
        "TOKENIZERS_PARALLELISM": "disabled-here",
        "MAX_TOKENS": "100000000",
        "PIN_KEY": "short",
        "HOME": "/home/ada",
    }
    text = "disabled-here 100000000 short /home/ada task-based sk-1 sk-estimator-doc-link halve the step"
    assert Redactor(variables)(text) == text


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmn0p",
        "AIza" + "a" * 35,
        "ghp_" + "a" * 36,
        "AKIAIOSFODNN7EXAMPLE",
        "hf_" + "a" * 34,
    ],
)
def test_well_known_shapes_are_removed(secret: str) -> None:
    assert Redactor({})(f"key={secret}, then") == "key=[secret removed], then"
    assert secret not in Redactor({})(f"Authorization: Bearer {secret}")


def test_bearers_and_addresses() -> None:
    assert Redactor({})("Bearer abc.def.ghi-jkl") == "Bearer [secret removed]"
    assert Redactor({})("http://ada:sesame@host/v1") == "http://[secret removed]@host/v1"


def test_nothing_heavy_is_loaded_before_the_first_question() -> None:
    code = (
        "import sys; import evolver.llm as m; m.parse_models(['openai:x']); "
        "print(*sorted(set(sys.modules) & {'langchain', 'langchain_core', 'openai', 'sqlalchemy', 'numpy', 'langgraph'}))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert said.stdout.strip() == ""


def test_a_missing_key_and_a_missing_package_are_told_before_anything_runs(
    archive: Archive, campaign: MakeCampaign, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign()

    def check(*models: str, **options: Any) -> str:
        with pytest.raises(UsageError) as caught:
            ModelClient(archive, "c", parse_models(models, **options), settings=Settings(home=home)).check()
        return str(caught.value)

    assert "set OPENAI_API_KEY, or give --base-url" in check("openai:gpt-5-mini")
    monkeypatch.setitem(sys.modules, "langchain_anthropic", None)
    assert "pip install 'evolver[anthropic]'" in check("anthropic:claude-haiku-4-5")
    assert "pip install langchain langchain-groq" in check("groq:x")
    assert "no model for the critic" in check("researcher=openai:m", "coder=openai:m", base_url="http://127.0.0.1:9/v1")
