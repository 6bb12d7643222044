"""Carries out instructions: keeps the directive and changes the campaign in one transaction, says what happens now."""

from __future__ import annotations

import ast
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import JsonValue, ValidationError

from evolver.contracts import Budget, Campaign, CampaignStatus, Directive, DirectiveStatus, Experiment, Program
from evolver.errors import UnknownName, UsageError
from evolver.formatting import counted
from evolver.steering import approval
from evolver.steering.intents import Instruction
from evolver.steering.similarity import same_topic, words

if TYPE_CHECKING:
    from evolver.memory import Archive

MOST_WORKERS = 256
Wish = Literal["", "run", "verify", "ablate"]
"""What the campaign needs a process for, where none runs it."""
Change = Callable[[Campaign], Mapping[str, Any]]


def directive_id(key: str, place: int = 0) -> str:
    """The id of the directive that a message becomes, of the n-th one where it becomes several; no key: a new one."""
    return hashlib.sha256(f"{key} {place}".encode()).hexdigest()[:16] if key else uuid.uuid4().hex[:16]


@dataclass(frozen=True)
class Carried:
    """What was done about an instruction."""

    replies: list[str]
    directives: list[Directive] = field(default_factory=list)
    """As they were kept; none where the instruction could not be carried out."""
    wish: Wish = ""


