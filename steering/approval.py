"""Approval: what a trial will cost at most, who is asked, and what becomes of the answer.

The archive is where questions and answers meet. A lane whose experiment would cost more than the campaign's
`approve_above` writes an `ApprovalWanted` to the log and then looks for a directive that names its experiment. So an
answer from any surface, and from any process, works the same: `approve 17` in a chat, the question of `evolver run` in
a terminal, a button on a page. Only when no other lane of the process works any more does the lane call LangGraph's
`interrupt()`, so that the run ends in a state that Studio and SDK callers can answer with `Command(resume=...)`; their
answer is first written as a directive too. `interrupt()` at once would not do: LangGraph hands an answer on only after
every other lane has come to its end, with the whole budget.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Literal

from pydantic import JsonValue

from evolver.contracts import (
    Directive,
    Experiment,
    Lesson,
    LessonStatus,
    Operator,
    Program,
    Record,
    Standing,
    TrialEstimate,
    Verdict,
    VerdictKind,
)
from evolver.contracts.event_data import EventData
from evolver.contracts.steering_events import ApprovalWanted, Approved, Rejected
from evolver.diffs import experiment_diff

if TYPE_CHECKING:
    from evolver.evaluation.campaign_resources import CampaignResources
    from evolver.memory import Archive
    from evolver.tasks import Task

ASKED = 500
"""Newest events about experiments that wait that are looked through."""


class ApprovalDecision(Record):
    """What a person said about an experiment that waits."""

    decision: Literal["approve", "edit", "reject"]
    reason: str = ""
    files: dict[str, str] = {}
    """The program to run instead; for `edit`."""
    who: str = ""


class PendingApproval(Record):
    """An experiment that waits for a person."""

    experiment: Experiment
    estimate: TrialEstimate


def estimate_of(task: Task, deciding: str) -> TrialEstimate:
    """What it can cost to screen one experiment: each stage's time limit times its replicates.

    A confirmation comes on top, where it passes.
    """
    stages, trials, seconds, gpu_seconds = [], 0, 0.0, 0.0
    for stage in task.stages:
        count = stage.replicates if stage.name == deciding else 1
        gpus = stage.accelerate.processes if stage.accelerate and stage.accelerate.gpus else 0
        whole = stage.seconds * count * len(task.spec.phases)
        stages.append(stage.name)
        trials, seconds, gpu_seconds = trials + count, seconds + whole, gpu_seconds + whole * gpus
        if stage.name == deciding:
            break
    return TrialEstimate(stages=tuple(stages), trials=trials, seconds=seconds, gpu_seconds=gpu_seconds)


def ask(archive: Archive, experiment: Experiment, estimate: TrialEstimate) -> None:
    """Let everyone know, once, that an experiment waits."""
    if experiment.id not in _asked(archive, experiment.campaign):
        plan = experiment.proposal.plan if experiment.proposal else ""
        wanted = ApprovalWanted(number=experiment.number, plan=plan, estimate=estimate)
        archive.events.add(experiment.campaign, wanted, experiment.id)


def waiting(archive: Archive, campaign: str) -> list[PendingApproval]:
    """The experiments that wait for a person now, oldest first."""
    asked = _asked(archive, campaign)
    if not asked:
        return []
    said = _about(archive, campaign, Approved) | _about(archive, campaign, Rejected)
    said |= {f"{d.arguments.get('experiment')}" for d in archive.directives.in_force(campaign) if _decides(d)}
    return [
        PendingApproval(experiment=experiment, estimate=asked[experiment.id])
        for experiment in archive.leases.unfinished(campaign)
        if experiment.id in asked and not {experiment.id, str(experiment.number)} & said
    ]


def _asked(archive: Archive, campaign: str) -> dict[str, TrialEstimate]:
    events = archive.events.list(campaign, kind=ApprovalWanted, newest=ASKED)
    return {event.experiment: event.data.estimate for event in events if event.experiment}


def _about(archive: Archive, campaign: str, kind: type[EventData]) -> set[str]:
    return {event.experiment for event in archive.events.list(campaign, kind=kind, newest=ASKED) if event.experiment}


def _decides(directive: Directive) -> bool:
    return directive.kind in ("approve", "reject") and "experiment" in directive.arguments


def directive_for(experiment: Experiment, decision: ApprovalDecision, text: str = "") -> Directive:
    """A decision as the archive keeps it."""
    arguments: dict[str, JsonValue] = {"experiment": experiment.number}
    if decision.reason:
        arguments["reason"] = decision.reason
    if decision.files:
        arguments["files"] = dict(decision.files)
    said = f"{decision.decision} {experiment.number}" + (f" because {decision.reason}" if decision.reason else "")
    return Directive(
        id=uuid.uuid4().hex[:16],
        campaign=experiment.campaign,
        kind="reject" if decision.decision == "reject" else "approve",
        text=text or said,
        who=decision.who or "somebody",
        arguments=arguments,
    )


def decision_on(archive: Archive, experiment: Experiment) -> Directive | None:
    """The last thing that anybody said about an experiment and that nothing has come of yet."""
    said = [
        directive
        for directive in archive.directives.in_force(experiment.campaign)
        if _decides(directive) and directive.arguments["experiment"] == experiment.number
    ]
    return said[-1] if said else None


def was_approved(archive: Archive, experiment: Experiment) -> bool:
    """Whether somebody has approved it in an earlier process."""
    return experiment.id in _about(archive, experiment.campaign, Approved)


def settle(resources: CampaignResources, experiment: Experiment, directive: Directive) -> bool:
    """Carry out a decision: True if the experiment may run, perhaps with the program that a person wrote.

    A rejected one gets its verdict, and the reason becomes a lesson.
    """
    archive, rejected = resources.archive, directive.kind == "reject"
    files, reason = directive.arguments.get("files"), str(directive.arguments.get("reason", "no reason given"))
    if rejected:
        _reject(resources, experiment, directive.who, reason)
    elif isinstance(files, dict):
        from evolver.search import skeleton

        program = Program(files={name: str(text) for name, text in files.items()})
        archive.experiments.replace_program(experiment.id, program, skeleton(program), directive.who)
    archive.directives.mark_used([directive.id], experiment.id)
    outcome = f"experiment {experiment.number} {'rejected' if rejected else 'runs'}"
    archive.directives.close(directive.id, "done", outcome)
    decided = Rejected(who=directive.who, reason=reason) if rejected else Approved(who=directive.who, reason="")
    archive.events.add(experiment.campaign, decided, experiment.id)
    return not rejected


def _reject(resources: CampaignResources, experiment: Experiment, who: str, reason: str) -> None:
    from evolver.memory import Conclusion

    proposal, said = experiment.proposal, f"rejected by {who}: {reason}"
    lesson = Lesson(
        id=f"rejected-{experiment.id}"[:64],
        task=resources.task.name,
        campaign=resources.name,
        claim=f"{proposal.plan if proposal else 'the change'}: {said}",
        component=(proposal.component if proposal else "") or "approval",
        operator=proposal.operator if proposal else Operator.EDIT,
        effect=0.0,
        evidence=(experiment.id,),
        confidence=0.0,  # nothing was measured
        status=LessonStatus.TENTATIVE,
    )
    resources.archive.experiments.conclude(
        Conclusion(
            experiment=experiment.id,
            verdict=Verdict(kind=VerdictKind.UNUSABLE, reason=said),
            standing=Standing.UNUSABLE,
            lessons=(lesson,),
        )
    )
    resources.memory.add_lessons([lesson])


def give_up(archive: Archive, experiment: Experiment) -> None:
    """Close an experiment that nobody approved before the campaign was stopped."""
    from evolver.memory import Conclusion

    verdict = Verdict(kind=VerdictKind.UNUSABLE, reason="nobody approved it before the campaign was stopped")
    archive.experiments.conclude(Conclusion(experiment=experiment.id, verdict=verdict, standing=Standing.UNUSABLE))


def payload(archive: Archive, experiment: Experiment, estimate: TrialEstimate) -> dict[str, JsonValue]:
    """What a person is shown who is asked about an experiment."""
    proposal = experiment.proposal
    return {
        "experiment": experiment.number,
        "hypothesis": proposal.hypothesis if proposal else "",
        "plan": proposal.plan if proposal else "",
        "operator": str(proposal.operator) if proposal else "",
        "estimate": {**estimate.model_dump(mode="json"), "words": str(estimate)},
        "diff": experiment_diff(archive, experiment),
        "answer": '"approve", "reject because ...", or {"decision": "approve" | "edit" | "reject", "reason": ..., '
        '"files": {path: text}, "who": ...}',
    }
