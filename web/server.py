"""Starts the LangGraph server with Evolver's graphs, checkpointer, guard and page."""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from evolver.errors import UsageError, WorkFailed
from evolver.settings import Settings
from evolver.web.access_rules import STUDIO, Access, check_access, is_wildcard

JOBS = 10
"""Runs at a time: a message must not wait behind a campaign."""
GRAPHS = {
    "campaign": {
        "path": "evolver.graph.server_graphs:campaign",
        "description": "Runs a campaign of experiments: researcher, coder, runner and critic in parallel lanes.",
    },
    "chat": {
        "path": "evolver.graph.server_graphs:chat",
        "description": "Talk to a campaign: steer it, ask about it, start and stop it.",
    },
}
CHECKPOINTER = {"path": "evolver.graph.checkpointer.served_checkpointer"}
ENVIRONMENT = {
    "BG_JOB_ISOLATED_LOOPS": "true",
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
}
QUIET = {
    "LANGCHAIN_TRACING_V2": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LOG_LEVEL": "ERROR",
    "LOG_COLOR": "false",
}
READY_WITHIN = 120.0
"""Seconds."""


def http_config(origins: tuple[str, ...] = ()) -> dict[str, Any]:
    """What `langgraph.json` says under `http`; the CORS answer is for Studio and the origins that were named."""
    return {
        "app": "evolver.web.app:app",
        "cors": {
            "allow_origins": [STUDIO, *origins],
            "allow_methods": ["*"],
            "allow_headers": ["*"],
            "expose_headers": ["content-location", "x-pagination-total", "x-pagination-next"],
        },
        "disable_mcp": True,
        "disable_a2a": True,
        "disable_webhooks": True,
    }


def serve(access: Access, port: int, ready: Callable[[str], None], *, verbose: bool = False) -> None:
    """Run the server until it is interrupted; `ready` is given its address once it answers.

    Raises UsageError for an address that cannot be had or needs a token, or where the extra is not installed;
    WorkFailed where the server does not come up.
    """
    check_access(access)
    check_extra()
    _check_port(access.bind, port)
    os.environ.update(_environment(access))
    for name, value in {**ENVIRONMENT, **QUIET}.items():
        if not (verbose and name == "LOG_LEVEL"):
            os.environ[name] = value
    from langgraph_api.cli import run_server

    os.chdir(_own_folder())
    logging.getLogger("langgraph_api.cli").setLevel(logging.WARNING)
    shown = "127.0.0.1" if is_wildcard(access.bind) else access.bind
    address = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    threading.Thread(target=_announce, args=(shown, port, lambda: ready(address)), daemon=True).start()
    try:
        run_server(
            access.bind,
            port,
            graphs=GRAPHS,
            n_jobs_per_worker=JOBS,
            http=http_config(access.origins),
            checkpointer=CHECKPOINTER,
            env=ENVIRONMENT,
            allow_blocking=True,
            server_level="INFO" if verbose else "WARNING",
            timeout_graceful_shutdown=3,
        )
    except KeyboardInterrupt:
        return
    except SystemExit as stop:
        if stop.code:
            raise WorkFailed("the server could not start; `evolver serve --verbose` shows why") from None


def check_extra() -> None:
    """Raises UsageError with the line that installs what is missing."""
    missing = [name for name in ("langgraph_api", "langgraph_runtime_inmem", "plotly") if find_spec(name) is None]
    if missing:
        raise UsageError(f"the server needs {', '.join(missing)}: pip install 'evolver[serve]'")


def _own_folder() -> Path:
    """Where the server keeps its threads as pickles: beside the archive, never in a folder that others may write."""
    folder = Settings().home / "server"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _environment(access: Access) -> dict[str, str]:
    """The options for the application, which the server imports by name."""
    return {
        "EVOLVER_HOME": str(Settings().home.absolute()),
        "EVOLVER_FOLDER": str(Path.cwd()),
        "EVOLVER_TOKEN": access.token,
        "EVOLVER_BIND": access.bind,
        "EVOLVER_HOSTS": " ".join(access.hosts),
        "EVOLVER_ORIGINS": " ".join(access.origins),
        "EVOLVER_PAGE": json.dumps(access.page),
    }


def _check_port(host: str, port: int) -> None:
    """The server would silently take another port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise UsageError(f"--host {host} --port {port}: {reason.lower()}; choose another --port") from None


def _announce(host: str, port: int, ready: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            ready()
            return
