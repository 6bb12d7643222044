"""The coder that asks a model for the program, and has it repaired until it passes the cheap checks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from evolver.agents.llm.changed_files import allow_files
from evolver.agents.llm.experiment_table import mean_metrics
from evolver.agents.llm.note_views import shown_notes
from evolver.agents.llm.program_view import files_view
from evolver.agents.llm.prompting import Prompted, Prompter
from evolver.agents.llm.rendering import dossier, feedback_words, is_whole, result_words, task_view
from evolver.agents.llm.sandbox_checks import Checked, Checks
from evolver.agents.llm.token_budget import TokenBudget
from evolver.agents.llm.tool_use import ANOTHER, CODE, ToolUse
from evolver.contracts import Experiment, Message, Program, Proposal, Standing
from evolver.contracts.experiment_events import GaveUp
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.llm import Conversation, EditError, NoUsableAnswer, read_program
from evolver.llm.conversation import REPAIRS
from evolver.prompts import conversation as render
from evolver.prompts import cut, inline
from evolver.search import skeleton
from evolver.search.novelty import Programs
from evolver.tasks import Task

ROLE: Final = "coder"
PlanAgain = Callable[[Experiment, Experiment], Awaitable[Proposal | None]]
"""Another plan for an experiment, where its program turned out to be that of an earlier one; None: there is none."""
REPAIR_TURNS = 3
"""Answers beyond the first that an experiment's program may take, whatever was wrong."""
OWN, NOTES, OTHERS, LOG, FEEDBACK = 0.45, 0.3, 0.2, 0.1, 0.06
"""Shares of the room: the program that is changed, notes, programs that parts are taken from, a failure's log, what the
evaluator said."""
LONGEST_PROBLEM = 6000
LONGEST_REASON = 400
_EDITS = re.compile(r"^\s*<{4,9}\s*SEARCH\s*$", re.MULTILINE)
_ELISION = re.compile(
    r"^\s*#\s*(\.{3}|…)|^\s*#.*\b(rest|remainder) of (the |this )?(code|file|function|program|class)\b"
    r"|^\s*#.*\b(existing|previous|original) code\b.*(\.{3}|…|unchanged|here)",
    re.IGNORECASE | re.MULTILINE,
)
"""Comments that stand for code which was left out."""


