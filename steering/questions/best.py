"""Which experiment is the best, and why."""

from __future__ import annotations

from evolver.contracts import FIRST_FRESH_SEED, Experiment
from evolver.contracts.champion_events import Retested
from evolver.contracts.review_events import Ablated
from evolver.formatting import counted
from evolver.steering.intents import Inquiry
from evolver.steering.question_type import BEST, ONE, CampaignFacts, QuestionType, gain, standing
from evolver.steering.questions.failures import why_failed

LINEAGE = 6
"""Ancestors that are named."""


class BestQuestion(QuestionType):
    """Why the champion is the champion."""

    kind = "best"
    examples = ("why is the best the best?", "why is 41 best?")
    patterns = (
        rf"why (?:is|was) (?:{ONE}|it|{BEST}|this)(?: now)?(?: the| so)? "
        r"(?:best|champion|better|good|winning|winner).*",
        rf"(?:what|which)(?: experiment| program| one)? ?(?:is|'s|was) {BEST}(?: score| result)?",
        rf"(?:show(?: me)? )?{BEST}",
    )

    def answer(self, facts: CampaignFacts, inquiry: Inquiry) -> list[str]:
        """What it beat, what it does, where it comes from, and what it has on fresh replicates."""
        archive, champion = facts.archive, facts.archive.experiments.champion(facts.campaign)
        if champion is None:
            return [why_failed(facts) or "There is no best one yet: the baseline is being measured."]
        lines = []
        asked = inquiry.numbers[0] if inquiry.about == self.kind and inquiry.numbers else champion.number
        if asked != champion.number:
            other = facts.by_number(asked)
            lines.append(f"Experiment {asked} is not the best: {standing(other)} The best is {champion.number}.")
        if champion.number == 0:
            return [
                *lines,
                f"The baseline (experiment 0) is still the best: {facts.score(champion)}. "
                f"None of {archive.campaigns.counts(facts.campaign).finished} experiments beat it with evidence.",
            ]
        lines.append(f"Experiment {champion.number} is the best: {facts.score(champion)}.")
        verdict, proposal = champion.verdict, champion.proposal
        if verdict is not None and verdict.delta is not None and verdict.reference:
            before = archive.experiments.get(verdict.reference)
            noun = "fresh replicate" if min(verdict.seeds, default=0) >= FIRST_FRESH_SEED else "replicate"
            lines.append(
                f"It beat experiment {before.number}, the champion before it, by "
                f"{gain(verdict.delta, verdict.interval)} on {counted(len(verdict.seeds), noun)}."
            )
        if proposal is not None:
            lines.append(f"What it does: {proposal.plan}.")
        line = _lineage(facts, champion)
        if len(line) > 1:
            lines.append("It comes from: " + ", from ".join(_step(e) for e in line[1:]) + ".")
        return [*lines, *_retested(facts, champion), *_ablated(facts, champion)]


def _lineage(facts: CampaignFacts, experiment: Experiment) -> list[Experiment]:
    line = [experiment]
    while len(line) < LINEAGE and (proposal := line[-1].proposal) is not None and proposal.parents:
        line.append(facts.archive.experiments.get(proposal.parents[0]))
    return line


def _step(experiment: Experiment) -> str:
    if experiment.number == 0 or experiment.proposal is None:
        return "the baseline (0)"
    plan = experiment.proposal.plan
    return f"{experiment.number} ({plan if len(plan) < 80 else f'{plan[:77]}...'})"


def _retested(facts: CampaignFacts, champion: Experiment) -> list[str]:
    lines = []
    for event in facts.archive.events.list(facts.campaign, kind=Retested, newest=1):
        if event.experiment == champion.id:
            lines.append(
                f"On fresh replicates (held-out) it has {event.data.mean:.6g}, "
                f"{gain(event.data.delta, event.data.interval)} against the baseline (experiment 0)."
            )
    return lines


def _ablated(facts: CampaignFacts, champion: Experiment) -> list[str]:
    """What most of the gain is owed to, or how to find out."""
    events = facts.archive.events.list(facts.campaign, kind=Ablated, newest=50)
    found = [event.data for event in events if event.experiment == champion.id]
    if not found or not found[-1].parts:
        return [f"`ablate {champion.number}` shows what each change is worth."]
    top = found[-1].parts[0]
    worth = "the program fails without it" if top.gain is None else f"worth {top.gain:+.4g}"
    return [f"Ablation: most of it is owed to: {top.change} ({worth})."]
