"""What a person says to a campaign, from any surface and any process: understood, carried out, answered.

`send` is all that a surface needs. Nothing of it touches the process that runs the campaign: directives go into the
archive, and lanes read them before each proposal.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from evolver.contracts import QUESTION, Campaign, Directive, RunConfig
from evolver.contracts.campaign_events import StartedByMessage
from evolver.errors import EvolverError, UsageError
from evolver.graph.campaign_lock import is_running
from evolver.graph.chat_loop import in_chat_loop
from evolver.graph.context import Context
from evolver.graph.detached import launch
from evolver.graph.resolved_run import ResolvedRun, open_archive
from evolver.settings import Settings
from evolver.steering.approval import waiting
from evolver.steering.campaign_knowledge import campaign_knowledge, said_before
from evolver.steering.commands import Command, directive_id
from evolver.steering.directives import directive_type
from evolver.steering.grammar import read
from evolver.steering.help_text import help_lines
from evolver.steering.intents import Inquiry, Instruction, JoinCampaign, Reading, StartCampaign, Unclear
from evolver.steering.question_type import CampaignFacts
from evolver.steering.questions import question

if TYPE_CHECKING:
    from evolver.llm import Conversation
    from evolver.memory import Archive

T = TypeVar("T")

LONGEST_WAIT = 180.0
"""Seconds that a chat waits for one answer of a model; after that, patterns and templates do."""
OUTAGE = 5.0
NO_CAMPAIGN = "There is no campaign here yet. Say `start circle-packing with 20 experiments`, or name another task."
SOMEBODY = "somebody"
RECENT = 20
"""Campaigns that are looked through for one that a message has started."""


@dataclass(frozen=True)
class Understanding:
    """A reading with what the person is told about it."""

    reading: Reading
    said: str = ""
    """How it was read, where that is not plain."""
    others: tuple[str, ...] = ()
    """Further orders in the same message, in plain words."""


@dataclass(frozen=True)
class Said:
    """What a person is told, and the campaign that the conversation is about from now on."""

    replies: list[str]
    campaign: str


def send(home: Path | str, campaign: str, text: str, who: str) -> list[str]:
    """Say something to a campaign, whichever process runs it: an instruction, or a question.

    What it asks for is in the archive when this returns; proposals follow it from the next one on. Without a model
    this takes milliseconds; what starts a process takes as long as that does.

    Args:
        home: The campaign's data folder.
        campaign: Its name.
        text: What a person would say in `evolver chat`: `focus on the layout`, `10 more experiments`, `pause`,
            `why is the best the best?`; `help` lists the rest.
        who: The person's name, which directives are kept under.

    Returns:
        The lines of the reply. What is wrong with the message is said there, too.

    Raises:
        UnknownName: There is no such campaign.

    Example:
        >>> evolver.send("results", "function-fitting-1", "what failed most?", "ann")
        ['Nothing failed: 1 experiments, none of them unusable.']
    """
    home = Path(home)
    with open_archive(home) as archive:
        return answer(home, archive, campaign, text, who).replies


def answer(home: Path, archive: Archive, campaign: str, text: str, who: str) -> Said:
    """`send` for whoever has the archive open. `campaign` is empty where there is none yet. Raises UnknownName."""
    return act(home, archive, campaign, understand(home, archive, campaign, text), text, who)


def understand(home: Path, archive: Archive, campaign: str, text: str) -> Understanding:
    """What a message says: by patterns, and by the campaign's model where those do not decide.

    `campaign` is empty where there is none yet. Raises UnknownName.
    """
    reading = read(text)
    if not isinstance(reading, Unclear):
        corrected = getattr(reading, "corrected", "")
        return Understanding(reading, f"(I read {corrected}.)" if corrected else "")
    if not campaign:
        return Understanding(reading)
    record = archive.campaigns.get(campaign)
    found = _ask(archive, record, home, lambda model: _read_with(model, archive, record, text))
    if found is None:
        return Understanding(reading)
    understood, restated, others = found
    return Understanding(understood, f"(I understood: {restated})" if restated else "", others)


def act(
    home: Path, archive: Archive, campaign: str, understanding: Understanding, text: str, who: str, *, key: str = ""
) -> Said:
    """Do what was understood. Raises UnknownName where there is no such campaign.

    `key` names the message, so that it is carried out once however often it comes.
    """
    done = _act_on_one(home, archive, campaign, understanding, text, who, key=key)
    replies, now = list(done.replies), done.campaign
    for place, order in enumerate(understanding.others, 1):
        # By patterns alone: a model has put it into plain words already.
        said = Understanding(read(order), f"(And: {order})")
        more = _act_on_one(home, archive, now, said, order, who, key=f"{key}-{place}" if key else "")
        replies, now = [*replies, *more.replies], more.campaign
    return Said(replies, now)


def _act_on_one(
    home: Path, archive: Archive, campaign: str, understanding: Understanding, text: str, who: str, *, key: str
) -> Said:
    reading = understanding.reading
    said = [understanding.said] if understanding.said else []
    if isinstance(reading, StartCampaign):
        begun = begin(home, archive, reading, text, who, key=key)
        return Said([*said, *begun.replies], begun.campaign or campaign)
    if not campaign:
        helps = isinstance(reading, Inquiry) and reading.about == "help"
        return Said([*(help_lines() if helps else ()), NO_CAMPAIGN], "")
    if isinstance(reading, Unclear):
        return Said([f"I am not sure what to do: I understood {reading.understood}.", _examples(reading)], campaign)
    if isinstance(reading, JoinCampaign):
        return Said([*said, *_joined(home, archive, reading.campaign)], reading.campaign)
    return Said([*said, *_carried_out(home, archive, campaign, reading, text, who or SOMEBODY, key)], campaign)


def _carried_out(
    home: Path, archive: Archive, campaign: str, reading: Instruction | Inquiry, text: str, who: str, key: str
) -> list[str]:
    archive.campaigns.get(campaign)
    running = is_running(home, campaign)
    try:
        if isinstance(reading, Inquiry):
            return _answer(home, archive, campaign, reading, text, who, running=running)
        if key and (number := _known_number(archive, campaign, directive_id(key))):
            return [f"That is done already: it is directive {number}."]
        command = Command(archive, campaign, who, running, reading, text, key)
        carried = directive_type(reading.kind).carry_out(command)
        if carried.process:
            launch(home, campaign, list(carried.process))
        return carried.replies
    except EvolverError as error:
        return [f"That was not done: {error}."]


def _known_number(archive: Archive, campaign: str, directive: str) -> int:
    return next((known.number for known in archive.directives.list(campaign) if known.id == directive), 0)


def begin(home: Path, archive: Archive, start: StartCampaign, text: str, who: str, *, key: str = "") -> Said:
    """Start a campaign in a process of its own; where it cannot be started, the campaign is empty."""
    said = start.model_dump(include=set(RunConfig.model_fields), exclude_unset=True)
    if key and (known := _begun_by(archive, key)):
        return Said([f"That is done already: it is campaign {known}."], known)
    try:
        context = Context.model_validate({**said, "home": home})
        name = ResolvedRun(context, archive=archive).register().name
        archive.events.add(name, StartedByMessage(who=who or SOMEBODY, text=text, message=key))
        launch(home, name, ["resume", name])
    except EvolverError as error:
        return Said([f"That was not done: {error}."], "")
    return Said([f"Campaign {name} has begun; it runs whether you stay here or not."], name)


def _begun_by(archive: Archive, key: str) -> str:
    """The campaign that a message has started before; empty: none."""
    for campaign in reversed(archive.campaigns.list()[-RECENT:]):
        if any(
            event.data.message == key for event in archive.events.list(campaign.name, kind=StartedByMessage, newest=1)
        ):
            return campaign.name
    return ""


def _joined(home: Path, archive: Archive, name: str) -> list[str]:
    archive.campaigns.get(name)
    facts, progress = CampaignFacts(archive, name, is_running(home, name)), Inquiry(about="progress")
    return [f"We talk about {name} now.", *question(progress.about).answer(facts, progress)]


def newest_campaign(home: Path, archive: Archive) -> str:
    """The campaign that is meant where none is named: the newest that runs, else the newest. Empty: there is none."""
    names = [campaign.name for campaign in archive.campaigns.list()]
    return next((name for name in reversed(names) if is_running(home, name)), names[-1] if names else "")


def _examples(reading: Unclear) -> str:
    return "Did you mean one of these? " + "   ".join(f"`{example}`" for example in reading.examples)


def _answer(
    home: Path, archive: Archive, campaign: str, inquiry: Inquiry, text: str, who: str, *, running: bool
) -> list[str]:
    asked_for = question(inquiry.about)
    asked_for.check(inquiry)
    facts = asked_for.answer(CampaignFacts(archive, campaign, running), inquiry)
    record = archive.campaigns.get(campaign)
    asked = Directive(
        id=uuid.uuid4().hex[:16],
        campaign=campaign,
        kind=QUESTION,
        text=text,
        who=who,
        arguments={"about": inquiry.about, "numbers": list(inquiry.numbers), "topic": inquiry.topic},
        status="done",
    )
    archive.directives.add(asked)
    if not asked_for.may_be_worded:
        return facts

    async def word(model: Conversation) -> str:
        from evolver.steering.llm_parser import answer_with

        known = await archive.run(campaign_knowledge, archive, campaign)
        earlier = await archive.run(said_before, archive, campaign)
        return await answer_with(model, f"answer {asked.id}", text, [*facts, *known], earlier[:-1])

    worded = _ask(archive, record, home, word)
    return facts if worded is None else worded.splitlines()


async def _read_with(
    model: Conversation, archive: Archive, campaign: Campaign, text: str
) -> tuple[Reading, str, tuple[str, ...]]:
    from evolver.steering.llm_parser import read_with

    counts = await archive.run(archive.campaigns.counts, campaign.name)
    given = await archive.run(archive.directives.in_force, campaign.name)
    waits = await archive.run(waiting, archive, campaign.name)
    earlier = await archive.run(said_before, archive, campaign.name)
    return await read_with(
        model,
        f"read {uuid.uuid4().hex[:16]}",
        text,
        task=f"{campaign.task}: {campaign.metric.direction} {campaign.metric.name}",
        progress=f"{counts.finished} of {campaign.budget.experiments} experiments done, {campaign.status}",
        earlier=earlier,
        directives=[f"{d.kind}: {d.text}" for d in given],
        waiting=", ".join(str(one.experiment.number) for one in waits),
    )


def _ask(archive: Archive, campaign: Campaign, home: Path, work: Callable[[Conversation], Awaitable[T]]) -> T | None:
    """What the campaign's chat model says; None where it has none, or none that answers."""
    if campaign.team == "offline" or not campaign.models or campaign.replays:
        return None
    from evolver.llm import ModelClient, ModelError, RetryPolicy, models_for, parse_models

    try:
        choices = parse_models(campaign.models, campaign.base_url)
        models_for(choices, "chat")
        settings = Settings(home=home)
        retry_policy = RetryPolicy(request=min(settings.request_seconds, LONGEST_WAIT), outage=OUTAGE)
        caller = ModelClient(archive, campaign.name, choices, settings=settings, retry_policy=retry_policy)

        async def asked() -> T:
            async with asyncio.timeout(LONGEST_WAIT):
                return await work(caller)

        return in_chat_loop(asked)
    except (ModelError, UsageError, TimeoutError):
        return None
