"""Reads messages and words answers with a model, where patterns do not decide; what it says is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from evolver.llm import AnswerError, Conversation
from evolver.prompts import conversation as render
from evolver.steering.intents import Inquiry, Instruction, Reading, Topic, Unclear

LONGEST = 2000
_CITED = re.compile(r"(?:experiments?|number|no\.|#)\s*((?:#?\d+(?:\s*(?:,|and|or|to|vs\.?)\s*)*)+)", re.IGNORECASE)
_MEASURED = re.compile(r"\d+\.\d+(?:e[-+]?\d+)?", re.IGNORECASE)
_TOPICS = ("focus", "avoid", "note")
_BARE = ("pause", "resume", "stop")


class Understood(BaseModel):
    """How a model reads a message."""

    model_config = ConfigDict(extra="ignore")

    kind: Literal[
        "focus",
        "avoid",
        "pin",
        "note",
        "budget",
        "workers",
        "pause",
        "resume",
        "stop",
        "verify",
        "ablate",
        "approve",
        "reject",
        "withdraw",
        "question",
        "unclear",
    ]
    topic: str = ""
    experiments: list[int] = []
    amount: float | None = None
    unit: str = ""
    about: Topic | None = None
    reason: str = ""
    restated: str = ""
    clear: bool = False


async def read_with(
    conversation: Conversation,
    purpose: str,
    message: str,
    *,
    task: str,
    progress: str,
    directives: Sequence[str],
    waiting: str,
) -> tuple[Reading, str]:
    """What a message says, and the model's own words for it. Raises as `Conversation.ask`."""
    messages = render(
        "chat_read", message=message[:LONGEST], task=task, progress=progress, directives=directives, waiting=waiting
    )
    answer = await conversation.ask("chat", purpose, "", messages, Understood, repairs=1)
    return reading_of(answer.value), answer.value.restated.strip()[:300]


def reading_of(understood: Understood) -> Reading:
    """The typed reading that a model's answer is; unclear where it is not sure or leaves out what is needed."""
    if understood.kind == "unclear" or not understood.clear:
        said = understood.restated.strip() or "nothing that I can act on"
        examples = ("focus on ...", "10 more experiments", "why is the best the best?")
        return Unclear(understood=said[:300], examples=examples)
    if understood.kind == "question":
        about: Topic = understood.about or "anything"
        needed = {"compare": 2, "changed": 1, "experiment": 1}.get(about, 0)
        return Inquiry(
            about=about if len(understood.experiments) >= needed else "anything",
            numbers=tuple(understood.experiments),
            topic=understood.topic,
        )
    arguments = _arguments(understood)
    if arguments is None:
        return Unclear(
            understood=f"{understood.kind}, but not of what or how much", examples=(f"{understood.kind} ...", "help")
        )
    try:
        return Instruction.model_validate({"kind": understood.kind, "arguments": arguments})
    except ValidationError:
        return Unclear(understood=understood.kind, examples=("help",))


def _arguments(understood: Understood) -> dict[str, JsonValue] | None:
    """What the instruction needs; None where something is missing."""
    kind, experiments = understood.kind, understood.experiments
    if kind in _BARE:
        return {}
    if kind in _TOPICS:
        return {"note" if kind == "note" else "topic": understood.topic} if understood.topic.strip() else None
    if kind in ("pin", "verify", "ablate"):
        return {"experiment": experiments[0] if experiments else None} if len(experiments) < 2 else None
    if kind in ("approve", "reject"):
        reason: dict[str, JsonValue] = {"reason": understood.reason} if understood.reason else {}
        return {**({"experiments": list(experiments)} if experiments else {}), **reason}
    if kind == "withdraw":
        known = understood.unit in ("focus", "avoid", "pin", "note")
        return {"kind": understood.unit, "topic": understood.topic} if known else None
    return _amount(understood)


def _amount(understood: Understood) -> dict[str, JsonValue] | None:
    units = ("experiments", "seconds", "usd", "tokens") if understood.kind == "budget" else ("workers",)
    if understood.amount is None or understood.amount <= 0 or understood.unit.removeprefix("more_") not in units:
        return None
    return {understood.unit: understood.amount if understood.unit.endswith("usd") else int(understood.amount)}


async def answer_with(conversation: Conversation, purpose: str, question: str, facts: Sequence[str]) -> str:
    """A model's answer that names no number which the facts do not have. Raises as `Conversation.ask_text`."""

    def reader(text: str) -> str:
        if objection := invented(text, "\n".join(facts)):
            raise AnswerError(objection)
        return text.strip()

    messages = render("chat_answer", question=question[:LONGEST], facts="\n".join(facts))
    answer: Any = await conversation.ask_text("chat", purpose, "", messages, reader, repairs=1)
    return str(answer.value)


def invented(text: str, facts: str) -> str | None:
    """What is wrong with an answer: it is empty, or has experiments or measurements that the facts do not have."""
    if not text.strip():
        return "the answer is empty"
    known = set(re.findall(r"\d+", facts))
    cited = [number for match in _CITED.finditer(text) for number in re.findall(r"\d+", match[1])]
    if strange := [number for number in cited if number not in known]:
        return f"the facts have no experiment {strange[0]}; name only experiments that they have"
    if strange := [number for number in _MEASURED.findall(text) if number.rstrip("0") not in facts]:
        return f"the facts have no number {strange[0]}; write no number that they do not have"
    return None
