"""What a campaign's models may cost, from the prompts that this very task makes; nothing is asked and nothing kept."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evolver.agents.llm import llm_team
from evolver.agents.llm.agent import TURNS
from evolver.agents.llm.coder import REPAIR_TURNS
from evolver.agents.llm.researcher import ASKED_AGAIN
from evolver.agents.llm.token_budget import TokenBudget
from evolver.contracts import (
    Budget,
    Call,
    Campaign,
    Operator,
    Program,
    Proposal,
    Record,
    Standing,
    Trial,
    Verdict,
    VerdictKind,
)
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.environment import sandbox_for
from evolver.graph.context import Context
from evolver.graph.resolved_run import ResolvedRun
from evolver.graph.team_factory import ROLES
from evolver.llm import BudgetSpent, Conversation, ModelSpec, Redactor, models_for, parse_models
from evolver.llm.budget import BYTES_PER_TOKEN
from evolver.llm.conversation import REPAIRS, Exchange
from evolver.llm.pricing import Prices, load_prices, prices_file
from evolver.memory import Archive, Conclusion, Memory, read_notes
from evolver.search import skeleton

DENSE = 4.0
"""Bytes of a prompt that a tokeniser makes one token of at best; at worst BYTES_PER_TOKEN."""
SHORT_ANSWER = 200
"""Tokens of a brief answer."""
MOST_CALLS = {"researcher": 1 + REPAIRS + 2 * ASKED_AGAIN, "coder": 1 + REPAIR_TURNS, "critic": 2}
"""For one experiment, where every answer has to be repaired."""
TYPICAL_ANSWER, TYPICAL_REPAIRS, TYPICAL_GROWTH = 2000, 0.25, 2.0
"""Assumed of a typical campaign: tokens of an answer, its repairs, and how much longer prompts are than the first."""
TYPICAL_TURNS = 3
"""Of a role with tools, for an answer."""
TYPICAL_SHARE = 0.5
"""Of the experiments, those that the hybrid team gives to models."""
LEAST_CALLS = {"researcher": 1, "coder": 1, "critic": 0}


class Amount(Record):
    """Tokens, and dollars; None where the price of a model is unknown."""

    tokens: int = 0
    usd: float | None = 0.0


class CostEstimate(Record):
    """What models may cost, at least, typically and at most; caps are kept to."""

    least: Amount = Amount()
    typical: Amount = Amount()
    most: Amount = Amount()

    @property
    def unknown(self) -> bool:
        """Whether the price of a model is unknown."""
        return self.most.usd is None


def usual_range(estimate: CostEstimate) -> tuple[Amount, Amount]:
    """Between which amounts campaigns usually end: half and twice the typical one, within the least and the most."""
    typical, ends = estimate.typical, list[Amount]()
    for factor, end in ((0.5, estimate.least), (2.0, estimate.most)):
        inner = max if factor < 1.0 else min
        known = typical.usd is not None and end.usd is not None
        ends.append(
            Amount(
                tokens=inner(end.tokens, round(factor * typical.tokens)),
                usd=inner(end.usd or 0.0, factor * (typical.usd or 0.0)) if known else None,
            )
        )
    return ends[0], ends[1]


class _Listener(Conversation):
    """Hears what is asked, and never answers."""

    def __init__(self, archive: Archive, campaign: str) -> None:
        super().__init__(archive, campaign, answer_tokens=1, redactor=Redactor())
        self.sizes: dict[str, int] = {}
        """Bytes of the prompt, by role."""

    async def _call(self, asking: Exchange) -> Call:
        self.sizes[asking.role] = asking.question.size()
        raise BudgetSpent("this is an estimate")


async def estimate_cost(resolved: ResolvedRun, baseline: Trial, experiments: int) -> CostEstimate:
    """What the team's models may cost for so many experiments. Raises UsageError where words name no model."""
    context, settings = resolved.context, resolved.settings
    team_spec = await asyncio.to_thread(lambda: resolved.team_spec)
    if team_spec.team == "offline":
        return CostEstimate()
    choices = parse_models(team_spec.models, team_spec.base_url)
    for role in ROLES:
        models_for(choices, role)
    sizes = await _prompt_sizes(resolved, baseline)
    prices = load_prices(prices_file(settings.home, settings))
    few = len(models_for(choices, "researcher")) if team_spec.team == "hybrid" else experiments
    least, typical, most = Amount(), Amount(), Amount()
    asked = experiments * (TYPICAL_SHARE if team_spec.team == "hybrid" else 1.0)
    for role in ROLES:
        models = models_for(choices, role)
        size = sizes.get(role, sizes["coder"])
        brief = (int(size / DENSE), SHORT_ANSWER)
        long = (int(size / BYTES_PER_TOKEN) + TokenBudget().tokens + settings.answer_tokens, settings.answer_tokens)
        usual = (int(TYPICAL_GROWTH * size / DENSE), TYPICAL_ANSWER)
        cheap, fair, expensive = (_bills(models, prices, tokens) for tokens in (brief, usual, long))
        looks = context.tools == "on" and role != "critic"
        turns = TYPICAL_TURNS if looks else 1
        least = _add(least, min(few, experiments) * LEAST_CALLS[role], brief, min(cheap) if cheap else None)
        mean = sum(fair) / len(fair) if fair else None
        typical = _add(typical, round(asked * (turns + TYPICAL_REPAIRS)), usual, mean)
        calls = MOST_CALLS[role] + (TURNS if looks else 0)
        most = _add(most, experiments * calls, long, max(expensive) if expensive else None)
    return CostEstimate(least=_capped(least, context), typical=_capped(typical, context), most=_capped(most, context))


