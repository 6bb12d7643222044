"""A campaign that begins with what an earlier one found: its best programs are the first experiments.

They are measured anew, beside this campaign's baseline, and say where they come from; nothing is believed that was
scored elsewhere. What was learnt there counts from the beginning (`recall.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from evolver.agents.roles import Coder, Researcher, Team
from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.errors import UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.search import skeleton


class EarlierProgram(NamedTuple):
    """A program of an earlier campaign."""

    program: Program
    experiment: Experiment


def warm_started(resources: CampaignResources, team: Team, *, most: int = 3) -> Team:
    """The team of a campaign that begins with another's programs.

    Args:
        resources: Those of the campaign, which names the earlier one.
        team: What follows after the first experiments.
        most: Programs that are taken over, each of a skeleton of its own, the earlier champion first.

    Returns:
        The same team; researcher and coder see to the first experiments.
    """
    start = WarmStart(resources, team.researcher, team.coder, most)
    return replace(team, researcher=start, coder=start)


class WarmStart:
    """Researcher and coder of the experiments that take over a program; the team's own do the others."""

    def __init__(self, resources: CampaignResources, researcher: Researcher, coder: Coder, most: int) -> None:
        self._resources, self._researcher, self._coder = resources, researcher, coder
        self._most = most

    async def propose(self, experiment_id: str) -> Proposal:
        """The proposal to take over the next of the earlier programs, or the team's."""
        taken_over = await self._resources.archive.run(self._taken_over, experiment_id)
        return taken_over or await self._researcher.propose(experiment_id)

    def _taken_over(self, experiment_id: str) -> Proposal | None:
        """The proposal to take over a program, kept; None where none is left, or there is a proposal already."""
        archive = self._resources.archive
        experiment = archive.experiments.get(experiment_id)
        if experiment.proposal is not None or not 1 <= experiment.number <= self._most:
            return None
        sources = self._sources()
        if experiment.number > len(sources):
            return None
        source = sources[experiment.number - 1].experiment
        baseline = archive.experiments.by_number(self._resources.name, 0)
        plan = f"take over the program of experiment {source.number} of campaign {source.campaign}"
        proposal = Proposal(
            hypothesis=f"{plan[:1].upper()}{plan[1:]}, which was among its best, improves on the baseline here too.",
            plan=plan,
            operator=Operator.RECALL,
            parents=(baseline.id,),
            recipe={
                "operator": str(Operator.RECALL),
                "program": source.program,
                "campaign": source.campaign,
                "experiment": source.number,
            },
        )
        return archive.experiments.add_proposal(experiment_id, proposal).proposal or proposal

    async def code(self, experiment_id: str) -> Program | None:
        """The program that is taken over, or what the team's coder writes."""
        return await self._resources.archive.run(self._known, experiment_id) or await self._coder.code(experiment_id)

    def _known(self, experiment_id: str) -> Program | None:
        """The program that is taken over, kept; None where the experiment takes over none, or has its program."""
        archive = self._resources.archive
        experiment = archive.experiments.get(experiment_id)
        proposal = experiment.proposal
        if proposal is None or proposal.operator != Operator.RECALL or experiment.program is not None:
            return None

        program = archive.programs.get(str(proposal.recipe["program"]))
        archive.experiments.add_program(experiment_id, program, skeleton(program))
        return program

    def _sources(self) -> Sequence[EarlierProgram]:
        """The earlier campaign's champion and best programs that fit this task, none that does what another does."""
        resources, archive = self._resources, self._resources.archive
        name = resources.campaign.from_campaign
        baseline = resources.task.baseline()
        try:
            champion = archive.experiments.champion(name)
            candidates = [*([champion] if champion else []), *archive.experiments.pool(name)]
        except UnknownName:  # a recording that was brought here without it
            return ()
        found: dict[str | None, EarlierProgram] = {}
        for experiment in candidates:
            if experiment.program is None or experiment.score is None or experiment.skeleton in found:
                continue
            program = archive.programs.get(experiment.program)
            fits = program.files.keys() == baseline.files.keys() and not resources.operators.check(program)
            if fits and program.id != baseline.id:
                found[experiment.skeleton] = EarlierProgram(program, experiment)
        return list(found.values())[: self._most]
