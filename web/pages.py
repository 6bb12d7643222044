"""The pages: list, campaign, experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from evolver.contracts import Standing
from evolver.errors import UnknownName
from evolver.graph.remote_policy import remote_sandboxes
from evolver.settings import Settings
from evolver.tasks import installed_tasks
from evolver.web.security import FILES, HEADERS
from evolver.web.server_state import Resources, resources_of
from evolver.web.start_form import FIELDS, MODEL_FIELDS
from evolver.web.templating import PLOTLY, STATIC, render, static_file

COMPRESSION = 4
"""Takes half the time of the usual 9, and leaves 4 % more."""
MOST_EXPERIMENTS = 1_000_000_000


def home(_request: Request) -> Response:
    """The address without a path."""
    return RedirectResponse("/evolver", 307)


def campaigns(request: Request) -> Response:
    """All campaigns, and the form that starts one."""
    resources = resources_of(request)
    tasks = [{"name": task.name, "summary": task.spec.summary} for task in installed_tasks()]
    settings = Settings()
    return page(
        "list.html",
        lines=resources.campaigns.lines(),
        tasks=tasks,
        fields=FIELDS,
        model_fields=MODEL_FIELDS,
        first={"task": tasks[0]["name"], "sandbox": settings.sandbox, "seed": 0, "models": settings.model},
        choices={"sandbox": remote_sandboxes()},
        home=str(resources.home),
    )


def campaign(request: Request) -> Response:
    """One campaign."""
    resources, name = resources_of(request), request.path_params["name"]
    standing = request.query_params.get("standing", "")
    if standing not in ("", *Standing):
        raise HTTPException(404, f"there is no standing {standing!r}")
    try:
        view = resources.campaigns.campaign(
            name,
            standing=standing,
            page=_whole(request.query_params.get("page", "1")),
            all_lessons=request.query_params.get("lessons") == "all",
        )
        tree = resources.lineage(name, everything=request.query_params.get("lineage") == "all")
    except UnknownName as error:
        raise HTTPException(404, str(error)) from None
    return page(
        "campaign.html",
        view=view,
        tree=tree,
        query=request.query_params,
        version=resources.campaigns.version(name),
    )


def experiment(request: Request) -> Response:
    """One experiment."""
    resources, name, number = resources_of(request), request.path_params["name"], request.path_params["number"]
    if number > MOST_EXPERIMENTS:
        raise HTTPException(404, f"there is no experiment {number}")
    try:
        view = resources.campaigns.experiment(name, number)
        version = resources.campaigns.version(name)
    except UnknownName as error:
        raise HTTPException(404, str(error)) from None
    return page("experiment.html", view=view, version=version)


class PageFiles(StaticFiles):
    """The files of the page itself, and plotly's script from its own package."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Where a file lies, and what it is."""
        if path == PLOTLY:
            file = static_file(PLOTLY)
            return str(file), file.stat()
        return super().lookup_path(path)

    def file_response(self, full_path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> Response:
        """The file, with the headers of every answer of ours."""
        response = super().file_response(full_path, *args, **kwargs)
        fresh = "max-age=86400" if Path(full_path) == static_file(PLOTLY) else "no-cache"
        response.headers.update({**HEADERS, "Cache-Control": fresh})
        return response


def page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    """A filled template with the headers that keep foreign scripts out."""
    return HTMLResponse(render(template, **values), status, headers={**HEADERS, "Cache-Control": "no-store"})


def missing(resources: Resources, said: str, status: int) -> HTMLResponse:
    """What a browser is shown in place of a page."""
    return page("missing.html", status, said=said, home=str(resources.home))


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 1


ROUTES = [
    Route("/", home),
    Route("/evolver", campaigns),
    Mount(FILES, PageFiles(directory=STATIC), middleware=[Middleware(GZipMiddleware, compresslevel=COMPRESSION)]),
    Route("/evolver/{name}", campaign),
    Route("/evolver/{name}/{number:int}", experiment),
]