@dataclass(frozen=True)
class Commands:
    """One person's instructions to one campaign."""

    archive: Archive
    campaign: str
    who: str
    running: bool
    """Whether a process runs the campaign now."""
    key: str = ""
    """Of the message: one that is read again, after a crash or by a client, is not carried out again."""

    def carry_out(self, instruction: Instruction, text: str) -> Carried:
        """Keep the directive and do what it says. Raises UsageError where it cannot be, UnknownName."""
        do = {
            "focus": self._topic,
            "avoid": self._topic,
            "pin": self._pin,
            "note": self._note,
            "budget": self._budget,
            "workers": self._workers,
            "pause": self._pause,
            "resume": self._resume,
            "stop": self._stop,
            "verify": self._run_again,
            "ablate": self._run_again,
            "approve": self._judge,
            "reject": self._judge,
            "withdraw": self._withdraw,
        }[instruction.kind]
        return do(instruction, text)

    def keep(
        self,
        instruction: Instruction,
        text: str,
        *,
        status: DirectiveStatus = "in force",
        outcome: str = "",
        change: Change | None = None,
        withdraw: Mapping[str, str] | None = None,
        arguments: dict[str, JsonValue] | None = None,
    ) -> tuple[Directive, Campaign]:
        """Write a directive, and the campaign as it is then. Raises UsageError where the campaign cannot be so."""
        directive = Directive(
            id=directive_id(self.key),
            campaign=self.campaign,
            kind=instruction.kind,
            text=text,
            who=self.who,
            arguments=instruction.arguments if arguments is None else arguments,
            status=status,
            outcome=outcome,
        )
        try:
            return directive, self.archive.directives.add(directive, change, withdraw=withdraw)
        except ValidationError as error:
            raise UsageError(f"that cannot be: {error.errors()[0]['msg']}") from None

    @property
    def _in_force(self) -> Sequence[Directive]:
        return self.archive.directives.in_force(self.campaign)

    def _when(self) -> str:
        return "from the next proposal of each lane on" if self.running else "when the campaign goes on"

    def _topic(self, instruction: Instruction, text: str) -> Carried:
        topic, kind = str(instruction.arguments["topic"]), instruction.kind
        if not words(topic):
            raise UsageError(f"{kind} on what? Name a technique, a function or a part of the program")
        other = "avoid" if kind == "focus" else "focus"
        contrary = {
            d.id: f"{self.who} said later: {text}"
            for d in self._in_force
            if (d.kind == other and same_topic(str(d.arguments.get("topic", "")), topic))
            or (d.kind == kind and same_topic(str(d.arguments.get("topic", "")), topic))
        }
        directive, _ = self.keep(instruction, text, withdraw=contrary)
        said = f"Most proposals are about “{topic}”" if kind == "focus" else f"Nothing about “{topic}” is proposed"
        replies = [f"{said} {self._when()}."]
        if contrary:
            replies.append("That replaces what was said before about it.")
        return Carried(replies, [directive])

    def _pin(self, instruction: Instruction, text: str) -> Carried:
        experiment = self._experiment(instruction)
        if experiment.program is None or experiment.score is None:
            raise UsageError(f"experiment {experiment.number} has no score yet, so nothing can be built on it")
        earlier = {d.id: f"{self.who} pinned experiment {experiment.number}" for d in self._in_force if d.kind == "pin"}
        arguments: dict[str, JsonValue] = {"experiment": experiment.number}
        directive, _ = self.keep(instruction, text, withdraw=earlier, arguments=arguments)
        return Carried([f"Most proposals start from experiment {experiment.number} {self._when()}."], [directive])

    def _note(self, instruction: Instruction, text: str) -> Carried:
        from evolver.steering.note_text import notes_from

        notes = notes_from(str(instruction.arguments["note"]), self.who, self._task())
        self.archive.notes.save(notes)
        directive, _ = self.keep(instruction, text, arguments={"notes": [note.id for note in notes]})
        code = " Its code is a technique now." if any("```" in note.text for note in notes) else ""
        return Carried([f"Noted; researchers find it {self._when()}.{code}"], [directive])

    def _task(self) -> str:
        from evolver.tasks import load_task

        return load_task(self.archive.campaigns.get(self.campaign).task).name

    def _budget(self, instruction: Instruction, text: str) -> Carried:
        arguments = instruction.arguments

        def change(campaign: Campaign) -> dict[str, Any]:
            return {"budget": _changed(campaign.budget, arguments)}

        before = self.archive.campaigns.get(self.campaign)
        directive, campaign = self.keep(instruction, text, status="done", change=change)
        replies = [f"The budget is {_budget_words(campaign.budget)}."]
        done = self.archive.campaigns.counts(self.campaign).leased
        if campaign.budget.experiments < done:
            replies.append(f"{done} experiments were begun already; those are finished, and no more are begun.")
        elif not self.running and campaign.budget != before.budget:
            replies.append("No process runs this campaign now: say `go on`.")
        return Carried(replies, [directive])

    def _workers(self, instruction: Instruction, text: str) -> Carried:
        def change(campaign: Campaign) -> dict[str, Any]:
            more, count = instruction.arguments.get("more_workers"), instruction.arguments.get("workers")
            wanted = campaign.workers + int(str(more)) if more else int(str(count))
            if not 1 <= wanted <= MOST_WORKERS:
                raise UsageError(f"{wanted} workers cannot be; say a number from 1 to {MOST_WORKERS}")
            return {"workers": wanted}

        directive, campaign = self.keep(instruction, text, status="done", change=change)
        replies = [f"{counted(campaign.workers, 'trial')} may run at the same time {self._when()}."]
        lanes = self.archive.events.list(self.campaign, kind="lanes", newest=1)
        count = lanes[0].data.get("count") if lanes else None
        if self.running and isinstance(count, int) and count < campaign.workers:
            replies.append(
                f"This run has {counted(count, 'lane')}, so no more trials than that run until it is begun anew: "
                f"`pause`, end its process, then `go on`."
            )
        return Carried(replies, [directive])

    def _pause(self, instruction: Instruction, text: str) -> Carried:
        campaign = self.archive.campaigns.get(self.campaign)
        if campaign.status is not CampaignStatus.RUNNING:
            return Carried([f"The campaign is {campaign.status} already."])
        directive, _ = self.keep(instruction, text, status="done", change=lambda _: {"status": CampaignStatus.PAUSED})
        if not self.running:
            return Carried(["Paused; no process runs it. Say `go on` to start one."], [directive])
        busy = len(self.archive.leases.unfinished(self.campaign))
        return Carried(
            [f"Paused: {counted(busy, 'experiment')} in work are finished, no more are begun. Say `go on` to go on."],
            [directive],
        )

    def _resume(self, instruction: Instruction, text: str) -> Carried:
        campaign, counts = self.archive.campaigns.get(self.campaign), self.archive.campaigns.counts(self.campaign)
        if self.running and campaign.status is CampaignStatus.RUNNING:
            return Carried([f"It is running: {counts.finished} of {campaign.budget.experiments} experiments are done."])
        done = campaign.status is CampaignStatus.FINISHED and not self.running
        if done and counts.finished >= campaign.budget.experiments:
            return Carried([f"The budget of {counts.finished} experiments is spent; say how many `more experiments`."])
        void = {d.id: f"{self.who} said later: {text}" for d in self._in_force if d.kind == "stop"}
        directive, _ = self.keep(
            instruction, text, status="done", change=lambda _: {"status": CampaignStatus.RUNNING}, withdraw=void
        )
        if self.running:
            return Carried(["It goes on."], [directive])
        return Carried([], [directive], wish="run")

    def _stop(self, instruction: Instruction, text: str) -> Carried:
        campaign = self.archive.campaigns.get(self.campaign)
        if campaign.status is CampaignStatus.FINISHED and not self.running:
            return Carried(["The campaign is finished already."])
        if self.running:
            directive, _ = self.keep(instruction, text, change=lambda _: {"status": CampaignStatus.RUNNING})
            said = "No more proposals: what runs is finished first, then the champion is re-tested."
            return Carried([said], [directive])
        directive, _ = self.keep(instruction, text, status="done", change=lambda _: {"status": CampaignStatus.FINISHED})
        self.archive.events.add(self.campaign, "ended", reason=f"stopped by {self.who}")
        return Carried(
            ["Closed. No process ran it, so the champion was not re-tested; `verify the best` does that."], [directive]
        )

    def _run_again(self, instruction: Instruction, text: str) -> Carried:
        experiment = self._experiment(instruction)
        if experiment.program is None or experiment.verdict is None:
            raise UsageError(f"experiment {experiment.number} is not finished, so it cannot be run again")
        kind: Wish = "verify" if instruction.kind == "verify" else "ablate"
        if kind == "ablate" and experiment.number == 0:
            raise UsageError("the baseline has no changes to take back; name another experiment")
        arguments: dict[str, JsonValue] = {**instruction.arguments, "experiment": experiment.number}
        directive, _ = self.keep(instruction, text, arguments=arguments)
        what = "runs on fresh replicates" if kind == "verify" else "runs without each of its changes"
        when = "between two experiments" if self.running else "in a process of its own"
        return Carried(
            [f"Experiment {experiment.number} {what} {when}; ask for `directives` to see what came out."],
            [directive],
            wish="" if self.running else kind,
        )

    def _ask_from(self, instruction: Instruction, text: str) -> Carried:
        said = instruction.arguments["above"]
        above = None if said is None else float(str(said))
        directive, _ = self.keep(instruction, text, status="done", change=lambda _: {"approve_above": above})
        waits = approval.waiting(self.archive, self.campaign)
        if above is None:
            replies = ["Nobody is asked any more before experiments run."]
            if waits:
                replies.append("Those that wait already still do: say `approve all`.")
        else:
            what = "every experiment" if above == 0 else f"experiments whose trials may take more than {above:g} s"
            replies = [f"From now on somebody has to approve {what} before they run."]
        return Carried(replies, [directive])

    def _judge(self, instruction: Instruction, text: str) -> Carried:
        if "above" in instruction.arguments:
            return self._ask_from(instruction, text)
        waits = approval.waiting(self.archive, self.campaign)
        chosen = self._chosen(instruction, [one.experiment for one in waits])
        reason, program = str(instruction.arguments.get("reason", "")), instruction.arguments.get("program")
        if instruction.kind == "reject" and not reason:
            raise UsageError(f"why? Say `reject {chosen[0].number} because ...`; the reason becomes a lesson")
        kept, replies = [], []
        for place, experiment in enumerate(chosen):
            files = self._edited(experiment, str(program)) if program is not None else {}
            decision = approval.ApprovalDecision(
                decision="reject" if instruction.kind == "reject" else "edit" if files else "approve",
                reason=reason,
                files=files,
                who=self.who,
            )
            key = directive_id(self.key, place)
            directive = approval.directive_for(experiment, decision, text).model_copy(update={"id": key})
            self.archive.directives.add(directive)
            kept.append(directive)
            done = "Rejected" if decision.decision == "reject" else "Approved"
            replies.append(f"{done}: experiment {experiment.number}" + (" with your program." if files else "."))
        if not self.running:
            replies.append("No process runs this campaign now; that counts when it goes on: say `go on`.")
        return Carried(replies, kept)

    def _chosen(self, instruction: Instruction, waits: list[Experiment]) -> list[Experiment]:
        if not waits:
            raise UsageError("no experiment waits for approval")
        numbers = " and ".join(str(experiment.number) for experiment in waits)
        said = instruction.arguments.get("experiments")
        if isinstance(said, list):
            by_number = {experiment.number: experiment for experiment in waits}
            if strange := [number for number in said if number not in by_number]:
                raise UsageError(f"experiment {strange[0]} does not wait for approval; waiting: {numbers}")
            return [by_number[int(str(number))] for number in said]
        if said in ("all", "them", "everything") or len(waits) == 1:
            return waits
        raise UsageError(f"which one? Waiting for approval: {numbers}")

    def _edited(self, experiment: Experiment, text: str) -> dict[str, str]:
        assert experiment.program is not None
        files = self.archive.programs.get(experiment.program).files
        if len(files) != 1:
            raise UsageError(f"the program has several files ({', '.join(files)}): edit it in Studio or by a client")
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise UsageError(f"your program is no Python: {error}") from None
        return Program(files={next(iter(files)): text}).files

    def _withdraw(self, instruction: Instruction, text: str) -> Carried:
        number, kind = instruction.arguments.get("number"), instruction.arguments.get("kind")
        topic = str(instruction.arguments.get("topic") or "")
        in_force = self._in_force
        if isinstance(number, int):
            found = [d for d in in_force if d.number == number]
            missing = f"there is no directive {number} in force; ask for `directives`"
        else:
            found = [d for d in in_force if d.kind == kind and _fits(d, topic)]
            missing = f"no {kind} is in force" + (f" about “{topic}”" if topic else "") + "; ask for `directives`"
        if not found:
            raise UsageError(missing)
        reason = f"{self.who} said: {text}"
        directive, _ = self.keep(instruction, text, status="done", withdraw={d.id: reason for d in found})
        said = ", ".join(f"{d.number} ({d.text})" for d in found)
        return Carried([f"Withdrawn: {said}."], [directive])

    def _experiment(self, instruction: Instruction) -> Experiment:
        number = instruction.arguments.get("experiment")
        if isinstance(number, int):
            return self.archive.experiments.by_number(self.campaign, number)
        champion = self.archive.experiments.champion(self.campaign)
        if champion is None:
            raise UnknownName("there is no champion yet; name an experiment")
        return champion


