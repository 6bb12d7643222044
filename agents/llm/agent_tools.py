"""The tools of researcher and coder: look at the data, at notes, lessons and experiments, edit a draft, hand it in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evolver.agents.llm.changed_files import allow_files
from evolver.agents.llm.differences import contention_words
from evolver.agents.llm.prompting import Prompter
from evolver.agents.llm.rendering import diff_words, feedback_words, result_words, score_lines
from evolver.contracts import Experiment, Program
from evolver.contracts.lesson_events import FactFound
from evolver.errors import SandboxError, UnknownName
from evolver.evaluation.campaign_resources import CampaignResources
from evolver.evaluation.sandbox_session import SandboxSession, SessionRun
from evolver.llm import EditError, read_program
from evolver.prompts import cut, fence, inline

RUNS = 8
"""Commands of one session."""
FOUND, LONGEST_RESULT, LONGEST_FILE, LONGEST_FACT = 6, 12_000, 40_000, 400
"""Notes or lessons that a search gives, characters of a result, of a file and of a fact."""


@dataclass
class Workbench:
    """What one role does about one experiment before it answers.

    Args:
        resources: Those of the campaign.
        prompter: Knows experiments by their numbers.
        experiment: The one that is in work.
        session: Where commands run.
        draft: The program that is edited; the parent's, or the champion's, at first.
        hand_in: Takes what is submitted; gives an objection, or nothing.
        runs: Commands that are left.
    """

    resources: CampaignResources
    prompter: Prompter
    experiment: Experiment
    session: SandboxSession
    draft: Program
    hand_in: Callable[[dict[str, object], Program], str]
    runs: int = RUNS
    recorded_runs: list[str] = field(default_factory=list)
    """What the first commands printed in an earlier process that was stopped; they are not run again."""
    facts: list[FactFound] = field(default_factory=list)
    done: bool = False
    last_command: str = ""

    async def run(self, code: str = "", command: str = "", program: bool = False) -> str:
        """Run something in the sandbox, without network, within seconds, on public data.

        Args:
            code: Python code, run in a folder that later commands see again; the draft's files lie in it.
            command: A shell command, run there instead of code.
            program: Whether to run the draft as a trial of the cheapest stage does, without the judge; what it prints
                about its inputs is shown, so that print statements show the data as programs get them.
        """
        if self.runs <= 0:
            return "No runs are left: submit now."
        self.runs -= 1
        self.last_command = "the draft" if program else inline(code or command, 200)
        if self.recorded_runs:
            return self.recorded_runs.pop(0)
        try:
            if program:
                found = await self.session.run_program(self.draft)
            elif code:
                found = await self.session.run_code(code, self.draft.files)
            else:
                found = await self.session.run_command(command or "ls -R", self.draft.files)
        except SandboxError as error:
            return f"It could not be run: {error}"
        return f"{_words(found)}\n({self.runs} runs are left)"

    async def read_file(self, path: str) -> str:
        """Read a file of the draft program.

        Args:
            path: As the task names it.
        """
        text = self.draft.files.get(path)
        if text is None:
            return inline(f"There is no {path}; there are {', '.join(self.draft.files)}.", 4000)
        return fence(cut(text, LONGEST_FILE), path)

    async def search_notes(self, query: str) -> str:
        """Search the task's notes.

        Args:
            query: What is looked for, in words.
        """
        return await self.resources.archive.run(self._search_notes, query)

    def _search_notes(self, query: str) -> str:
        task = self.resources.task.name
        known = {note.id: note for note in self.resources.archive.notes.list(task)}
        hits = self.resources.memory.search_notes(query, task, FOUND)
        texts = [fence(known[hit.id].text, f"note {hit.id}: {known[hit.id].title}") for hit in hits if hit.id in known]
        return cut("\n".join(texts), LONGEST_RESULT) or "Nothing was found."

    async def search_lessons(self, query: str) -> str:
        """Search what earlier experiments taught.

        Args:
            query: What is looked for, in words.
        """
        return await self.resources.archive.run(self._search_lessons, query)

    def _search_lessons(self, query: str) -> str:
        resources = self.resources
        if resources.campaign.memory == "off":
            return "Lessons are turned off in this campaign."
        hits = resources.memory.search_lessons(query, resources.lesson_scope, FOUND, resources.name)
        found = resources.archive.lessons.get_many([hit.id for hit in hits])
        lines = [f"- [{x.id}] {x.status}: {inline(x.claim, 1000)}" for x in found]
        return fence("\n".join(lines), "lessons") if lines else "Nothing was found."

    async def show_experiment(self, number: int) -> str:
        """Show an experiment of this campaign: plan, difference in the program, metrics by seed, feedback, log.

        Args:
            number: Of the experiment; the baseline is 0.
        """
        return await self.resources.archive.run(self._show, number)

    def _show(self, number: int) -> str:
        resources, archive = self.resources, self.resources.archive
        try:
            shown = archive.experiments.by_number(resources.name, number)
        except UnknownName as error:
            return str(error)
        proposal, trials = shown.proposal, archive.trials.list(shown.id)
        parent = archive.experiments.get(proposal.parents[0]) if proposal and proposal.parents else None
        before = resources.program(parent) if parent is not None and parent.program is not None else None
        parts = [
            f"Experiment {number}: {result_words(self.prompter.numbers, shown, resources.task.metric)}",
            "" if proposal is None else fence(f"{proposal.hypothesis}\n{proposal.plan}", "proposal"),
            "" if shown.program is None else fence(diff_words(before, resources.program(shown)), "diff to its parent"),
            fence("\n".join(score_lines(trials, [], "")), "metrics by seed") if trials else "",
            contention_words(trials),
            fence(said, "feedback") if (said := feedback_words(trials)) else "",
            fence(trials[-1].log_tail, "log") if trials and trials[-1].log_tail else "",
        ]
        return cut("\n".join(part for part in parts if part), LONGEST_RESULT)

    async def edit(self, change: str) -> str:
        """Change the draft program.

        Args:
            change: SEARCH/REPLACE blocks, or whole files, each with its path on the line before.
        """
        try:
            draft = await asyncio.to_thread(read_program, change, self.draft)
            allow_files(draft, self.draft, self.resources.task)
        except EditError as error:
            return f"The draft is as it was: {error}"
        self.draft = draft
        return "The draft is changed."

    def take(self, answer: dict[str, object], found: Sequence[str]) -> str:
        """What comes of handing in: an objection, or that it is done."""
        objection = self.hand_in(answer, self.draft)
        if objection:
            return f"It cannot be used: {objection}"
        self.facts = [
            FactFound(text=inline(text, LONGEST_FACT), command=self.last_command) for text in found[:FOUND] if text
        ]
        self.done = True
        return "Handed in."


def _words(found: SessionRun) -> str:
    said = fence(found.said, "what it printed") if found.said.strip() else "It printed nothing."
    return f"{found.ended}\n{said}"
