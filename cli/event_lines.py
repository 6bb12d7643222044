"""Events of a campaign that a person wants to hear of at once, in plain words."""

from __future__ import annotations

from rich.text import Text

from evolver.contracts import QUESTION, CampaignStatus, Event, EventData, FreshTestResult, TrialStatus
from evolver.contracts.campaign_events import CampaignEnded, LimitReached, StatusChanged
from evolver.contracts.champion_events import ChampionDethroned, ConfirmationEnded
from evolver.contracts.experiment_events import TrialEnded
from evolver.contracts.model_events import AnswerLost, ParameterDropped, ProviderAnswers, ProviderFellSilent
from evolver.contracts.steering_events import ApprovalWanted, DirectiveClosed, DirectiveGiven
from evolver.formatting import counted, difference_with_interval, duration
from evolver.memory import Archive
from evolver.settings import Settings

LONGEST = 300


def happening(event: Event, archive: Archive, settings: Settings) -> Text | None:
    """A line about an event, or None for those that are no news."""
    said = _said(event, archive, settings)
    return Text(said[0], style=said[1]) if said else None


def _said(event: Event, archive: Archive, settings: Settings) -> tuple[str, str] | None:
    """The words and their style."""
    said: tuple[str, str] | None = None
    match event.data:
        case TrialEnded(status=TrialStatus.TAMPERED):
            said = "TAMPERED: the task's files were changed; the campaign stops", "bold red"
        case ConfirmationEnded() as ended if ended.result is not FreshTestResult.CROWNED:
            said = f"Not confirmed: {_tested(event, ended, archive)}.", "dim"
        case ConfirmationEnded() as ended:
            said = f"Confirmed: {_tested(event, ended, archive)}; it is the champion now.", "bold green"
        case ChampionDethroned() as fallen:
            said = _dethroned(fallen), "bold yellow"
        case CampaignEnded(reason=reason):
            said = f"No more proposals: {reason[:LONGEST]}. What runs is finished first.", "yellow"
        case StatusChanged(status=CampaignStatus.PAUSED):
            said = "Paused.", "yellow"
        case DirectiveGiven(kind=kind, who=who, text=text) if kind != QUESTION:
            said = f"{who} says: {text[:LONGEST]}", "cyan"
        case DirectiveClosed(status="done", outcome=outcome) if outcome:
            said = outcome, "cyan"
        case LimitReached(said=left_out):
            said = f"Limit: {left_out[:LONGEST]}", "yellow"
        case ApprovalWanted() as wanted:
            said = _wanted(event.campaign, wanted), "bold yellow"
        case data:
            said = _said_of_models(data, settings)
    return said


def _tested(event: Event, ended: ConfirmationEnded, archive: Archive) -> str:
    tested = f"experiment {archive.experiments.get(event.experiment).number}" if event.experiment else "a candidate"
    found = "" if ended.delta is None else f", {difference_with_interval(ended.delta, ended.interval, digits=4)}"
    return f"{tested}{found}, against experiment {ended.against} on {counted(ended.replicates, 'fresh replicate')}"


def _dethroned(fallen: ChampionDethroned) -> str:
    made = f" {counted(len(fallen.derived), 'experiment')} made from it." if fallen.derived else ""
    return (
        f"Dethroned: the champion was no better than the baseline on {counted(fallen.replicates, 'fresh replicate')}; "
        f"experiment {fallen.successor} is the champion again.{made}"
    )


def _said_of_models(data: EventData, settings: Settings) -> tuple[str, str] | None:
    said: tuple[str, str] | None = None
    match data:
        case ProviderFellSilent(server=server, reason=reason):
            patience = duration(settings.outage_seconds)
            silent = f"{server} gives no answers ({reason[:LONGEST]}); trying again for {patience}. Ctrl-C pauses"
            said = silent, "yellow"
        case ProviderAnswers(server=server, seconds=seconds):
            said = f"{server} answers again after {duration(seconds)}", "green"
        case ParameterDropped(model=model, difference=difference):
            said = f"{model}: {difference}", "dim"
        case AnswerLost(role=role, purpose=purpose, reason=reason):
            said = f"no usable answer for the {role} ({purpose}): {reason[:LONGEST]}", "dim"
    return said


def _wanted(campaign: str, wanted: ApprovalWanted) -> str:
    """What to do about an experiment that waits for approval."""
    number, chat = wanted.number, f"evolver chat {campaign}"
    return (
        f"Experiment {number} waits for approval ({wanted.plan}). In `{chat}` say `approve {number}` or "
        f"`reject {number} because ...`, or: echo 'approve {number}' | {chat}"
    )
