"""The Starlette application that `langgraph.json` mounts beside LangGraph's own routes."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from evolver.web import api, pages
from evolver.web.access_rules import Access
from evolver.web.security import HEADERS, Guard
from evolver.web.server_state import Resources, resources_of


def create_app(access: Access) -> Starlette:
    """The guard over everything, and the page unless it is switched off."""
    app = Starlette(
        routes=[*pages.ROUTES, *api.ROUTES] if access.page else [],
        middleware=[Middleware(Guard, access=access)],
        exception_handlers={HTTPException: _explain},
    )
    app.state.evolver = Resources()
    return app


def _explain(request: Request, error: Exception) -> Response:
    """A page for people, JSON for programs."""
    assert isinstance(error, HTTPException)
    if "text/html" in request.headers.get("accept", ""):
        return pages.missing(resources_of(request), error.detail, error.status_code)
    return JSONResponse({"detail": error.detail}, error.status_code, HEADERS)


app = create_app(Access())
