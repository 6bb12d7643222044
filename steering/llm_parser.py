"""Reads messages and words answers with a model, where patterns do not decide; what it says is checked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

from pydantic import create_model

from evolver.llm import AnswerError, Conversation
from evolver.prompts import conversation as render
from evolver.steering.directives import directive_type, directive_types
from evolver.steering.intents import Inquiry, Instruction, Reading, Unclear, Understood
from evolver.steering.questions import question, questions

LONGEST = 2000
MOST_ORDERS = 4
"""Further orders of one message that are carried out."""
_CITED = re.compile(r"(?:experiments?|number|no\.|#)\s*((?:#?\d+(?:\s*(?:,|and|or|to|vs\.?)\s*)*)+)", re.IGNORECASE)
_MEASURED = re.compile(r"\d+\.\d+(?:e[-+]?\d+)?", re.IGNORECASE)


def understood_model() -> type[Understood]:
    """The form of a model's reading, with all kinds of directives and questions that there are."""
    kinds = (*(known.kind for known in directive_types()), "question", "unclear")
    topics = tuple(question.kind for question in questions())
    fields: dict[str, Any] = {"kind": (Literal[kinds], ...), "about": (Literal[topics] | None, None)}
    return create_model("Understood", __base__=Understood, __doc__=Understood.__doc__, **fields)


def kinds_told() -> list[str]:
    """What each kind of directive means and takes, for the prompt; those in a row that take the same in one line."""
    lines = []
    for fields, group in groupby(directive_types(), lambda known: known.answer_fields()):
        names = ", ".join(known.kind + (f" ({known.gloss})" if known.gloss else "") for known in group)
        lines.append(f"{names}: {fields}" if fields else names)
    return lines


async def read_with(
    conversation: Conversation,
    purpose: str,
    message: str,
    *,
    task: str,
    progress: str,
    earlier: Sequence[str],
    directives: Sequence[str],
    waiting: str,
) -> tuple[Reading, str, tuple[str, ...]]:
    """What a message says, the model's own words for it, and further orders in it. Raises as `Conversation.ask`."""
    messages = render(
        "chat_read",
        kinds=kinds_told(),
        message=message[:LONGEST],
        task=task,
        progress=progress,
        earlier=earlier,
        directives=directives,
        waiting=waiting,
    )
    answer = await conversation.ask("chat", purpose, "", messages, understood_model(), repairs=1)
    others = tuple(one.strip()[:LONGEST] for one in answer.value.others[:MOST_ORDERS] if one.strip())
    return reading_of(answer.value), answer.value.restated.strip()[:300], others


def reading_of(understood: Understood) -> Reading:
    """The typed reading that a model's answer is; unclear where it is not sure or leaves out what is needed."""
    if understood.kind == "unclear" or not understood.clear:
        said = understood.restated.strip() or "nothing that I can act on"
        examples = ("focus on ...", "10 more experiments", "why is the best the best?")
        return Unclear(understood=said[:300], examples=examples)
    if understood.kind == "question":
        about = understood.about or "anything"
        return Inquiry(
            about=about if len(understood.experiments) >= question(about).numbers else "anything",
            numbers=tuple(understood.experiments),
            topic=understood.topic,
        )
    arguments = directive_type(understood.kind).arguments_from(understood)
    if arguments is None:
        return Unclear(
            understood=f"{understood.kind}, but not of what or how much", examples=(f"{understood.kind} ...", "help")
        )
    return Instruction(kind=understood.kind, arguments=arguments)


async def answer_with(
    conversation: Conversation, purpose: str, question: str, facts: Sequence[str], earlier: Sequence[str]
) -> str:
    """A model's answer that names no number which the facts do not have. Raises as `Conversation.ask_text`."""

    def reader(text: str) -> str:
        if objection := invented(text, "\n".join(facts)):
            raise AnswerError(objection)
        return text.strip()

    messages = render("chat_answer", question=question[:LONGEST], facts="\n".join(facts), earlier=earlier)
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
