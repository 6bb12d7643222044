"""The researcher: proposes the next change from memory."""

from __future__ import annotations

import asyncio
import random
import threading
from dataclasses import dataclass

from evolver.agents.change_history import ChangeHistory
from evolver.agents.offline.coder import OfflineCoder
from evolver.agents.offline.draw_values import DrawValues
from evolver.agents.offline.drawing import Draw, Drawer
from evolver.agents.offline.likely_effect import LikelyEffect
from evolver.agents.offline.proposal_inputs import InputReader, ProposalInputs
from evolver.agents.retrieval import Retriever
from evolver.contracts import Experiment, Operator, Program, Proposal
from evolver.contracts.experiment_events import GaveUp
from evolver.contracts.proposal import MemoryUse
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.logging import get_logger
from evolver.search.normal_form import normal_form

_log = get_logger(__name__)
LONGEST_REASON = 400


@dataclass(frozen=True)
class Found:
    """What one way of drawing came to."""

    draw: Draw | None = None
    program: Program | None = None
    """What it gives."""
    refused: str = ""
    """What the checks had against the first new program, where there is no draw."""


class OfflineResearcher:
    """Searches programs without a model.

    Techniques that a good program skeleton has not seen, and operators, are drawn by what they may be worth: a sample
    of what all experiments say. Draws depend on the campaign's seed, the experiment's number and the archive alone.
    While a focus is in force most proposals are about it; what is to be avoided is never drawn; most proposals start
    from the pinned experiment.

    Each proposal is also made as if nothing had been learnt. Where the two differ, now and then at random the one
    without memory is tried: what memory is worth is the difference between both kinds.

    Args:
        resources: Those of the campaign.
        coder: Carries out recipes.
        history: What was tried, with what came of it.
        held_out: Share of decisions which memory changes that are taken without it.
        reader: Reads what proposals are decided by; the usual one unless given.
        drawer: Finds what to try; the usual one unless given.
    """

    def __init__(
        self,
        resources: CampaignResources,
        coder: OfflineCoder,
        history: ChangeHistory,
        *,
        held_out: float = 0.2,
        reader: InputReader | None = None,
        drawer: Drawer | None = None,
    ) -> None:
        self._resources = resources
        self._coder = coder
        self._history, self._held_out = history, held_out
        self._reader = reader or InputReader(resources, history, Retriever(resources, held_out=0.0))
        self._drawer = drawer or Drawer(resources)
        self._likely = LikelyEffect(resources)
        self._proposing = threading.Lock()
        self._claimed: set[str] = set()
        """Forms of programs that were proposed in this process; the archive knows them only once they are coded."""

    async def propose(self, experiment_id: str) -> Proposal:
        """Draw recipes until one gives a new program that passes the cheap checks."""
        archive = self._resources.archive
        experiment = await archive.run(archive.experiments.get, experiment_id)
        return await asyncio.to_thread(self._propose, experiment)

    def _propose(self, experiment: Experiment) -> Proposal:
        """One lane at a time, so that two never propose the same."""
        with self._proposing:
            return self._find(experiment)

    def _find(self, experiment: Experiment) -> Proposal:
        inputs = self._inputs(experiment)
        blank = inputs.without_memory(DrawValues(self._history, inputs.values.key, informed=False))
        found = self._first_new(experiment, inputs)
        if not found.draw or not inputs.values.informed or not self._history.has_learnt:
            return self._take(experiment, found, inputs)
        other = self._first_new(experiment, blank)
        if other.draw is None or other.program == found.program:
            return self._take(experiment, found, inputs)
        if random.Random(f"{inputs.values.key}/held out").random() < self._held_out:
            return self._take(experiment, other, inputs, memory="withheld")
        return self._take(experiment, found, inputs, memory="told")

    def _first_new(self, experiment: Experiment, inputs: ProposalInputs) -> Found:
        """The first draw that gives a new program which passes the cheap checks."""
        refused = ""
        for draw in self._drawer.draws(inputs):
            program = self._coder.make(draw.recipe, (draw.parent, *draw.others))
            if program is not None and self._is_wanted(draw, program, inputs):
                faults = self._coder.faults(program)
                if not faults:
                    return Found(draw, program)
                refused = refused or faults[0]
            _log.debug("%s: %s of %s gave nothing new", experiment.id, draw.operator, draw.parent.id)
            inputs.misses.update((draw.operator, draw.parent.id))
        return Found(refused=refused)

    def _take(self, experiment: Experiment, found: Found, inputs: ProposalInputs, memory: MemoryUse = "") -> Proposal:
        if found.draw is None or found.program is None:
            return self._nothing(experiment, inputs, found.refused)
        self._claimed.add(normal_form(found.program, self._resources.repeats.entry, hopeful=True))
        proposal = self._proposal(found.draw, inputs).model_copy(
            update={
                "memory": memory,
                "lessons_withheld": memory == "withheld",
                **({"lessons": ()} if memory == "withheld" else {}),
            }
        )
        return self._record(experiment, found.draw, proposal)

    def _nothing(self, experiment: Experiment, inputs: ProposalInputs, refused: str) -> Proposal:
        """An experiment without a plan; `refused` is what the checks had against the first new program."""
        reason = f"every new program failed the static checks: {refused}"
        nothing = Proposal(
            hypothesis=reason if refused else "no operator found a program that was not tried before",
            plan="nothing to run",
            operator=Operator.EDIT,
            notes=inputs.known.notes,
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
            directives=inputs.guidance.ids,
        )
