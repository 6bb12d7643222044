"""Events of a campaign that a person wants to hear of at once, in plain words."""

from __future__ import annotations

from rich.text import Text

from evolver.contracts import QUESTION, Event, TrialStatus
from evolver.formatting import duration
from evolver.settings import Settings

LONGEST = 300


def _wanted(event: Event) -> str:
    """What to do about an experiment that waits for approval."""
    number, chat = event.data.get("number"), f"evolver chat {event.campaign}"
    return (
        f"Experiment {number} waits for approval ({event.data.get('plan')}). In `{chat}` say `approve {number}` or "
        f"`reject {number} because ...`, or: echo 'approve {number}' | {chat}"
    )


def happening(event: Event, settings: Settings) -> Text | None:
    """A line about an event, or None for those that are no news."""
    data, kind = event.data, event.kind
    reason, said = str(data.get("reason", ""))[:LONGEST], None
    if kind == "trial" and data.get("status") == TrialStatus.TAMPERED:
        said = ("TAMPERED: the task's files were changed; the campaign stops", "bold red")
    elif kind == "provider_down":
        retry_policy = duration(settings.outage_seconds)
        said = (
            f"{data['server']} gives no answers ({reason}); trying again for {retry_policy}. Ctrl-C pauses",
            "yellow",
        )
    elif kind == "provider_up":
        said = (f"{data['server']} answers again after {duration(float(str(data['seconds'])))}", "green")
    elif kind == "ended":
        said = (f"No more proposals: {reason}. What runs is finished first.", "yellow")
    elif kind == "directive" and data.get("kind") != QUESTION:
        said = (f"{data.get('who', 'somebody')} says: {str(data.get('text', ''))[:LONGEST]}", "cyan")
    elif kind == "status" and data.get("status") == "paused":
        said = ("Paused.", "yellow")
    elif kind == "approval_wanted":
        said = (_wanted(event), "bold yellow")
    elif kind == "directive_closed" and data.get("status") == "done" and data.get("outcome"):
        said = (str(data["outcome"]), "cyan")
    elif kind == "parameter_dropped":
        said = (f"{data['model']}: {data['difference']}", "dim")
    elif kind == "answer_lost":
        said = (f"no usable answer for the {data['role']} ({data['purpose']}): {reason}", "dim")
    return Text(said[0], style=said[1]) if said else None
