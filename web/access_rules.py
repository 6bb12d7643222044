"""Who may use the server: names it answers to, origins it trusts, and the token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from typing import Annotated

from pydantic.functional_validators import BeforeValidator
from pydantic_settings import NoDecode

from evolver.errors import UsageError
from evolver.settings import EnvironmentSettings

STUDIO = "https://smith.langchain.com"
"""LangGraph Studio: a page on the internet that talks to the server on this machine."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
SHORTEST_TOKEN = 16

Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(lambda v: tuple(v.split()) if isinstance(v, str) else v)]


class Access(EnvironmentSettings):
    """Who may use the server; `evolver serve` sets it from its options."""

    token: str = ""
    """What every request must carry; empty: nothing."""
    bind: str = "127.0.0.1"
    """Address that the server listens on."""
    hosts: Words = ()
    """Further names that the server may be called by, as behind a proxy."""
    origins: Words = ()
    """Further origins of pages that may use the API, such as an agent chat page."""
    page: bool = True
    """Whether the page is served beside the API."""

    def answers_to(self, host: str) -> bool:
        """Whether a request may name this host; another name is how a foreign page gets at a local server."""
        name = _without_port(host)
        if name in LOOPBACK or name == self.bind.lower() or name in self.hosts:
            return True
        if not is_wildcard(self.bind):
            return False
        return _is_address(name) or name == socket.gethostname().lower()

    def trusts(self, origin: str, host: str, *, api: bool) -> bool:
        """Whether a page of this origin may ask anything; Studio and its like only through LangGraph's API."""
        if origin in (f"http://{host}", f"https://{host}"):
            return True
        return api and origin in (STUDIO, *self.origins)

    def admits(self, *, bearer: str = "", cookie: str = "") -> bool:
        """Whether either proves knowledge of the token."""
        if not self.token:
            return True
        known = hmac.compare_digest(bearer.encode(), self.token.encode())
        return known | hmac.compare_digest(cookie.encode(), self.cookie.encode())

    @property
    def cookie(self) -> str:
        """What a browser keeps instead of the token."""
        return hmac.new(self.token.encode(), b"evolver page", hashlib.sha256).hexdigest()


def check_access(access: Access) -> None:
    """Raises UsageError where the server would be open to others without a good token."""
    if access.token and len(access.token) < SHORTEST_TOKEN:
        raise UsageError(
            f"--token: use at least {SHORTEST_TOKEN} characters; "
            "python3 -c 'import secrets; print(secrets.token_urlsafe())' makes one"
        )
    if not access.token and access.bind.lower() not in LOOPBACK:
        raise UsageError(
            f"--host {access.bind}: others could reach the server and run programs through it; set EVOLVER_TOKEN "
            "(or --token), or leave --host out"
        )


def is_wildcard(address: str) -> bool:
    """Whether an address to listen on means every interface."""
    return address in ("0.0.0.0", "::", "")  # noqa: S104


def is_loopback(address: str) -> bool:
    """Whether a client's address is this machine's own."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address == "localhost"
    mapped = getattr(parsed, "ipv4_mapped", None)
    return bool((mapped or parsed).is_loopback)


def _without_port(host: str) -> str:
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.count(":") == 1 else name


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
