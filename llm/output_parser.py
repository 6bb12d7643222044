"""Reads a record out of what a model wrote: bare JSON, fenced or tagged, with prose around it, with slips."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn, TypeVar

from json_repair import repair_json
from pydantic import BaseModel, ValidationError

from evolver.llm.answer_text import answer_text
from evolver.text_files import whole_text

T = TypeVar("T", bound=BaseModel)

MOST_ERRORS = 10
"""Mistakes named at once; more would not be read."""
MOST_UNCLOSED = 50
"""Brackets without an end after which no more are looked at: each costs a look at all the rest."""

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*\1[ \t]*$", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"<(json|answer|output|response|result)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)


class AnswerError(ValueError):
    """An answer cannot be used; the text is written for the model that gave it."""


MOST_DIGITS = 18
"""Of a whole number; longer ones fit into no column of the archive."""


def read(text: str, form: type[T]) -> T:
    """The record in a model's answer. Raises AnswerError saying what is missing or wrong.

    The most explicit place counts: the whole answer, then tags, then fences, then JSON amid prose. Several different
    records in the same kind of place are an error, since nobody can tell which is meant.
    """
    answer = answer_text(text).strip()
    if not answer:
        raise AnswerError("the answer is empty; answer with one JSON object")
    complaint = ""
    for places in (_whole, _tagged, _fenced, _amid_prose):
        found: list[T] = []
        for candidate in places(answer):
            try:
                value = _record(_parse(candidate), form)
            except AnswerError as error:
                complaint = _better(complaint, str(error))
            else:
                found += [value] if value not in found else []
        if len(found) > 1:
            raise AnswerError(f"the answer holds {len(found)} different JSON objects of this form; give exactly one")
        if found:
            return found[0]
    raise AnswerError(
        complaint or "there is no JSON object in the answer; answer with one JSON object and nothing else"
    )


def _whole(text: str) -> Iterator[str]:
    if text[0] in "{[":
        yield text


def _tagged(text: str) -> Iterator[str]:
    for match in _TAG.finditer(text):
        inner = match[2].strip()
        fence = _FENCE.search(inner)
        yield fence[3].strip() if fence else inner


def _fenced(text: str) -> Iterator[str]:
    blocks = [(match[2].lower(), match[3].strip()) for match in _FENCE.finditer(text)]
    called_json = [inner for language, inner in blocks if language.startswith("json")]
    yield from called_json or [inner for _, inner in blocks if inner[:1] in {"{", "["}]


def _amid_prose(text: str) -> Iterator[str]:
    """The outermost stretches between matching brackets; the first that never closes too, for its complaint."""
    at = unclosed = 0
    while unclosed < MOST_UNCLOSED and (start := _first(text, at)) is not None:
        end = _end_of(text, start)
        if end is None:
            if not unclosed:
                yield text[start:]
            at, unclosed = start + 1, unclosed + 1
            continue
        if text[start] == "{" or text[start + 1 : end].lstrip()[:1] in {"{", '"'}:
            yield text[start:end]
        at = end


def _first(text: str, at: int) -> int | None:
    found = [place for bracket in "{[" if (place := text.find(bracket, at)) >= 0]
    return min(found, default=None)


def _end_of(text: str, start: int) -> int | None:
    """Just after the bracket that closes the one at `start`; brackets inside strings do not count."""
    depth, quoted, escaped = 0, False, False
    for place in range(start, len(text)):
        letter = text[place]
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = letter == "\\", letter != '"'
        elif letter == '"':
            quoted = True
        elif letter in "{[":
            depth += 1
        elif letter in "}]":
            depth -= 1
            if depth == 0:
                return place + 1
    return None


def _parse(text: str) -> Any:
    try:
        return _load(text)
    except json.JSONDecodeError as error:
        try:
            return _repaired(text)
        except ValueError:
            raise AnswerError(_where(error)) from None


def _repaired(text: str) -> Any:
    """JSON with a comma too many or too few, single quotes or the like. Raises ValueError where it had to be guessed.

    What the library writes into its log is a guess: a string's end, a value's kind. What breaks off is never repaired.
    """
    if _end_of(text, 0) != len(text):
        raise ValueError("the JSON breaks off")
    # Keys that occur twice are noticed inside lists alone.
    value, guesses = repair_json(f"[{text}]", return_objects=True, skip_json_loads=True, strict=True, logging=True)
    if guesses or not isinstance(value, list) or len(value) != 1:
        raise ValueError("the JSON cannot be repaired for certain")
    return value[0]


def _load(text: str) -> Any:
    try:
        return json.loads(
            text,
            strict=False,
            object_pairs_hook=_no_doubles,
            parse_constant=_no_constant,
            parse_int=_bounded_int,
        )
    except RecursionError:
        raise AnswerError("the JSON is nested too deeply") from None


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    doubles = sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []
    if doubles:
        raise AnswerError(f"the key {doubles[0]!r} occurs twice in the same JSON object")
    return {whole_text(key): whole_text(value) if isinstance(value, str) else value for key, value in pairs}


def _bounded_int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise AnswerError(f"there is a whole number of {len(digits)} digits, which cannot be meant")
    return int(digits)


def _no_constant(name: str) -> NoReturn:
    raise AnswerError(f"{name} is not JSON; write a number or null")


def _where(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc.rstrip()) or "Unterminated" in error.msg:
        return "the JSON ends before it is complete"
    line = error.doc.split("\n")[error.lineno - 1]
    near = line[max(0, error.colno - 41) : error.colno + 40]
    return f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}, near: {near}"


def _record(data: Any, form: type[T]) -> T:
    """The data as a record; also where it stands in a list of one, or under a name of its own."""
    complaint: ValidationError | None = None
    for shape in _shapes(data, form):
        try:
            return form.model_validate(shape)
        except ValidationError as error:
            complaint = complaint or error
    if complaint is None:
        raise AnswerError(f"the answer is a JSON {_kind(data)}; give one JSON object")
    raise AnswerError(_mistakes(complaint))


def _shapes(data: Any, form: type[T]) -> Iterator[Any]:
    fields = form.model_fields
    if isinstance(data, list):
        lists = [name for name, field in fields.items() if field.is_required()]
        if "root" in fields:
            yield data
        elif len(data) == 1 and isinstance(data[0], dict):
            yield data[0]
        if len(lists) == 1 and lists != ["root"]:
            yield {lists[0]: data}
    elif isinstance(data, dict):
        yield data
        if len(data) == 1 and (name := next(iter(data))) not in fields and isinstance(data[name], dict):
            yield data[name]
    elif "root" in fields:
        yield data


def _kind(data: Any) -> str:
    names: dict[type, str] = {list: "list", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(data), "number")


def _mistakes(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False, include_context=False)
    said = [f"`{'.'.join(map(str, m['loc'])) or 'answer'}`: {m['msg']}" for m in mistakes[:MOST_ERRORS]]
    more = f"; and {len(mistakes) - MOST_ERRORS} more" if len(mistakes) > MOST_ERRORS else ""
    return f"the JSON does not have the right form: {'; '.join(said)}{more}"


def _better(old: str, new: str) -> str:
    """The complaint that helps more: about the form, rather than about brackets in prose."""
    return new if not old or ("right form" in new and "right form" not in old) else old
