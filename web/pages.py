"""The pages: list, campaign, experiment."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from evolver.contracts import Standing
from evolver.errors import UnknownName
from evolver.graph.remote_policy import remote_sandboxes
from evolver.settings import Settings
from evolver.web.security import HEADERS
from evolver.web.server_state import Resources, resources_of
from evolver.web.templating import packed, render, static

TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}
MOST_EXPERIMENTS = 1_000_000_000


def home(_request: Request) -> Response:
    """The address without a path."""
    return RedirectResponse("/evolver", 307)


def campaigns(request: Request) -> Response:
    """All campaigns, and the form that starts one."""
    from evolver.tasks import builtin_tasks

    resources = resources_of(request)
    tasks = [{"name": task.name, "summary": task.spec.summary} for task in builtin_tasks()]
    settings = Settings()
    return page(
        "list.html",
        lines=resources.campaigns.lines(),
        tasks=tasks,
        sandboxes=remote_sandboxes(),
        sandbox=settings.sandbox,
        workers=resources.workers,
        model=settings.model,
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


def asset(request: Request) -> Response:
    """A file of the page itself; only those that are named."""
    name, takes = request.path_params["name"], request.headers.get("accept-encoding", "")
    small = "gzip" in takes
    try:
        content = packed(name) if small else static(name)
    except FileNotFoundError:
        raise HTTPException(404, "there is no such file") from None
    fresh = "no-cache" if name != "plotly.js" else "max-age=86400"
    headers = {**HEADERS, "Cache-Control": fresh, "Vary": "Accept-Encoding"}
    if small:
        headers["Content-Encoding"] = "gzip"
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers=headers)


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
    Route("/evolver/-/{name}", asset),
    Route("/evolver/{name}", campaign),
    Route("/evolver/{name}/{number:int}", experiment),
]
