"""Passes over changes of a kind that has had no effect before."""

from __future__ import annotations

import random

from evolver.agents.offline.drawing import Draw
from evolver.contracts import Experiment, Program, VerdictKind
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.conclusions import Conclusions
from evolver.search.effect_odds import EffectOdds, features_of


class LikelyEffect:
    """Accepts draws by their chance of an effect, learnt from the campaign's experiments.

    Args:
        resources: Those of the campaign.
        odds: Counts by feature; empty ones with the usual prior unless given.
        sure: Chance from which a draw is always accepted; below, by a power of its share of this.
        power: The higher, the more seldom a draw with a lower chance is accepted.
    """

    def __init__(
        self, resources: CampaignResources, *, odds: EffectOdds | None = None, sure: float = 0.75, power: float = 6.0
    ) -> None:
        self._resources = resources
        self._odds = odds or EffectOdds()
        self._sure, self._power = sure, power
        self._conclusions = Conclusions(resources)

    def accepts(self, draw: Draw, program: Program, rng: random.Random) -> bool:
        """Whether a draw is worth a trial as far as like changes tell."""
        self._look()
        technique = str(draw.recipe.get("technique", ""))
        chance = self._odds.chance(self._features(draw.parent, program, draw.operator, technique))
        return chance >= self._sure or rng.random() < (chance / self._sure) ** self._power

    def _features(self, parent: Experiment, program: Program, operator: str, technique: str) -> list[str]:
        """What a change of a parent is like; the same change, place and operator on a parent that does the same too."""
        resources, verdict = self._resources, parent.verdict
        repeats = verdict is not None and verdict.kind is VerdictKind.NO_EFFECT
        does = verdict.reference if repeats and verdict is not None else parent.id
        before = resources.program(parent)
        found = features_of(before, program, resources.repeats.entry, operator, technique)
        return [*found, *(f"{one}@{does}" for one in found), f"{operator}@{does}"]

    def _look(self) -> None:
        """Learn from what was concluded since."""
        for experiment in self._conclusions.new():
            self._learn(experiment)

    def _learn(self, experiment: Experiment) -> None:
        proposal, verdict, resources = experiment.proposal, experiment.verdict, self._resources
        if proposal is None or verdict is None or not proposal.parents or experiment.program is None:
            return
        if proposal.author:
            return  # a model's changes say nothing of what operators draw
        parent = resources.archive.experiments.get(proposal.parents[0])
        if parent.program is not None:
            technique = str(proposal.recipe.get("technique", ""))
            features = self._features(parent, resources.program(experiment), proposal.operator, technique)
            self._odds.learn(features, verdict.kind is not VerdictKind.NO_EFFECT)