@dataclass(frozen=True)
class Work:
    """What one experiment's program is made from."""

    experiment: Experiment
    proposal: Proposal
    parents: tuple[Experiment, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class RejectedProgram:
    """What a candidate program was found to be."""

    checked: Checked
    owner: Experiment | None = None
    """The experiment that had this program first."""

    @property
    def passed(self) -> bool:
        """Whether it may be run."""
        return not self.checked.check


class LlmCoder:
    """Turns proposals into programs that parse, keep the interface, are new, can be imported and survive `smoke`.

    What is wrong goes back to the model, a few times at most; what cannot be repaired leaves the experiment without a
    program, and an event that says why.
    """

    def __init__(
        self,
        resources: CampaignResources,
        conversation: Conversation,
        checks: Checks,
        *,
        repair_turns: int = REPAIR_TURNS,
        tools: ToolUse | None = None,
        plan_again: PlanAgain | None = None,
    ) -> None:
        """`repair_turns`: answers beyond the first that an experiment's program may take, whatever was wrong.

        `tools`: with which it may look before it answers; None: it answers at once. `plan_again`: the researcher, for a
        plan whose program another experiment has; None: the coder is asked for another program.
        """
        self._tools, self._plan_again = tools, plan_again
        self._resources, self._conversation = resources, conversation
        self._repair_turns = repair_turns
        self._prompter = Prompter(resources, conversation)
        self._checks = checks
        self._programs = Programs(resources)
        self._claiming = asyncio.Lock()

    async def code(self, experiment_id: str) -> Program | None:
        """The program that the model wrote, recorded, or None.

        Raises BudgetSpent, ProviderDown, SandboxError, and UsageError where a key or a model's name is wrong.
        """
        archive = self._resources.archive
        experiment = await archive.run(archive.experiments.get, experiment_id)
        if experiment.program is not None:
            return await archive.run(self._resources.program, experiment)
        proposal = experiment.proposal
        if proposal is None or not proposal.parents:
            return None
        parents = tuple([await archive.run(archive.experiments.get, key) for key in proposal.parents])
        return await self._write(Work(experiment, proposal, parents, await self._checks.packages()))

    async def _write(self, work: Work) -> Program | None:
        turns, repairs = self._repair_turns, 0
        base = await self._resources.archive.run(self._resources.program, work.parents[0])
        try:
            asked = await self._ask(work, base)
        except NoUsableAnswer as error:
            return await self._give_up(work, f"the coder gave no usable answer: {error.reason}")
        program, turns = asked.answer.value, turns - asked.answer.repaired
        was_known = False
        while True:
            finding = await self._examine(work, program)
            if finding.passed:
                return await self._keep(work, program, finding)
            if not was_known and await self._repeats(work, finding):
                was_known = True
                try:
                    other = await self._planned_again(work, finding)
                except NoUsableAnswer as error:
                    return await self._end(work, program, finding, f"; no other program: {error.reason}")
                if other is None:
                    return await self._end(work, program, finding)
                work, program = other
                continue
            if turns <= 0 or (finding.owner is not None and was_known):
                return await self._end(work, program, finding)
            was_known = was_known or finding.owner is not None
            if finding.checked.trial is None:
                # Another lane that writes this deserves to hear what is wrong with it.
                self._programs.release(program, work.experiment)
            turns, repairs = turns - 1, repairs + 1
            try:
                program, used = await self._repair(work, program, finding, repairs, turns)
            except NoUsableAnswer as error:
                return await self._end(work, program, finding, f"; and the repair could not be used: {error.reason}")
            turns -= used

    async def _repeats(self, work: Work, finding: RejectedProgram) -> bool:
        """Whether the plan led to what another experiment did: its parent's program would be the coder's omission."""
        owner = finding.owner
        if self._plan_again is None or owner is None or owner.id in work.proposal.parents:
            return False
        return await self._conversation.can_answer("researcher", ANOTHER, work.experiment.id)

    async def _planned_again(self, work: Work, finding: RejectedProgram) -> tuple[Work, Program] | None:
        """Another plan of the researcher's with its program; None where there is none. Raises as `_ask`."""
        assert self._plan_again is not None and finding.owner is not None
        archive = self._resources.archive
        proposal = await self._plan_again(work.experiment, finding.owner)
        if proposal is None:
            return None
        parents = tuple([await archive.run(archive.experiments.get, key) for key in proposal.parents])
        again = Work(work.experiment.model_copy(update={"proposal": proposal}), proposal, parents, work.packages)
        base = await archive.run(self._resources.program, parents[0])
        return again, (await self._ask(again, base, f"{CODE} again")).answer.value

    async def _ask(self, work: Work, base: Program, purpose: str = CODE) -> Prompted[Program]:
        """The first program of a plan. Raises as `Conversation.ask_text`."""

        def prompt(token_budget: TokenBudget) -> tuple[Message, ...]:
            return self._prompt(work, base, token_budget)

        def reader(text: str, messages: Sequence[Message]) -> Program:
            return _read(text, base, messages, self._resources.task)

        if self._tools is not None:
            found = await self._tools.code(work.experiment, purpose, prompt, base, reader)
            if found is not None:
                return found
            purpose = f"{purpose} at once"
        return await self._prompter.ask_text(
            ROLE, purpose, work.experiment.id, prompt, reader, repairs=min(REPAIRS, self._repair_turns)
        )

    async def _repair(
        self, work: Work, program: Program, finding: RejectedProgram, repair: int, turns: int
    ) -> tuple[Program, int]:
        """A repaired program, and how many turns more it took."""
        asked = await self._prompter.ask_text(
            ROLE,
            f"repair {repair}",
            work.experiment.id,
            lambda token_budget: self._repair_prompt(work, program, finding.checked, token_budget),
            lambda text, messages: _read(text, program, messages, self._resources.task),
            repairs=min(1, turns),
        )
        return asked.answer.value, asked.answer.repaired

    async def _examine(self, work: Work, program: Program) -> RejectedProgram:
        """The checks from the cheapest to the most expensive, until one fails."""
        wrong = await asyncio.to_thread(lambda: self._resources.operators.check(program))
        if wrong:
            return RejectedProgram(Checked(check="it does not pass static checks", problem="\n".join(wrong)))
        async with self._claiming:
            owner = await self._resources.archive.run(self._programs.claim, program, work.experiment)
        if owner is not None:
            return await self._resources.archive.run(self._known, owner)
        return RejectedProgram(await self._checks.check(work.experiment.id, program))

    def _known(self, owner: str) -> RejectedProgram:
        archive = self._resources.archive
        earlier = archive.experiments.get(owner)
        result = result_words(self._prompter.numbers, earlier, self._resources.task.metric)
        problem = (
            f"This program does exactly what that of experiment {earlier.number} does already ({result}); comments, "
            "formatting, names of variables and code that has no part in the result do not count. Carry out the plan "
            "so that the program computes something else."
        )
        return RejectedProgram(Checked(check="the program is not new", problem=problem), earlier)

    def _prompt(self, work: Work, base: Program, token_budget: TokenBudget) -> tuple[Message, ...]:
        resources, proposal = self._resources, work.proposal
        others, parent, start = work.parents[1:], work.parents[0], resources.task.baseline()
        failure = self._failure(parent, token_budget)
        trials = resources.archive.trials.list(parent.id)
        known = resources.archive.notes.list(resources.task.name)
        notes = shown_notes(known, proposal.notes, token_budget.characters(NOTES))
        return render(
            "coder",
            task=task_view(resources.task, resources.stage),
            packages=work.packages,
            notes=notes.notes,
            outline=notes.outline,
            dossier=dossier(resources.archive, resources.name),
            parent=parent.number,
            files=files_view(base, token_budget, OWN, f"{proposal.hypothesis} {proposal.plan} {failure}", start),
            metrics=mean_metrics([trial for trial in trials if trial.stage == resources.stage and trial.metrics]),
            feedback=token_budget.cut(feedback_words(trials), FEEDBACK),
            failure=failure,
            others=[
                {
                    "number": e.number,
                    "files": files_view(
                        resources.program(e), token_budget, OTHERS / len(others), work.proposal.plan, start
                    ),
                }
                for e in others
                if e.program is not None
            ],
            number=work.experiment.number,
            title=inline(proposal.title, 200),
            hypothesis=proposal.hypothesis,
            plan=proposal.plan,
            **self._may_change(base),
        )

    def _may_change(self, program: Program) -> dict[str, object]:
        """What the rules of editing say of the program's files."""
        spec = self._resources.task.spec.program
        denied = f", but for {', '.join(spec.deny)}" if spec.deny else ""
        patterns = f"{', '.join(spec.files)}{denied}" if spec.is_tree and not spec.blocks else ""
        return {"paths": tuple(program.files), "patterns": patterns}

    def _failure(self, parent: Experiment, token_budget: TokenBudget) -> str:
        """Why a parent that is to be repaired failed; empty for others."""
        if parent.verdict is None or parent.standing is not Standing.UNUSABLE:
            return ""
        failed = [trial for trial in self._resources.archive.trials.list(parent.id) if not trial.metrics]
        log = token_budget.cut(failed[-1].log_tail, LOG, "tail") if failed else ""
        said = token_budget.cut(str(failed[-1].feedback), LOG) if failed else ""
        return "\n".join(part for part in (parent.verdict.reason, said, log) if part).strip()

    def _repair_prompt(
        self, work: Work, program: Program, checked: Checked, token_budget: TokenBudget
    ) -> tuple[Message, ...]:
        return render(
            "coder_repair",
            task=task_view(self._resources.task, self._resources.stage),
            plan=work.proposal.plan,
            files=files_view(
                program, token_budget, OWN, f"{checked.problem} {work.proposal.plan}", self._resources.task.baseline()
            ),
            **self._may_change(program),
            packages=work.packages,
            check=checked.check,
            problem=cut(checked.problem, LONGEST_PROBLEM),
        )

    async def _keep(self, work: Work, program: Program, finding: RejectedProgram) -> Program:
        """Record a program, with the smoke trial that it had."""
        await self._resources.archive.run(self._record, work, program, finding)
        return program

    def _record(self, work: Work, program: Program, finding: RejectedProgram) -> None:
        archive, trial = self._resources.archive, finding.checked.trial
        archive.experiments.add_program(work.experiment.id, program, skeleton(program))
        if trial is not None:
            archive.trials.add(trial, self._resources.task.version)

    async def _end(self, work: Work, program: Program, finding: RejectedProgram, more: str = "") -> Program | None:
        """No turn is left: a program that had a trial is kept with it, any other is not an experiment's program."""
        if finding.checked.trial is not None:
            return await self._keep(work, program, finding)
        if finding.owner is not None:
            return await self._give_up(work, f"identical to experiment {finding.owner.number}")
        self._programs.release(program, work.experiment)
        lines = finding.checked.problem.strip().splitlines()
        check = finding.checked.check
        return await self._give_up(work, f"{check}: {lines[-1] if lines else 'no reason'}{more}", check)

    async def _give_up(self, work: Work, reason: str, check: str = "") -> Program | None:
        gave_up = GaveUp(role=ROLE, reason=inline(reason, LONGEST_REASON), check=check)
        await self._prompter.tell(gave_up, work.experiment.id)
        return None


def _read(text: str, base: Program, messages: Sequence[Message], task: Task) -> Program:
    """The program that an answer asks for. Raises EditError for one that leaves out or adds what it must not."""
    program = read_program(text, base)
    allow_files(program, base, task)
    added = program.files.keys() - base.files.keys()
    by_edits, shown = _EDITS.search(text) is not None, messages[-1].text
    for path, new in program.files.items():
        old = base.files.get(path, "")
        if new == old or path in added:
            continue
        if not by_edits and not is_whole(old, shown):
            raise EditError(f"{path} was shown only in part, so it can be changed by SEARCH/REPLACE blocks alone")
        left_out = [match[0].strip() for match in _ELISION.finditer(new) if match[0] not in old]
        if left_out:
            raise EditError(f"{path} leaves code out ({left_out[0]!r}); write everything")
    return program
