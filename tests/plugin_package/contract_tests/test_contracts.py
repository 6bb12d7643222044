"""The plug-in's classes keep Evolver's contracts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sample_plugin.counting_sandbox import CountingSandbox
from sample_plugin.newest import Newest

from evolver.sandbox import Sandbox
from evolver.search.parent_selection import ParentSelection
from evolver.testing import ParentSelectionContract, SandboxContract, SearchOperatorContract


class TestCountingSandbox(SandboxContract):
    @pytest.fixture
    def open_sandbox(self) -> Callable[[int], Sandbox]:
        return CountingSandbox.open


class TestHalve(SearchOperatorContract):
    @pytest.fixture
    def operator(self) -> str:
        return "halve"


class TestNewest(ParentSelectionContract):
    @pytest.fixture
    def make_selection(self) -> Callable[[], ParentSelection]:
        return Newest
