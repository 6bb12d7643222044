"""An index of memory for one question: another process may have the shared one open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolver.memory import Memory


@contextmanager
def index_apart() -> Iterator[Memory]:
    """An empty index in a folder of its own, which is gone afterwards."""
    from evolver.memory import Memory

    with tempfile.TemporaryDirectory(prefix="evolver-index-") as folder:
        memory = Memory.open(Path(folder))
        try:
            yield memory
        finally:
            memory.close()
