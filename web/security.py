"""Stands before every request, LangGraph's API included: host name, origin, token."""

from __future__ import annotations

import asyncio
from html import escape
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from evolver.web.access_rules import Access, is_loopback

COOKIE = "evolver_session"
READING = ("GET", "HEAD")
OWN = ("/api/", "/evolver", "/login")
"""Paths that are the page's, not LangGraph's."""
FILES = "/evolver/-/"
DELAY = 0.5
"""Seconds that a wrong token costs."""
MOST_FORM = 10_000
"""Bytes."""
CHART_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='"
)
"""The two style elements that plotly.js makes when it is loaded; other inline styles stay refused."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    f"style-src 'self' {CHART_STYLES}; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer that is ours."""


class Guard:
    """ASGI middleware; outermost, so that nothing is answered that it has not let through."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        path = scope["path"]
        refusal = self._refusal(scope, headers, path)
        if refusal is None and path == "/login" and scope["type"] == "http":
            refusal = await self._login(Request(scope, receive))
        elif refusal is None and not self._is_open(scope, headers, path) and not self._knows_token(headers):
            refusal = self._unknown(scope, headers)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        else:
            refusal.headers.update(HEADERS)
            await refusal(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, path: str) -> Response | None:
        """Why a request is refused whoever sends it."""
        host, client = headers.get("host", ""), scope.get("client")
        if client and not self._access.token and not is_loopback(client[0]):
            return _error(403, "without a token this server answers its own machine alone; set EVOLVER_TOKEN")
        if not self._access.answers_to(host):
            return _error(
                421, f"this server does not answer to the name {host!r}; name it with `evolver serve --allow-host NAME`"
            )
        if _is_preflight(scope, headers):
            return None
        origin, api = headers.get("origin"), not path.startswith(OWN)
        if origin is not None and not self._access.trusts(origin, host, api=api):
            return _error(
                403, f"a page of {origin} may not ask anything here (allow it with `evolver serve --allow-origin`)"
            )
        reads = scope["type"] == "http" and scope["method"] in READING
        if not reads and origin is None and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _error(403, "another site may not change anything here")
        return None

    @staticmethod
    def _is_open(scope: Scope, headers: Headers, path: str) -> bool:
        """Whether a token is not asked for: browsers' preliminary questions, and the files of the page itself."""
        return _is_preflight(scope, headers) or (path.startswith(FILES) and scope.get("method") in READING)

    def _knows_token(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return self._access.admits(
            bearer=bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", ""), cookie=cookie
        )

    @staticmethod
    def _unknown(scope: Scope, headers: Headers) -> Response:
        if scope["type"] == "http" and scope["method"] == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        refusal = _error(401, "this server wants its token: send `Authorization: Bearer TOKEN`, or open /login")
        refusal.headers["WWW-Authenticate"] = "Bearer"
        return refusal

    async def _login(self, request: Request) -> Response:
        """Take a token, from the address or a form, and give a cookie for it."""
        token = request.query_params.get("token", "")
        if request.method == "POST":
            body = b""
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_FORM:
                    return _error(413, "too long")
            token = parse_qs(body.decode(errors="replace")).get("token", [""])[0]
        if not self._access.token or (token and self._access.admits(bearer=token)):
            entered = RedirectResponse("/", 303)
            if self._access.token:
                secure = request.url.scheme == "https"
                entered.set_cookie(COOKIE, self._access.cookie, httponly=True, samesite="lax", secure=secure)
            return entered
        if token:
            await asyncio.sleep(DELAY)
        return _form("That is not the token." if token else "", 401 if token else 200)


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    """The question of a browser whether a page may ask; it never carries a token and gets no data."""
    return bool(scope.get("method") == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers)


def _error(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail}, status)


def _form(said: str, status: int) -> Response:
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Evolver</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><link rel="stylesheet" href="{FILES}evolver.css">'
        '<main class="login"><section class="panel"><h1>Evolver</h1>'
        f'<p class="said wrong" role="alert">{escape(said)}</p>'
        '<form method="post" action="/login"><label class="wide">Token <input type="password" name="token" required '
        'autofocus autocomplete="current-password"></label><div class="wide actions"><button class="primary">Enter'
        '</button></div></form><p class="help">What the server was started with: EVOLVER_TOKEN, or --token.</p>'
        "</section></main></html>",
        status,
    )
