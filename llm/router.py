"""Gets one question answered: chooses a model, keeps the caps, tries again, waits while providers are down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, wait_exponential_jitter

from evolver.contracts.model_events import CallFailed
from evolver.errors import ContextTooLong, EvolverError, NoUsableAnswer, ProviderUnreached, UsageError
from evolver.llm.budget import BudgetLedger, Charge
from evolver.llm.circuit_breaker import CircuitBreakers, Tell
from evolver.llm.model_spec import ModelSpec
from evolver.llm.pricing import Price, Prices
from evolver.llm.provider import ChatModel, Notice, Question, RetryPolicy, key_variable
from evolver.llm.provider_errors import FailureKind, ProviderFailure
from evolver.llm.replies import Reply
from evolver.logging import get_logger
from evolver.redaction import Redactor

_log = get_logger(__name__)
FIRST_CONTACTS = 2
"""Requests to a server that was never reached before that is said."""


@dataclass
class CallCost:
    """What one question has cost so far, failed attempts included."""

    experiment: str = ""
    model: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    usd: float | None = 0.0
    """None as soon as something without a known price was used."""
    estimated: bool = False
    attempts: int = 0

    def add(self, tokens_in: int, tokens_out: int, cached: int, price: Price | None, *, estimated: bool) -> Charge:
        """Put one attempt on the tab."""
        self.tokens_in += tokens_in
        self.tokens_out += tokens_out
        self.tokens_cached += cached
        self.estimated = self.estimated or estimated
        usd = 0.0 if price is None else price.cost(tokens_in, tokens_out, cached)
        unknown = price is None and tokens_in + tokens_out > 0
        self.usd = None if unknown or self.usd is None else self.usd + usd
        return Charge(tokens_in + tokens_out, usd)


class Router:
    """The models of a campaign, with its ledger and the state of their providers. For one event loop."""

    def __init__(
        self,
        *,
        ledger: BudgetLedger,
        prices: Prices,
        retry_policy: RetryPolicy,
        redactor: Redactor,
        tell: Tell,
        notice: Notice,
    ) -> None:
        self._ledger = ledger
        self._prices = prices
        self._retry_policy = retry_policy
        self._redactor = redactor
        self._tell = tell
        self._notice = notice
        self._outages = CircuitBreakers(retry_policy, tell)
        self._models: dict[tuple[str, str], ChatModel] = {}

    def model(self, choice: ModelSpec) -> ChatModel:
        """A model as this process knows it. Raises UsageError where dollars are capped and it has no price."""
        key = (choice.model, choice.base_url)
        if key not in self._models:
            self._ledger.require_price(choice.model, self._prices.of(choice))
            self._models[key] = ChatModel(
                choice, request_seconds=self._retry_policy.request, redactor=self._redactor, notice=self._notice
            )
        return self._models[key]

    def is_down(self, choice: ModelSpec) -> bool:
        """Whether a model's provider gave no answer when it was last asked."""
        return self._outages.gate(choice.server).down_since is not None

    def give_up(self) -> None:
        """Wait no longer for providers that are down."""
        self._outages.give_up()

    async def send(self, question: Question, choices: Sequence[ModelSpec], tab: CallCost) -> Reply:
        """The answer of the first of these models whose provider can be reached; costs go on the tab.

        Raises NoUsableAnswer or ContextTooLong where the question cannot be answered, BudgetSpent, ProviderDown, and
        UsageError where key, name or package of a model is wrong.
        """
        models = [self.model(choice) for choice in choices]
        while True:
            for model in models:
                reply = await self._ask(model, question, tab)
                if reply is not None:
                    return reply
            self._refuse_if_unreachable(models)
            await self._outages.wait(model.choice.server for model in models)

    def _refuse_if_unreachable(self, models: Sequence[ChatModel]) -> None:
        """Raises ProviderUnreached where no server was ever reached: an address is wrong, or nothing runs there."""
        gates = {model.choice.server: self._outages.gate(model.choice.server) for model in models}
        if all(gate.unreached for gate in gates.values()):
            reasons = "; ".join(f"{server}: {gate.reason}" for server, gate in gates.items())
            raise ProviderUnreached(
                f"--model {models[0].choice.model}: no request could be sent ({reasons}); nothing was paid. Look "
                "whether the server runs, check --base-url, the network and the proxy, then resume the campaign"
            )

    async def _ask(self, model: ChatModel, question: Question, tab: CallCost) -> Reply | None:
        """One model's answer, or None while its provider is down."""
        server = model.choice.server
        gate = self._outages.gate(server)
        if not gate.admit():
            return None
        probing = gate.down_since is not None
        try:
            reply = await self._attempts(model, question, tab, 1 if probing else self._retry_policy.attempts)
        except ProviderFailure as failure:
            if failure.kind is FailureKind.TRANSIENT:
                gate.unreached = failure.unsent and not gate.was_reached
                gate.was_reached = gate.was_reached or not failure.unsent
                if gate.unreached:  # which is said at the end, where nobody else can be asked either
                    gate.fail(failure.text, failure.retry_after, probing=probing)
                else:
                    await self._outages.failed(server, failure.text, failure.retry_after, probing=probing)
                return None
            gate.was_reached = gate.was_reached or not failure.unsent
            await self._outages.answered(server)
            raise self._outcome(model, failure) from None
        else:
            gate.was_reached = True
            await self._outages.answered(server)
            return reply
        finally:
            gate.leave(probing=probing)

    async def _attempts(self, model: ChatModel, question: Question, tab: CallCost, most: int) -> Reply:
        backoff = wait_exponential_jitter(
            multiplier=self._retry_policy.pause, max=self._retry_policy.longest_pause, jitter=self._retry_policy.pause
        )

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.retry_after if isinstance(error, ProviderFailure) else None
            return backoff(state) if asked is None else asked + random.random() * self._retry_policy.pause / 10

        gate = self._outages.gate(model.choice.server)

        def again(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            if not isinstance(error, ProviderFailure):
                return False
            if error.unsent and not gate.was_reached and state.attempt_number >= FIRST_CONTACTS:
                return False
            return (
                error.kind in {FailureKind.TRANSIENT, FailureKind.UNREADABLE}
                and (error.retry_after or 0.0) <= self._retry_policy.longest_probe
            )

        retrying = AsyncRetrying(stop=stop_after_attempt(most), wait=pause, retry=again, reraise=True)
        return await retrying(self._attempt, model, question, tab)

    async def _attempt(self, model: ChatModel, question: Question, tab: CallCost) -> Reply:
        """One request, its worst case reserved; an answer that was lost on the way counts as paid in full."""
        price = self._prices.of(model.choice)
        prompt = model.prompt_tokens(question)
        answer = model.capabilities.answer_tokens(question.answer_tokens)
        worst = Charge(prompt + answer, 0.0 if price is None else price.cost(prompt, answer))
        ticket = await self._ledger.reserve(worst)
        tab.model, charge = model.choice.model, Charge()
        tab.attempts += 1
        _log.debug("asking %s for %s: attempt %d, about %d tokens", tab.model, tab.experiment, tab.attempts, prompt)
        try:
            reply = await model.send(question)
            charge = self._charge(model, question, reply, tab, price)
        except ProviderFailure as failure:
            if failure.billed:
                charge = tab.add(prompt, answer, 0, price, estimated=True)
            failed = CallFailed(
                model=model.choice.model, reason=failure.text, status=failure.status, attempt=tab.attempts
            )
            await self._tell(failed, tab.experiment)
            raise
        except asyncio.CancelledError:
            charge = tab.add(prompt, answer, 0, price, estimated=True)
            raise
        finally:
            self._ledger.settle(ticket, charge)
        return reply

    def _charge(self, model: ChatModel, question: Question, reply: Reply, tab: CallCost, price: Price | None) -> Charge:
        tokens_in, tokens_out = reply.tokens_in, reply.tokens_out
        estimated = tokens_in is None or tokens_out is None
        if tokens_in is None:
            tokens_in = model.prompt_tokens(question)
        if tokens_out is None:
            tokens_out = model.estimate.tokens(len(reply.text.encode()), 1)
        return tab.add(tokens_in, tokens_out, reply.tokens_cached, price, estimated=estimated)

    def _outcome(self, model: ChatModel, failure: ProviderFailure) -> EvolverError:
        """What a failure that trying again does not cure means for the campaign."""
        name, provider, said = model.choice.model, model.choice.provider, failure.text
        if failure.kind is FailureKind.CONTEXT:
            return ContextTooLong(f"{name}: the messages are too long for the model: {said}")
        if failure.kind is FailureKind.POLICY:
            return NoUsableAnswer(f"{name}: the provider's filter stopped the question: {said}")
        if failure.kind is FailureKind.ACCESS:
            return UsageError(f"--model {name}: {_what_to_check(provider, failure, model.choice.base_url)} ({said})")
        if failure.kind is FailureKind.LOCAL:
            where = model.choice.base_url or provider
            return UsageError(
                f"--model {name}: no request can be sent to {where} ({said}); nothing was paid. Check "
                f"{key_variable(provider)}, --base-url and the proxy"
            )
        if failure.kind is FailureKind.UNREADABLE or model.answered:
            return NoUsableAnswer(f"{name}: {said}")
        return UsageError(
            f"--model {name}: the provider refuses every request ({said}); check the model's name and --base-url"
        )


def _what_to_check(provider: str, failure: ProviderFailure, base_url: str) -> str:
    if failure.status in {401, 403}:
        return f"{provider} does not accept the key; check {key_variable(provider)}" + (
            f" for {base_url}" if base_url else ""
        )
    if failure.status in {402, 429}:
        return (
            f"the account at {provider} has no credit left; top it up, or set another key in {key_variable(provider)}"
        )
    where = base_url or provider
    return f"{where} has no such model; check its name" + (" and --base-url" if base_url else "")
