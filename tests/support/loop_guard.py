"""Fails a test in which a coroutine of the product enters the database in its event loop's thread."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import evolver

_ROOT = Path(evolver.__file__).resolve().parent
_ROOMS = tuple(str(folder.resolve()) for folder in (_ROOT, *_ROOT.iterdir()) if folder.is_dir())
caught: list[str] = []
"""What was caught since the last test looked; what runs a campaign may take the error for the campaign's own."""
_COROUTINE = inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def coroutine_of_ours() -> str | None:
    """Where the innermost coroutine of this thread stands, if it is the product's and its event loop runs here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return None
    frame = sys._getframe(1)
    while frame is not None and not frame.f_code.co_flags & _COROUTINE:
        frame = frame.f_back  # type: ignore[assignment]
    file = "" if frame is None else str(Path(frame.f_code.co_filename).resolve())
    if frame is None or not file.startswith(_ROOMS):
        return None
    return f"{frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})"


def _guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def enter(*args: Any, **kwargs: Any) -> Any:
        if (place := coroutine_of_ours()) is not None:
            caught.append(f"{place} waits for the database in the event loop; call it by `await archive.run(...)`")
            raise AssertionError(caught[-1])
        return method(*args, **kwargs)

    return enter


@contextmanager
def guarded_database() -> Iterator[None]:
    """While this lasts, such a coroutine fails."""
    from evolver.memory.database import Database

    with pytest.MonkeyPatch.context() as patch:
        for name in ("read", "write"):
            patch.setattr(Database, name, _guarded(getattr(Database, name)))
        yield
