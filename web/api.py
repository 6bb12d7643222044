"""What the page's script asks and sends: JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from evolver.errors import EvolverError, UnknownName, UsageError, WrongValue
from evolver.graph.detached import launch
from evolver.graph.resolved_run import ResolvedRun
from evolver.web.security import HEADERS
from evolver.web.server_state import Resources, resources_of

MOST = 64 * 1024
"""Bytes of a request."""


class ChatMessage(BaseModel):
    """Something that a person says to a campaign, or a button of the page for them."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=32_000)]
    who: Annotated[str, Field(max_length=80)] = ""


Handler = Callable[[Resources, Request], Any]


def _answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Run a handler in a thread; mistakes become a status and a sentence."""

    async def answer(request: Request) -> Response:
        request.state.body = await _body(request) if request.method == "POST" else b""
        try:
            result = await anyio.to_thread.run_sync(handler, resources_of(request), request)
        except ValidationError as error:
            first = error.errors()[0]
            result = _said(422, f"{'.'.join(map(str, first['loc'])) or 'request'}: {first['msg'].lower()}")
        except WrongValue as error:
            result = _said(422, str(error))
        except UnknownName as error:
            result = _said(404, str(error))
        except UsageError as error:
            result = _said(409, str(error))
        except EvolverError as error:
            result = _said(500, str(error))
        response: Response = result if isinstance(result, Response) else JSONResponse(result)
        response.headers.update(HEADERS)
        return response

    return answer


async def _body(request: Request) -> bytes:
    """The JSON of a request; a form of another site cannot send that type."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return b"not json"
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST:
            return b"too long"
    return body


def _said(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)


def listing(resources: Resources, request: Request) -> Response:
    """All campaigns, and a version that changes with any of them."""
    lines = [line.model_dump(mode="json") for line in resources.campaigns.lines()]
    return _tagged(request, {"campaigns": lines})


def version(resources: Resources, request: Request) -> Response:
    """What changes whenever a campaign's page would."""
    return _tagged(request, {"version": resources.campaigns.version(request.path_params["name"])})


def curve_data(resources: Resources, request: Request) -> Response:
    """The data of the chart; told apart by the campaign's version, so that an unchanged one is not read again."""
    name = request.path_params["name"]
    tag = f'"{hashlib.sha256(resources.campaigns.version(name).encode()).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return JSONResponse(resources.curve(name), headers={"ETag": tag, "Cache-Control": "no-cache"})


def _tagged(request: Request, content: Any) -> Response:
    body = json.dumps(content).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def start(resources: Resources, request: Request) -> Any:
    """Register a campaign and run it in a process of its own."""
    from evolver.graph.remote_policy import refuse_remote
    from evolver.web.start_form import in_form, read_form

    resolved = ResolvedRun(read_form(request.state.body, resources.home), archive=resources.archive, spelling=in_form)
    if resolved.existing is not None:
        raise UsageError(f"campaign {resolved.name} exists; choose another name")
    refuse_remote(resolved.context)
    campaign = resolved.register()
    launch(resources.home, campaign.name, ["resume", campaign.name])
    return {"campaign": campaign.name, "page": f"/evolver/{campaign.name}"}


def message(resources: Resources, request: Request) -> Any:
    """Hand a message to the campaign; what it asks for is in the archive when this answers."""
    from evolver.graph.message_handler import answer

    said = ChatMessage.model_validate_json(request.state.body)
    name, who = request.path_params["name"], said.who.strip() or "page"
    return {"replies": answer(resources.home, resources.archive, name, said.text.strip(), who).replies}


ROUTES = [
    Route("/api/campaigns", _answering(listing), methods=["GET"]),
    Route("/api/campaigns", _answering(start), methods=["POST"]),
    Route("/api/campaigns/{name}/version", _answering(version), methods=["GET"]),
    Route("/api/campaigns/{name}/curve", _answering(curve_data), methods=["GET"]),
    Route("/api/campaigns/{name}/messages", _answering(message), methods=["POST"]),
]
