"""Reads plain commands and questions without a model; what is not clear is said to be so, and never guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from pydantic import JsonValue

from evolver.steering.intents import Inquiry, Instruction, JoinCampaign, Reading, StartCampaign, Unclear
from evolver.steering.normalize import NUMBERS, amount, plain, spelt
from evolver.steering.questions import question

LONGEST = 8000
"""Characters of a message that is read."""
_NUMBER = rf"\d+|an?|{'|'.join(NUMBERS)}"
_EXPERIMENT = r"(?:(?:the )?(?:experiment|number|no\.?|trial) )?#?"
_BEST = r"(?:the )?(?:best|champion)(?: (?:one|experiment|program))?"
_WHICH = rf"(?:{_EXPERIMENT}(?P<number>\d+)|(?P<best>{_BEST}))"
_IT = r"(?:\s+(?:it|now|here|for now|the campaign|the run|everything|all lanes|immediately|again|a moment))*"
_ASK = r"(?:ask|check with)(?: me| us)?(?: first)?"
_ABOVE = (
    r"(?:over|above|longer than|more than|beyond|from) (?P<above>\d+(?:\.\d+)?) ?"
    r"(?P<unit>seconds?|secs?|s|minutes?|mins?|m|hours?|h)\b"
)
_MANY = r"(?P<which>#?\d+(?:(?:,| and|, and) #?\d+)*|all|it|them|everything)"
_FENCE = re.compile(r"```[a-z]*[ \t]*\n(?P<code>.*?)```", re.DOTALL)
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0}

Found = re.Match[str]


def _topic(kind: str) -> Callable[[Found], Instruction | Unclear]:
    def read(match: Found) -> Instruction | Unclear:
        topic = match["topic"].strip(" .\"'“”`")
        if re.search(r"\b(?:workers?|experiments?|budget|tokens|dollars)\b", topic, re.IGNORECASE):
            return Unclear(
                understood=f"{kind} “{topic}”, which sounds like an amount",
                examples=("10 more experiments", "use 4 workers", f"{kind} annealing"),
            )
        return Instruction.model_validate({"kind": kind, "arguments": {"topic": topic}})

    return read


def _withdraw(match: Found) -> Instruction:
    groups = match.groupdict()
    if groups.get("which"):
        return Instruction(kind="withdraw", arguments={"number": int(groups["which"])})
    word = (groups.get("kind") or "avoid").lower()
    kind = next(k for k in ("focus", "avoid", "pin", "note") if word.startswith(k[:4]) or word.startswith(k))
    return Instruction(kind="withdraw", arguments={"kind": kind, "topic": (groups.get("topic") or "").strip()})


def _pin(match: Found) -> Instruction:
    return Instruction(kind="pin", arguments={"experiment": _number(match)})


def _number(match: Found) -> JsonValue:
    """The number of the experiment that is meant; None for the best one."""
    return int(match["number"]) if match["number"] else None


def _experiments(match: Found) -> Instruction | None:
    count = amount(match["count"])
    how = "experiments" if match.groupdict().get("total") else "more_experiments"
    return Instruction(kind="budget", arguments={how: count}) if count else None


def _total(match: Found) -> Instruction | None:
    count = amount(match["count"])
    return Instruction(kind="budget", arguments={"experiments": count}) if count else None


def _time(match: Found) -> Instruction | None:
    count = amount(match["count"])
    return (
        Instruction(kind="budget", arguments={"more_seconds": count * _UNITS[match["unit"][0].lower()]})
        if count
        else None
    )


def _money(match: Found) -> Instruction:
    return Instruction(kind="budget", arguments={"more_usd" if match["more"] else "usd": float(match["usd"])})


def _tokens(match: Found) -> Instruction | None:
    count = amount(match["count"])
    return (
        Instruction(kind="budget", arguments={"more_tokens" if match["more"] else "tokens": count}) if count else None
    )


def _workers(match: Found) -> Instruction | None:
    count = amount(match["count"])
    if not count:
        return None
    return Instruction(
        kind="workers", arguments={"more_workers" if match.groupdict().get("more") else "workers": count}
    )


def _bare(kind: str) -> Callable[[Found], Instruction]:
    return lambda _: Instruction.model_validate({"kind": kind})


def _again(kind: str) -> Callable[[Found], Instruction]:
    return lambda match: Instruction.model_validate({"kind": kind, "arguments": {"experiment": _number(match)}})


def _judged(kind: str) -> Callable[[Found], Instruction]:
    def read(match: Found) -> Instruction:
        arguments: dict[str, JsonValue] = {}
        if match["which"]:
            arguments["experiments"] = [int(number) for number in re.findall(r"\d+", match["which"])] or match[
                "which"
            ].lower()
        if match.groupdict().get("reason"):
            arguments["reason"] = match["reason"].strip()
        return Instruction.model_validate({"kind": kind, "arguments": arguments})

    return read


def _start(match: Found) -> StartCampaign | None:
    rest, options = match["rest"] or "", dict[str, float | int]()
    if asked := re.search(rf"(?:,? and|,)? {_ASK}.*?{_ABOVE}", rest, re.IGNORECASE):
        options["approve_above"] = float(asked["above"]) * _UNITS[asked["unit"][0].lower()]
        rest = rest[: asked.start()] + rest[asked.end() :]
    for found in re.finditer(
        rf"({_NUMBER})\s*(experiments?|workers?|seconds?|s\b|minutes?|min\b|m\b|hours?|h\b)", rest, re.I
    ):
        count, unit = amount(found[1]), found[2].lower()
        if not count:
            return None
        name = "experiments" if unit.startswith("exp") else "workers" if unit.startswith("work") else "seconds"
        options[name] = count * _UNITS[unit[0]] if name == "seconds" else count
    return StartCampaign.model_validate({"task": match["task"], **options})


def _threshold(match: Found) -> Instruction:
    """From when on a person is asked first; None: never."""
    groups = match.groupdict()
    above: float | None = None
    if groups.get("above"):
        above = float(groups["above"]) * _UNITS[groups["unit"][0].lower()]
    elif groups.get("every"):
        above = 0.0
    return Instruction(kind="approve", arguments={"above": above})


def _join(match: Found) -> JoinCampaign:
    return JoinCampaign(campaign=match["name"])


def _rejected(match: Found) -> Instruction:
    instruction = _judged("reject")(match)
    if match["why"]:
        return instruction.model_copy(update={"arguments": {**instruction.arguments, "reason": match["why"].strip()}})
    return instruction


_PATTERNS: tuple[tuple[str, Callable[[Found], Instruction | StartCampaign | JoinCampaign | Unclear | None]], ...] = (
    (
        r"(?:withdraw|forget|drop|cancel|lift|undo|revoke|remove)(?: the)?(?: directive| instruction)? #?(?P<which>\d+)",
        _withdraw,
    ),
    (
        r"(?:withdraw|forget|drop|cancel|lift|undo|revoke|remove|no longer|don't|do not|stop)(?: the| my| that)?(?: any more)? "
        r"(?P<kind>focus(?:ing)?|avoid(?:ing|ance)?|pin(?:ning|ned)?|notes?)(?: experiment)?(?: on| of| about)?(?: (?P<topic>.+))?",
        _withdraw,
    ),
    (
        r"(?P<kind>unpin)(?: experiment)?(?: #?(?P<topic>\d+))?",
        lambda m: Instruction(kind="withdraw", arguments={"kind": "pin", "topic": m["topic"] or ""}),
    ),
    (r"allow (?P<topic>.+?)(?: again)?", _withdraw),
    (r"no more (?:experiments|trials|proposals)", _bare("stop")),
    (
        rf"(?:do |run |add |make |give me |try |plus )?(?P<count>{_NUMBER}) (?:more|further|additional|extra)(?: (?:experiments?|tries|rounds))?",
        _experiments,
    ),
    (rf"(?:do |run |add |make |give me |try )?(?P<count>{_NUMBER}) experiments? more", _experiments),
    (rf"(?:do |run |add |try |make |give me )?another (?P<count>{_NUMBER})(?: experiments?)?", _experiments),
    (rf"(?:raise|increase|extend)(?: the)? budget by (?P<count>{_NUMBER})(?: experiments?)?", _experiments),
    (
        rf"(?:set |raise |increase |extend |lower |reduce |cut )?(?:the )?budget(?: to| of| is|:| =)? (?P<count>{_NUMBER})(?: experiments?)?(?: in all| in total)?",
        _total,
    ),
    (rf"(?:stop|end|finish) after (?P<count>{_NUMBER}) experiments?(?: in all| in total)?", _total),
    (rf"(?:at most|up to|no more than) (?P<count>{_NUMBER}) experiments?(?: in all| in total)?", _total),
    (rf"(?:run |go on )?(?:for )?(?P<count>{_NUMBER}) more (?P<unit>seconds?|secs?|minutes?|mins?|hours?|h)", _time),
    (
        r"(?:set |raise |increase )?(?:the )?(?:budget|cost)(?: to| of| is|:| =)? (?P<more>)\$ ?(?P<usd>\d+(?:\.\d+)?)",
        _money,
    ),
    (
        r"(?:set |raise |increase )?(?:the )?(?:budget|cost)(?: to| of| is|:| =)? (?P<more>)(?P<usd>\d+(?:\.\d+)?) ?(?:usd|dollars)",
        _money,
    ),
    (r"\$ ?(?P<usd>\d+(?:\.\d+)?) (?P<more>more)", _money),
    (r"(?P<usd>\d+(?:\.\d+)?) (?P<more>more) (?:usd|dollars)", _money),
    (r"(?P<count>[\d,_]+) (?P<more>more )?tokens", _tokens),
    (
        rf"(?:use |run (?:with |on )?|set |with |have |go to |switch to |take )?(?P<count>{_NUMBER}) (?P<more>more )?(?:workers?|slots?|trials at (?:a|the same) time|in parallel)",
        _workers,
    ),
    (rf"(?:set )?workers?(?: to|:| =)? (?P<count>{_NUMBER})", _workers),
    (rf"(?:pause|hold(?: on)?|wait|take a break){_IT}", _bare("pause")),
    (rf"(?:resume|go on|continue|carry on|proceed|unpause|keep going|start){_IT}", _bare("resume")),
    (rf"(?:stop|end|finish|abort|terminate|halt|enough|that's enough){_IT}", _bare("stop")),
    (
        rf"(?:verify|re-?test|confirm|double-?check|replicate|check)(?: the result of)? {_WHICH}(?: again| on fresh (?:seeds|replicates))?",
        _again("verify"),
    ),
    (rf"(?:ablate|do an ablation (?:of|for|on)|ablation (?:of|for|on)) {_WHICH}", _again("ablate")),
    (rf"what does {_WHICH} owe (?:its|the) \w+(?: to)?\??", _again("ablate")),
    (
        rf"(?:which|what) (?:changes?|parts?|components?) (?:of|in) {_WHICH} (?:matters?|helps?|helped|counts?|made the difference)(?: most)?\??",
        _again("ablate"),
    ),
    (rf"where does the (?:gain|score) of {_WHICH} come from\??", _again("ablate")),
    (
        rf"{_ASK}(?: before| about| for)?(?: any| all)?(?: experiments?| trials?| stages?| anything| everything)?"
        rf"(?: (?:that|which))?(?: (?:may|might|can|could|would))?(?: takes?| costs?| runs?)? {_ABOVE}",
        _threshold,
    ),
    (
        rf"{_ASK} (?:before|about) (?P<every>every(?:thing| experiment| one)|each(?: experiment| one)?|all(?: experiments)?|any(?:thing)?)",
        _threshold,
    ),
    (
        r"(?:stop|quit) asking(?: me)?(?: for approval)?|(?:don't|do not|never) ask(?: me)?(?: any ?more| again)?|ask (?:me )?(?:nothing|never)"
        r"|approve everything from now on|no approvals?(?: needed)?",
        _threshold,
    ),
    (rf"(?:approve|accept)(?: experiments?)?(?: {_MANY})?", _judged("approve")),
    (
        rf"(?:reject|refuse|deny|decline|veto)(?: experiments?)?(?: {_MANY})?(?:(?:,|:)? (?:because|since|as)(?: of)? (?P<reason>.+)|[:,] ?(?P<why>.+))?",
        _rejected,
    ),
    (rf"(?:pin|build on|continue from|go on from|start from) {_WHICH}(?: as (?:the )?parent)?", _pin),
    (
        r"(?:focus(?: more| mainly| only)?|concentrate|prioriti[sz]e|emphasi[sz]e)(?: more)?(?: on)? (?P<topic>.+)",
        _topic("focus"),
    ),
    (
        r"(?:avoid|no more|stop (?:using|trying|doing|with)|(?:don't|do not|never) (?:use|try|do)(?: any)?(?: more)?|skip|leave out)"
        r" (?P<topic>.+?)(?: any ?more)?",
        _topic("avoid"),
    ),
    (
        r"(?:join|switch (?:over )?to|change to|talk (?:to|about))(?: the)?(?: campaign)? (?P<name>[A-Za-z0-9][\w.-]*)",
        _join,
    ),
    (
        r"(?:start|begin|launch|run)(?: a)?(?: new)?(?: campaign)?(?: on| for| of| with)? (?P<task>[\w./~-]*[A-Za-z][\w./~-]*)(?P<rest>(?:,| with| for).*)?",
        _start,
    ),
)
_NOTE = re.compile(
    r"^\W*(?:note|remember|remark|hint|fyi|keep in mind|idea)(?: that)?\s*[:,]?\s+(?P<note>\S.*)$",
    re.IGNORECASE | re.DOTALL,
)
_EDITED = re.compile(
    rf"^\W*(?:approve|run|edit)(?: experiment)? #?(?P<number>\d+)\b[^`]*```", re.IGNORECASE | re.DOTALL
)
_COMPILED = tuple((re.compile(pattern, re.IGNORECASE), read) for pattern, read in _PATTERNS)


def read(text: str) -> Reading:
    """What a message says, as far as plain patterns tell."""
    text = text.strip()[:LONGEST]
    if not plain(text):
        return Inquiry(about="help")
    if edited := _EDITED.match(text):
        fences = [fence["code"] for fence in _FENCE.finditer(text)]
        if len(fences) == 1:
            arguments: dict[str, JsonValue] = {"experiments": [int(edited["number"])], "program": fences[0]}
            return Instruction(kind="approve", arguments=arguments)
    for line, corrected in dict.fromkeys([(plain(text), ""), spelt(plain(text))]):
        if (noted := _NOTE.match(text if not corrected else line)) is not None:
            return Instruction(kind="note", arguments={"note": noted["note"].strip()}, corrected=corrected)
        if (found := question(line)) is not None:
            return found.model_copy(update={"corrected": corrected})
        for pattern, understand in _COMPILED:
            match = pattern.fullmatch(line)
            reading = understand(match) if match else None
            if reading is not None:
                return reading if isinstance(reading, Unclear) else reading.model_copy(update={"corrected": corrected})
    return _unclear(plain(text))


_HINTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"\bexperiments?\b",
        "something about experiments",
        ("10 more experiments", "compare 3 and 5", "pin experiment 3"),
    ),
    (r"\bworkers?|parallel|slots?\b", "something about workers", ("use 4 workers",)),
    (r"\b(?:stop|pause|halt|end|quit)\b", "something about stopping", ("pause", "stop")),
    (
        r"\b(?:budget|cost|dollars?|tokens?|time)\b",
        "something about the budget",
        ("budget 50", "10 more minutes", "$2 more"),
    ),
    (
        r"\b(?:why|what|how|which|who|when|is|are|does|did)\b",
        "a question",
        ("why is the best the best?", "what failed most?", "how far?"),
    ),
    (
        r"\b(?:approve|reject|ok|yes|no)\b",
        "something about an approval",
        ("approve 17", "reject 17 because it is too dear"),
    ),
)


def _unclear(line: str) -> Unclear:
    """What seems to be meant, and what would have been clear."""
    for pattern, meant, examples in _HINTS:
        if re.search(pattern, line, re.IGNORECASE):
            return Unclear(understood=f"{meant}, but not what", examples=examples)
    short = line if len(line) <= 60 else f"{line[:57]}..."
    return Unclear(
        understood="no command or question that I know",
        examples=(f"focus on {short}", f"avoid {short}", f"note: {short}", "help"),
    )
