"""One server over a made archive, and one browser, for all tests of a process that only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.browser import Browser, open_browser
from tests.support.made_campaigns import make_campaign, make_waiting
from tests.support.serving import Server, serving


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose archive has the campaigns `long` (finished), `waits` and `asks` (for approval) and `hostile`."""
    home = tmp_path_factory.mktemp("served")
    make_campaign(home, "long", 130, hostile=False)
    make_campaign(home, "hostile", 60)
    make_campaign(home, "waits", 12, hostile=False)
    make_campaign(home, "asks", 12, hostile=False)
    for name in ("waits", "asks"):
        make_waiting(home, name)
    with serving(home) as server:
        yield server


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A browser of this process; it fails, and does not skip, where there is none."""
    with open_browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Browser:
    """The browser with a wide, light window and an empty console."""
    chromium.shape()
    chromium.get("about:blank")
    chromium.complaints()
    return chromium