def _bills(models: Sequence[ModelSpec], prices: Prices, tokens: tuple[int, int]) -> list[float] | None:
    """Dollars of one call of each of these models; None where one's price is unknown."""
    known = [price.cost(*tokens) for model in models if (price := prices.of(model)) is not None]
    return known if len(known) == len(models) else None


def _add(sum_: Amount, calls: int, tokens: tuple[int, int], usd: float | None) -> Amount:
    return Amount(
        tokens=sum_.tokens + calls * sum(tokens),
        usd=None if usd is None or sum_.usd is None else sum_.usd + calls * usd,
    )


def _capped(amount: Amount, context: Context) -> Amount:
    """No more than the campaign may spend."""
    tokens = amount.tokens if context.tokens is None else min(amount.tokens, context.tokens)
    usd = amount.usd if context.cost is None or amount.usd is None else min(amount.usd, context.cost)
    return Amount(tokens=tokens, usd=usd)


async def _prompt_sizes(resolved: ResolvedRun, baseline: Trial) -> dict[str, int]:
    """Bytes of the first prompts of a campaign on this task, by role."""
    with tempfile.TemporaryDirectory(prefix="evolver-forecast-") as folder:
        resources = await asyncio.to_thread(_open, resolved, Path(folder))
        try:
            return await _listen(resources, resolved.context, baseline)
        finally:
            await resources.close()
            resources.archive.close()


def _open(resolved: ResolvedRun, home: Path) -> CampaignResources:
    """A campaign on the task in an archive of its own, whatever archive the environment names."""
    context, task = resolved.context, resolved.task
    archive = Archive.open(home / "archive.sqlite")
    campaign = Campaign(
        name="forecast",
        task=context.task,
        task_version=task.version,
        metric=task.metric,
        stage=resolved.stage,
        seed=context.seed,
        workers=1,
        budget=Budget(experiments=context.experiments or task.spec.budget.experiments),
        sandbox=resolved.sandbox_kind,
    )
    archive.campaigns.add(campaign)
    return CampaignResources(
        name=campaign.name,
        home=home,
        archive=archive,
        memory=Memory.open(home / "memory"),
        task=task,
        sandbox=sandbox_for(task, campaign.sandbox, 1, hidden=(home,), stage=campaign.stage),
    )


async def _listen(resources: CampaignResources, context: Context, baseline: Trial) -> dict[str, int]:
    archive, name, task = resources.archive, resources.name, resources.task
    notes = read_notes([*([task.notes] if task.notes else []), *context.notes], task.name)
    resources.memory.add_notes(await archive.run(archive.notes.save, notes))
    parent = await archive.run(_record_baseline, archive, name, task.baseline(), baseline, task.metric.name)
    listener = _Listener(archive, name)
    team = await archive.run(llm_team, resources, listener)
    for seq, role in enumerate(("researcher", "coder")):
        experiment = await archive.run(archive.leases.acquire, name, 0, seq)
        assert experiment is not None
        if role == "coder":
            words = "x" * 500
            proposal = Proposal(hypothesis=words, plan=words, operator=Operator.EDIT, parents=(parent,), author="x")
            await archive.run(archive.experiments.add_proposal, experiment.id, proposal)
        with suppress(BudgetSpent):
            await (team.researcher.propose(experiment.id) if role == "researcher" else team.coder.code(experiment.id))
    return listener.sizes


def _record_baseline(archive: Archive, campaign: str, program: Program, trial: Trial, metric: str) -> str:
    """The baseline as a campaign would have it after its one trial; its id."""
    experiment = archive.leases.acquire(campaign, -1, 0)
    assert experiment is not None
    archive.experiments.add_proposal(
        experiment.id, Proposal(hypothesis="the task's own program", plan="run it", operator=Operator.BASELINE)
    )
    archive.experiments.add_program(experiment.id, program, skeleton(program))
    score = trial.metrics[metric]
    archive.campaigns.update(campaign, noise=0.0, noise_replicates=1)
    archive.experiments.conclude(
        Conclusion(
            experiment=experiment.id,
            verdict=Verdict(kind=VerdictKind.IMPROVED, reason="the baseline"),
            standing=Standing.CONFIRMED,
            score=score,
            interval=(score, score),
            champion=True,
        )
    )
    return experiment.id
