"""What a campaign that is ordered over the network may not say: it runs with the server's keys, files and rights."""

from __future__ import annotations

import logging
from pathlib import Path

from evolver.errors import UnknownName, UsageError
from evolver.graph.context import Context
from evolver.registry import PARENTS, SANDBOXES, TUNERS
from evolver.settings import Settings

_log = logging.getLogger(__name__)


def refuse_remote(context: Context) -> None:
    """Raises UsageError where the one who asks would be given the server's keys or files, or a bare process of it."""
    refuse_remote_home(context.home)
    if context.sandbox is not None and context.sandbox not in remote_sandboxes():
        raise UsageError(
            f"sandbox: `{context.sandbox}` cannot be chosen over the network: what protects nothing, and a class by "
            "its path, can be named on the command line alone"
        )
    for field, registry in (("parents", PARENTS), ("tuner", TUNERS)):
        if not registry.is_registered(getattr(context, field)):
            raise UsageError(f"{field}: a class by its path can be named on the command line alone")
    if context.notes:
        raise UsageError(
            "notes: files of the server are not read for the network; say it in the chat (`note: ...`), "
            "or name them on the command line"
        )
    _refuse_addresses(context)


def remote_sandboxes() -> list[str]:
    """Those that may be chosen over the network: registered ones that protect this machine, and the server's own."""
    own = Settings().sandbox
    return list(dict.fromkeys([*SANDBOXES.words, *filter(_protects, SANDBOXES.names()), own]))


def _protects(sandbox: str) -> bool:
    try:
        return SANDBOXES.load(sandbox).protects
    except UnknownName as error:
        _log.warning("%s", error)
        return False


def refuse_remote_home(home: Path) -> None:
    """Raises UsageError for any data folder but the server's own."""
    if home.absolute() != Settings().home.absolute():
        raise UsageError(
            f"home: this server keeps everything in {Settings().home.absolute()}; leave it out, or start "
            "another server with EVOLVER_HOME"
        )


def _refuse_addresses(context: Context) -> None:
    """A model's key goes wherever its address says, so addresses are the server's own."""
    if not context.models and not context.base_url:
        return
    from evolver.llm import parse_models

    settings = Settings()
    own = {settings.base_url, *(choice.base_url for choice in parse_models(settings.model.split(), settings.base_url))}
    asked = {context.base_url, *(choice.base_url for choice in parse_models(context.models, settings.base_url))}
    for address in sorted(asked - own - {""}):
        raise UsageError(
            f"models: {address} is not this server's address for models, and would be sent its key; set "
            "EVOLVER_BASE_URL where the server is started, or start the campaign on the command line"
        )
