"""Asks the models of one open campaign; every answer is in the archive before anything is done with it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evolver.contracts import Budget, Call, CallStatus
from evolver.contracts.model_events import CallRefused, ParameterDropped
from evolver.errors import BudgetSpent, NoUsableAnswer
from evolver.llm.budget import BudgetLedger
from evolver.llm.call_log import CallLog, call_id
from evolver.llm.conversation import Answer, Conversation, Exchange
from evolver.llm.model_spec import ROLES, ModelSpec, Role, in_order, models_for
from evolver.llm.pricing import Prices, load_prices, prices_file
from evolver.llm.provider import RetryPolicy
from evolver.llm.replies import Reply
from evolver.llm.router import CallCost, Router
from evolver.logging import get_logger
from evolver.redaction import Redactor
from evolver.settings import Settings

_log = get_logger(__name__)

if TYPE_CHECKING:
    from evolver.memory import Archive

__all__ = ["Answer", "ModelClient"]


class ModelClient(Conversation):
    """The models of one campaign in one process and one event loop.

    A question that the archive has an answer to (same experiment, role, purpose and prompt) is answered from there,
    free of charge, once for every time that it was paid.
    """

    def __init__(
        self,
        archive: Archive,
        campaign: str,
        choices: Sequence[ModelSpec],
        *,
        prices: Prices | None = None,
        retry_policy: RetryPolicy | None = None,
        settings: Settings | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        """Raises UsageError where dollars are capped and a model's price is unknown, or a price file is wrong."""
        settings = settings or Settings()
        super().__init__(archive, campaign, answer_tokens=settings.answer_tokens, redactor=redactor or Redactor())
        record = archive.campaigns.get(campaign)
        self._seed = record.seed
        self._choices = tuple(choices)
        self._recordings = CallLog(archive, campaign)
        self._ledger = BudgetLedger(record.budget, archive.calls.spent(campaign))
        self._exchange = Router(
            ledger=self._ledger,
            prices=prices or load_prices(prices_file(settings.home, settings)),
            retry_policy=retry_policy or RetryPolicy(request=settings.request_seconds, outage=settings.outage_seconds),
            redactor=self._redactor,
            tell=self._tell,
            notice=self._notice,
        )
        for choice in self._choices:
            self._exchange.model(choice)

    def check(self, roles: Sequence[Role] = ROLES) -> None:
        """Open the models of these roles without asking them anything; takes seconds, since libraries are imported.

        Raises UsageError where a role has no model, or a package or a key is missing.
        """
        for role in roles:
            for choice in models_for(self._choices, role):
                self._exchange.model(choice).check()

    def is_down(self, model: ModelSpec) -> bool:
        """Whether a model's provider gives no answers at the moment."""
        return self._exchange.is_down(model)

    def give_up(self) -> None:
        """Wait no longer for providers that are down: who asks hears ProviderDown."""
        self._exchange.give_up()

    def allow(self, budget: Budget) -> None:
        """Keep another budget from now on, as when the person steering raises it."""
        self._ledger.allow(budget)

    async def _call(self, asking: Exchange) -> Call:
        recording = await self._recordings.of(asking.experiment, asking.role, asking.purpose)
        recorded = recording.take(asking.prompt)
        if recorded is not None:
            return recorded
        return await self._pay(asking, recording.place(asking.prompt))

    async def _pay(self, asking: Exchange, ordinal: int) -> Call:
        """A new answer, kept as soon as it is there; also a failure is kept, with what it may have cost."""
        tab, start = CallCost(experiment=asking.experiment), time.monotonic()
        try:
            reply = await self._exchange.send(asking.question, self._order(asking), tab)
        except BudgetSpent as error:
            refused = CallRefused(role=asking.role, purpose=asking.purpose, reason=str(error))
            await self._tell(refused, asking.experiment)
            await self._keep_failed(asking, ordinal, tab, time.monotonic() - start, error)
            raise
        except (Exception, asyncio.CancelledError) as error:
            await self._keep_failed(asking, ordinal, tab, time.monotonic() - start, error)
            if tab.attempts and isinstance(error, NoUsableAnswer):
                await self._lose(asking, str(error))
            raise
        call = self._record(asking, ordinal, tab, time.monotonic() - start, reply)
        await self._keep(call)
        _log.debug(
            "%s answered %s (%s) for %s: %s, %d + %d tokens in %.1f s",
            call.model,
            call.role,
            call.purpose,
            call.experiment,
            call.status,
            call.tokens_in,
            call.tokens_out,
            call.seconds,
        )
        return call

    async def _keep_failed(
        self, asking: Exchange, ordinal: int, tab: CallCost, seconds: float, error: BaseException
    ) -> None:
        """Keep what attempts without an answer may have cost."""
        if tab.attempts:
            lost = isinstance(error, NoUsableAnswer)
            await self._keep(self._record(asking, ordinal, tab, seconds, _failure(error), lost=lost))

    def _order(self, asking: Exchange) -> Sequence[ModelSpec]:
        if asking.model is not None:
            return (asking.model,)
        rng = random.Random(f"{self._seed}/{asking.experiment}/{asking.role}/{asking.purpose}")
        choices = in_order(models_for(self._choices, asking.role), rng)
        first = self._preferred.get((asking.experiment, asking.role))
        return choices if first is None else (first, *(choice for choice in choices if choice != first))

    def _record(
        self, asking: Exchange, ordinal: int, tab: CallCost, seconds: float, reply: Reply | str, *, lost: bool = False
    ) -> Call:
        """The call as the archive keeps it; `reply` is the error's text where there is no answer."""
        return Call(
            id=call_id(self._campaign, asking.experiment, asking.role, asking.purpose, ordinal),
            campaign=self._campaign,
            experiment=asking.experiment,
            role=asking.role,
            purpose=asking.purpose,
            ordinal=ordinal,
            model=tab.model,
            prompt=asking.prompt,
            messages=asking.question.messages,
            reply=(reply.refusal or reply.text) if isinstance(reply, Reply) else "",
            tool_calls=reply.calls if isinstance(reply, Reply) else (),
            status=_status(reply) if isinstance(reply, Reply) else CallStatus.ERROR,
            error="" if isinstance(reply, Reply) else self._redactor(reply),
            tokens_in=tab.tokens_in,
            tokens_cached=tab.tokens_cached,
            tokens_out=tab.tokens_out,
            estimated=tab.estimated,
            usd=tab.usd,
            seconds=seconds,
            attempts=tab.attempts,
            lost=lost,
        )

    async def _keep(self, call: Call) -> None:
        """Write a call although the campaign may be stopping: it is paid."""
        await self._archive.run(self._archive.calls.add, call)

    async def _notice(self, model: str, difference: str) -> None:
        await self._tell(ParameterDropped(model=model, difference=difference))


def _status(reply: Reply) -> CallStatus:
    if reply.refusal:
        return CallStatus.REFUSED
    return CallStatus.TRUNCATED if reply.truncated else CallStatus.OK


def _failure(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
