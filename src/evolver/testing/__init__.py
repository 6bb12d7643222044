"""Contract tests that a plug-in's own tests run: what Evolver relies on, as classes for pytest.

A class overrides one fixture and inherits the tests:

    from evolver.testing import SandboxContract

    class TestFirecracker(SandboxContract):
        @pytest.fixture
        def open_sandbox(self):
            return FirecrackerSandbox.open

They need pytest and pytest-asyncio, which Evolver itself does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evolver.lazy import lazy_names

if TYPE_CHECKING:
    from evolver.testing.operators import SearchOperatorContract
    from evolver.testing.parents import ParentSelectionContract
    from evolver.testing.sandbox_bench import SandboxBench
    from evolver.testing.sandboxes import SandboxContract

__all__ = ["ParentSelectionContract", "SandboxBench", "SandboxContract", "SearchOperatorContract"]

_HOMES = {
    f"{__name__}.operators": ("SearchOperatorContract",),
    f"{__name__}.parents": ("ParentSelectionContract",),
    f"{__name__}.sandbox_bench": ("SandboxBench",),
    f"{__name__}.sandboxes": ("SandboxContract",),
}
pytest.register_assert_rewrite(*_HOMES)

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _HOMES)
