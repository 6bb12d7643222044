"""The researcher: proposes the next change from memory."""

from __future__ import annotations

import asyncio
import threading

from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.drawing import Draw, Drawer
from evolver.agents.offline.likely_effect import LikelyEffect
from evolver.agents.offline.proposal_inputs import InputReader, ProposalInputs
from evolver.agents.retrieval import Retriever
from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.contracts.event import GaveUp
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.logging import get_logger
from evolver.search.normal_form import normal_form

_log = get_logger(__name__)
LONGEST_REASON = 400


class OfflineResearcher:
    """Searches programs without a model.

    Each technique of the notes is tried once on each good program skeleton, most promising by lessons first; then a
    UCB1 bandit over operators decides by what each has earned. Draws depend on the campaign's seed, the experiment's
    number and the archive alone. While a focus is in force most proposals are about it; what is to be avoided is never
    drawn; most proposals start from the pinned experiment.

    Args:
        resources: Those of the campaign.
        coder: Carries out recipes.
        reader: Reads what proposals are decided by; the usual one unless given.
        drawer: Finds what to try; the usual one unless given.
    """

    def __init__(
        self,
        resources: CampaignResources,
        coder: OfflineCoder,
        *,
        reader: InputReader | None = None,
        drawer: Drawer | None = None,
    ) -> None:
        self._resources = resources
        self._coder = coder
        self._reader = reader or InputReader(resources, Retriever(resources))
        self._drawer = drawer or Drawer(resources)
        self._likely = LikelyEffect(resources)
        self._proposing = threading.Lock()
        self._claimed: set[str] = set()
        """Forms of programs that were proposed in this process; the archive knows them only once they are coded."""

    async def propose(self, experiment_id: str) -> Proposal:
        """Draw recipes until one gives a new program that passes the cheap checks."""
        experiment = self._resources.archive.experiments.get(experiment_id)
        return await asyncio.to_thread(self._propose, experiment)

    def _propose(self, experiment: Experiment) -> Proposal:
        """One lane at a time, so that two never propose the same."""
        with self._proposing:
            return self._find(experiment)

    def _find(self, experiment: Experiment) -> Proposal:
        inputs, refused = self._inputs(experiment), ""
        for draw in self._drawer.draws(inputs):
            program = self._coder.make(draw.recipe, (draw.parent, *draw.others))
            if program is not None and self._is_wanted(draw, program, inputs):
                faults = self._coder.faults(program)
                if not faults:
                    self._claimed.add(normal_form(program, self._resources.repeats.entry, hopeful=True))
                    return self._record(experiment, draw, self._proposal(draw, inputs))
                refused = refused or faults[0]
            _log.debug("%s: %s of %s gave nothing new", experiment.id, draw.operator, draw.parent.id)
            inputs.misses.update((draw.operator, draw.parent.id))
        return self._nothing(experiment, inputs, refused)

    def _nothing(self, experiment: Experiment, inputs: ProposalInputs, refused: str) -> Proposal:
        """An experiment without a plan; `refused` is what the checks had against the first new program."""
        reason = f"every new program failed the static checks: {refused}"
        nothing = Proposal(
            hypothesis=reason if refused else "no operator found a program that was not tried before",
            plan="nothing to run",
            operator=Operator.EDIT,
            notes=inputs.known.notes,
            lessons_withheld=inputs.known.withheld,
            directives=inputs.guidance.ids,
        )
        self._resources.archive.experiments.add_proposal(experiment.id, nothing)
        self._resources.archive.directives.mark_used(nothing.directives, experiment.id)
        if refused:
            gave_up = GaveUp(role="researcher", reason=reason[:LONGEST_REASON], check="the static checks")
            self._resources.archive.events.add(self._resources.name, gave_up, experiment.id)
        return nothing

    def _inputs(self, experiment: Experiment) -> ProposalInputs:
        return self._reader.read(experiment, self._turn(experiment))

    def _turn(self, experiment: Experiment) -> int:
        """Which of this researcher's proposals this is, from 1; its draws depend on it."""
        return experiment.number

    def _is_wanted(self, draw: Draw, program: Program, inputs: ProposalInputs) -> bool:
        """Whether a program is new, is likely to do something else, and brings in nothing that is to be left out."""
        parent = self._resources.program(draw.parent)
        if not self._is_new(program) or inputs.guidance.brings_in(program, parent):
            return False
        return self._likely.accepts(draw, program, inputs.rng)

    def _is_new(self, program: Program) -> bool:
        repeats = self._resources.repeats
        form = normal_form(program, repeats.entry, hopeful=True)
        return form not in self._claimed and repeats.owner(program) is None and repeats.promises(program)

    def _record(self, experiment: Experiment, draw: Draw, proposal: Proposal) -> Proposal:
        resources = self._resources
        technique, skeleton = draw.recipe.get("technique"), draw.parent.skeleton
        covered = [(skeleton, str(technique))] if technique and skeleton else []
        resources.archive.experiments.add_proposal(experiment.id, proposal, covered)
        resources.archive.directives.mark_used(proposal.directives, experiment.id)
        resources.memory.add_idea(experiment.id, resources.name, f"{proposal.hypothesis} {proposal.plan}")
        return proposal

    def _proposal(self, draw: Draw, inputs: ProposalInputs) -> Proposal:
        operators, metric, known = self._resources.operators, self._resources.task.metric, inputs.known
        plan, component = operators.describe(draw.recipe)
        for other in draw.others:
            plan = plan.replace(f"program {other.program}", f"experiment {other.number}")
        technique = operators.library.techniques.get(str(draw.recipe.get("technique", "")))
        cause = f" (note: {technique.title})" if technique else ""
        score = "" if draw.parent.score is None else f", now {draw.parent.score:.6g}"
        if operators.repairs(draw.operator):
            aim = f"makes experiment {draw.parent.number} run"
        else:
            aim = f"improves {metric.name} of experiment {draw.parent.number}{score}"
        notes = known.notes if technique is None else (technique.note, *(n for n in known.notes if n != technique.note))
        return Proposal(
            hypothesis=f"{plan[:1].upper()}{plan[1:]}{cause} {aim}.",
            plan=plan,
            operator=draw.operator,
            parents=(draw.parent.id, *(other.id for other in draw.others)),
            component=component,
            recipe=draw.recipe,
            notes=notes,
            lessons=tuple(lesson.id for lesson in known.lessons),
            lessons_withheld=known.withheld,
            directives=inputs.guidance.ids,
        )
