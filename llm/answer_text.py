"""From what a server sent to what the model answers: thinking in all its shapes, and marks of chat templates, go.

Every reader of answers gets its text from here. Programs and records may hold the same marks; inside fenced blocks and
SEARCH/REPLACE blocks nothing is touched.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_TAGS = (
    "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|analysis|inner_monologue|inner_thoughts"
    "|seed:think|longcat_think|chain_of_thought|cot"
)
_PAIRS = (
    (rf"<(?:{_TAGS})(?:\s[^<>]*)?>", rf"</(?:{_TAGS})>"),
    (r"\[THINK(?:ING)?\]", r"\[/THINK(?:ING)?\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|?begin_of_thought\|?>", r"<\|?end_of_thought\|?>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|thinking\|>|<\|think\|>", r"<\|/think(?:ing)?\|>|<\|end_think(?:ing)?\|>"),
    (r"<unused94>(?:thought)?", r"<unused95>"),
)
"""Where thinking begins and ends, in the words of different models."""
_OPENINGS, _CLOSINGS = ("|".join(pair[side] for pair in _PAIRS) for side in (0, 1))
_EACH = tuple((re.compile(begin, re.IGNORECASE), re.compile(end, re.IGNORECASE)) for begin, end in _PAIRS)
_TOKEN = re.compile(
    rf"^[ \t]*(?:(?P<fence>`{{3,}}|~{{3,}})|(?P<search><{{4,9}}\s*SEARCH)|(?P<open>{_OPENINGS})|(?P<close>{_CLOSINGS}))"
    rf"|(?P<late>{_CLOSINGS})(?=[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_REPLACE = re.compile(r"^[ \t]*>{4,9}\s*REPLACE", re.MULTILINE)
_HARMONY = re.compile(r"<\|channel\|>\s*final\b.*?<\|message\|>(.*)\Z", re.DOTALL)
_HARMONY_THOUGHT = re.compile(r"\A\s*<\|channel\|>\s*(?:analysis|commentary)\b.*?<\|message\|>(.*)\Z", re.DOTALL)
_BARE_HARMONY = re.compile(r"\Aanalysis(?=[A-Z\s]).*?assistantfinal(.*)\Z", re.DOTALL)
_GRANITE = re.compile(
    r"\AHere(?: is|'s) my thought process:(.*?)^Here(?: is|'s) my response:(.*)\Z", re.DOTALL | re.MULTILINE
)
_SOLUTION = re.compile(
    r"\A(?:<\|begin_of_solution\|>|<\|START_RESPONSE\|>)(.*?)(?:<\|end_of_solution\|>|<\|END_RESPONSE\|>)?\Z", re.DOTALL
)
_START = re.compile(
    r"\A(?:\s|\ufeff|\u200b|<\|im_start\|>(?:assistant)?|<\|start\|>assistant|<\|assistant\|>|<start_of_turn>model"
    r"|<\|start_header_id\|>assistant<\|end_header_id\|>)+"
)
_END = re.compile(
    r"(?:\s|<\|(?:im_end|eot_id|endoftext|end_of_text|end|return|eom_id|eos|END_OF_TURN_TOKEN)\|>|</s>|<eos>"
    r"|<end_of_turn>|<｜end▁of▁sentence｜>)+\Z"
)


class ReplyParts(NamedTuple):
    """A reply, taken apart."""

    answer: str
    """What the model answers; empty where there is none."""
    thinking: str
    """What it thought aloud before."""


def answer_text(reply: str, *, truncated: bool = False) -> str:
    """The answer in a reply. Where everything is thinking, that is read instead, unless it was cut off.

    Applying it to an answer changes nothing.
    """
    parts = split_reply(reply)
    return parts.answer if parts.answer or truncated else parts.thinking


def is_all_thinking(reply: str) -> bool:
    """Whether a model thought, and answered nothing after it."""
    parts = split_reply(reply)
    return not parts.answer and bool(parts.thinking)


def as_thinking(text: str) -> str:
    """A reply that consists of thinking alone, as servers send it in a field of its own."""
    return f"<think>\n{text}\n</think>"


def split_reply(reply: str) -> ReplyParts:
    """Take the thinking and the marks of a chat template off a reply."""
    text = _bare(reply)
    for final in (_HARMONY, _BARE_HARMONY):
        if found := final.search(text):
            return ReplyParts(_bare(found[1]), text[: found.start(1)].strip())
    if found := _HARMONY_THOUGHT.match(text):
        return ReplyParts("", _bare(found[1]))
    if found := _GRANITE.match(text):
        return ReplyParts(_bare(found[2]), found[1].strip())
    answer, thinking = _without_blocks(text)
    if found := _SOLUTION.match(answer):
        answer = _bare(found[1])
    return ReplyParts(answer, "\n\n".join(filter(None, map(str.strip, thinking))))


def _bare(text: str) -> str:
    """Without what a chat template puts before and after an answer."""
    return _END.sub("", _START.sub("", text))


def _without_blocks(text: str) -> tuple[str, list[str]]:
    """The text without thinking, and the thinking; what opens and never closes is thinking to the end."""
    kept, thinking = list[str](), list[str]()
    start = at = 0
    while (found := _TOKEN.search(text, at)) is not None:
        if found["open"]:
            kept.append(text[start : found.start()])
            end = _closing(text, found)
            thinking.append(text[found.end() : end[0]])
            start = at = end[1]
        elif found["close"] or found["late"]:
            if not thinking:  # its opening stood in the prompt
                thinking, kept = [text[: found.start()]], []
                start = found.end()
            at = found.end()
        else:
            at = _end_of_block(text, found)
    kept.append(text[start:])
    return _bare("".join(kept)), thinking


def _closing(text: str, opening: re.Match[str]) -> tuple[int, int]:
    """Where the thinking ends and the rest begins: on its own line, else at a mark at an end of a line."""
    end = next(closing for begin, closing in _EACH if begin.fullmatch(opening["open"]))
    found = list(end.finditer(text, opening.end()))
    if not found:
        return len(text), len(text)
    line = text.find("\n", opening.end())
    on_one_line = found[0].start() < line or line < 0
    chosen = found[0] if on_one_line else next((match for match in found if _is_at_edge(text, match)), found[0])
    return chosen.start(), chosen.end()


def _is_at_edge(text: str, match: re.Match[str]) -> bool:
    before = text[text.rfind("\n", 0, match.start()) + 1 : match.start()]
    after = text[match.end() : (text.find("\n", match.end()) + 1 or len(text) + 1) - 1]
    return not before.strip() or not after.strip()


def _end_of_block(text: str, begin: re.Match[str]) -> int:
    """Just after a fenced or SEARCH/REPLACE block; after its first line where it does not end."""
    if begin["search"]:
        end = _REPLACE.search(text, begin.end())
    else:
        mark = begin["fence"]
        end = re.compile(rf"^[ \t]*{re.escape(mark)}{re.escape(mark[0])}*[ \t]*$", re.MULTILINE).search(
            text, begin.end()
        )
    return end.end() if end else begin.end()