def _fits(directive: Directive, topic: str) -> bool:
    if not topic:
        return True
    if directive.kind == "pin":
        return str(directive.arguments.get("experiment")) == topic.strip("# ")
    return bool(words(topic) & words(str(directive.arguments.get("topic") or directive.text)))


def _changed(budget: Budget, arguments: Mapping[str, JsonValue]) -> Budget:
    values = dict(budget)
    for name, said in arguments.items():
        field_name, amount = name.removeprefix("more_"), float(str(said))
        before = values.get(field_name)
        if name.startswith("more_"):
            if before is None:
                raise UsageError(f"there is no limit of {_UNITS[field_name]} that could be raised")
            amount += float(before)
        values[field_name] = int(amount) if field_name in ("experiments", "tokens") else amount
    try:
        return Budget.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"that budget cannot be: {error.errors()[0]['msg']}") from None


_UNITS = {"experiments": "experiments", "seconds": "time", "usd": "dollars", "tokens": "tokens"}


def _budget_words(budget: Budget) -> str:
    parts = [counted(budget.experiments, "experiment")]
    parts += [f"{budget.seconds:.0f} s"] if budget.seconds is not None else []
    parts += [f"${budget.usd:g}"] if budget.usd is not None else []
    parts += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    return ", ".join(parts) + " in all"
