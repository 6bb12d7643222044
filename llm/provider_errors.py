"""Says what a failed request means, whichever provider's library raised it.

Libraries are told apart by what their errors carry (a status code, a response with headers, a name), so that none of
them has to be imported.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any

RETRIED = {408, 409, 425, 429}
LONGEST_TEXT = 600
"""Characters of a provider's message that are worth showing."""

_CONTEXT = re.compile(
    r"context.?(length|window|size)|maximum context|prompt is too long|input is too long|too many (input )?tokens"
    r"|input tokens? (count )?exceed|reduce the length|request.{0,20}too large",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"(?:maximum context length is|context (?:length|window|size)(?: is| of|:)?|at most"
    r"|maximum(?: value)?(?: is| of|:)?|<=?)\s*\(?(\d{3,8})",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance|insufficient.balance|payment required", re.IGNORECASE)
_NO_MODEL = re.compile(
    r"model.{0,80}(not found|does not exist|not exist)|(no such|unknown|invalid|unsupported) model", re.IGNORECASE
)
_POLICY = re.compile(r"content.?(filter|policy|management)|safety|moderation", re.IGNORECASE)
_LOST = re.compile(r"timeout|timed.?out", re.IGNORECASE)
_CUT = re.compile(r"connect|network|remoteprotocol|readerror|writeerror|disconnect|incomplete", re.IGNORECASE)
_NEVER_SENT = re.compile(
    r"connecterror|connecttimeout|connectionrefused|pooltimeout|gaierror|unsupportedprotocol|invalidurl|localprotocol"
    r"|proxyerror",
    re.IGNORECASE,
)
_LOCAL = re.compile(
    r"localprotocol|unsupportedprotocol|invalidurl|invalidheader|UnicodeEncodeError|UnicodeDecodeError|sslcertverification"
    r"|LocationParseError|InvalidSchema|MissingSchema",
    re.IGNORECASE,
)
"""Names of errors that say that a request cannot be sent, however often it is tried."""
_TLS = re.compile(r"certificate.?verify|wrong.version.number|record layer failure|ssl:|certificate", re.IGNORECASE)
SYSTEM_ROLE = re.compile(
    r"system.{0,3} (role|message|prompt|instruction)s?\b.{0,60}\b(not|unsupported|unknown|disabled|invalid)"
    r"|\b(not|n't|unsupported|unknown|invalid|unexpected|only)\b.{0,60}\brole\b.{0,20}system"
    r"|\b(not|n't|unsupported|unknown|invalid|unexpected|only)\b.{0,60}system.{0,3} (role|message|prompt)"
    r"|role.{0,40}system.{0,40}\b(not|unsupported|invalid)|roles? must (alternate|be)|developer instruction"
    r"|messages?(\[0\]|\.0)\.role|does not support '?(system|developer)|'(system|developer)'.{0,60}not supported",
    re.IGNORECASE,
)
"""Ways in which servers and chat templates say that they know no instructions in a role of their own."""
_ERROR_CODES = (
    (re.compile(r"insufficient_quota|insufficient.balance|credit", re.IGNORECASE), 402),
    (re.compile(r"rate.?limit|too many requests|overloaded|capacity|quota", re.IGNORECASE), 429),
    (re.compile(r"api.?key|unauthori[sz]ed|authenticat|permission", re.IGNORECASE), 401),
    (_NO_MODEL, 404),
    (_CONTEXT, 400),
    (re.compile(r"invalid.request|bad.?request", re.IGNORECASE), 400),
)
"""What an error without a status is, by its words; any other is the server's."""


class FailureKind(Enum):
    """What to do about a failure."""

    TRANSIENT = auto()
    """Try again."""
    UNREADABLE = auto()
    """A reply came that the library cannot read: try another way."""
    ACCESS = auto()
    """Stop: the key, the model's name or the account is wrong."""
    CONTEXT = auto()
    """Send less."""
    POLICY = auto()
    """The provider's filter stopped it: this question gets no answer."""
    REJECTED = auto()
    """Something about the request is wrong; perhaps one parameter."""
    LOCAL = auto()
    """Stop: the request cannot leave this machine."""


class ProviderFailure(Exception):
    """A request that brought no answer."""

    def __init__(
        self,
        kind: FailureKind,
        text: str,
        *,
        status: int | None = None,
        parameter: str = "",
        retry_after: float | None = None,
        billed: bool = False,
        unsent: bool = False,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.text = text
        self.status = status
        self.parameter = parameter
        """The parameter that the provider names, if it does."""
        self.retry_after = retry_after
        """Seconds that the provider asks to be left alone."""
        self.billed = billed
        """Whether the provider may have worked, and may be paid, although nothing arrived."""
        self.unsent = unsent
        """Whether no byte of the request left the machine."""

    @property
    def limit(self) -> int | None:
        """The number of tokens that the provider says are possible at most."""
        found = _LIMIT.search(self.text)
        return int(found[1]) if found else None


def classify(error: BaseException, clean: Callable[[str], str]) -> ProviderFailure:
    """What an error raised by a provider's library means; `clean` takes secrets out of its message."""
    chain = list(_chain(error))
    text = clean(_text(chain))
    status = next((code for link in chain if (code := _status(link)) is not None), None)
    if status is not None:
        headers = next((found for link in chain if (found := _headers(link)) is not None), {})
        parameter = next((str(p) for link in chain if (p := getattr(link, "param", None))), "")
        return _refusal(text, status, [*_codes(chain)], parameter, retry_after(headers))
    if answered := next((said for link in chain if (said := _error_in_answer(link))), None):
        words, name, about = answered
        return _refusal(clean(_cut(words)), _status_of(words, name), [name], about, None)
    names = " ".join(f"{base.__module__}.{base.__name__}" for link in chain for base in type(link).__mro__[:-2])
    inner = clean(innermost(error))
    if _LOCAL.search(names) or (_CUT.search(names) and _TLS.search(inner)):
        return ProviderFailure(FailureKind.LOCAL, inner, unsent=True)
    if _LOST.search(names) or _CUT.search(names):
        unsent = bool(_NEVER_SENT.search(names if _LOST.search(names) else names + text))
        return ProviderFailure(FailureKind.TRANSIENT, inner, billed=not unsent, unsent=unsent)
    if _CONTEXT.search(text):
        return ProviderFailure(FailureKind.CONTEXT, text)
    return ProviderFailure(FailureKind.UNREADABLE, text, billed=not _is_foreign(chain))


def innermost(error: BaseException) -> str:
    """What the first of an error's causes says that says anything: that is what can be seen to."""
    chain = list(_chain(error))
    return _text(chain[::-1])


def _refusal(text: str, status: int, codes: list[str], parameter: str, wait: float | None) -> ProviderFailure:
    failure = ProviderFailure(FailureKind.REJECTED, text, status=status, parameter=parameter, retry_after=wait)
    failure.kind = _kind(failure, " ".join([text, *codes]))
    return failure


def _error_in_answer(error: BaseException) -> tuple[str, str, str] | None:
    """Words, code and parameter of an error that came as an answer of status 200, or as an event of a stream."""
    body = getattr(error, "body", None)
    response = getattr(error, "response", None)
    if body is None and response is not None:
        try:
            body = response.json()
        except Exception:
            return None
    if body is None and isinstance(error, ValueError) and error.args and isinstance(error.args[0], dict):
        body = {"error": error.args[0]}
    if not isinstance(body, dict):
        return None
    said = body.get("error", body if "message" in body and "choices" not in body else None)
    if isinstance(said, str) and said:
        return said, "", ""
    if not isinstance(said, dict) or not said:
        return None
    words = said.get("message") or said.get("detail") or str(said)
    return str(words), str(said.get("code") or said.get("type") or ""), str(said.get("param") or "")


def _status_of(words: str, code: str) -> int:
    """The status that an error without one would have had."""
    digits = re.fullmatch(r"\s*([45]\d\d)\s*", code)
    if digits:
        return int(digits[1])
    said = f"{words} {code}"
    return next((status for pattern, status in _ERROR_CODES if pattern.search(said)), 502)


def _is_foreign(chain: list[BaseException]) -> bool:
    """Whether what came was no answer of a model at all, such as a page of a gateway."""
    return any("'choices'" in str(link) or "Unexpected response type" in str(link) for link in chain)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait, from the header's seconds, its date, or the milliseconds that some providers give."""
    lowered = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = lowered.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) / unit
    try:
        moment = parsedate_to_datetime(lowered.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - (time.time() if now is None else now))


def _kind(failure: ProviderFailure, said: str) -> FailureKind:
    """What a refusal with a status means; `said` is the provider's message with its codes."""
    status = failure.status or 0
    if status not in {401, 403, 404, 429} and SYSTEM_ROLE.search(f"{failure.parameter} {said}"):
        return FailureKind.REJECTED
    if status in {401, 402, 403, 404} or (status == 429 and _NO_CREDIT.search(said)):
        return FailureKind.ACCESS
    if status in RETRIED or status >= 500:
        return FailureKind.TRANSIENT
    meanings = (
        (failure.parameter in {"", "model"} and (failure.parameter or _NO_MODEL.search(said)), FailureKind.ACCESS),
        (status == 413 or _CONTEXT.search(said), FailureKind.CONTEXT),
        (_POLICY.search(said), FailureKind.POLICY),
    )
    return next((kind for meant, kind in meanings if meant), FailureKind.REJECTED)


def _codes(chain: list[BaseException]) -> Iterator[str]:
    """The short names that providers give their errors."""
    for link in chain:
        yield from (
            word for word in (getattr(link, "code", None), getattr(link, "type", None)) if isinstance(word, str)
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _status(error: BaseException) -> int | None:
    for value in (
        getattr(error, "status_code", None),
        getattr(error, "code", None),
        getattr(getattr(error, "response", None), "status_code", None),
    ):
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return int(value)
    return None


def _headers(error: BaseException) -> Mapping[str, str] | None:
    headers: Any = getattr(getattr(error, "response", None), "headers", None)
    return dict(headers) if headers is not None else None


def _text(chain: list[BaseException]) -> str:
    """The first message that says something, cut to what is worth showing."""
    said = next((str(link) for link in chain if str(link).strip()), type(chain[0]).__name__)
    return _cut(said)


def _cut(said: str) -> str:
    text = " ".join(said.split())
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"
