"""A real Chromium without a window, installed by `.ci/browser` on the first call; it reaches nothing but loopback."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

SCRIPT = Path(__file__).parents[2] / ".ci" / "browser"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PHONE = 390
"""Pixels."""
PATIENCE = 240.0
"""Seconds for what a campaign must do; a loaded machine takes its time."""


@cache
def ensure_browser() -> None:
    """Install Chromium where it is missing; raises RuntimeError with what the script said."""
    done = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=900, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"no browser to test with (.ci/browser):\n{done.stdout}{done.stderr}")


class Browser(webdriver.Chrome):
    """Chromium with what tests and pictures need of its developer tools."""

    def shape(self, width: int = 1280, height: int = 900, *, dark: bool = False, scale: float = 1.0) -> None:
        """Set the window in CSS pixels, and which colours the reader likes; narrow ones are phones."""
        phone = width < 500
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write a PNG of the window, or of the whole page."""
        options: dict[str, Any] = {"format": "png"}
        if whole:
            size = self.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
            options |= {"captureBeyondViewport": True, "clip": clip}
        path.write_bytes(base64.b64decode(self.execute_cdp_cmd("Page.captureScreenshot", options)["data"]))

    def complaints(self) -> list[str]:
        """What the console said since the last call: scripts that failed, things that a policy refused."""
        return [str(line["message"]) for line in self.get_log("browser")]  # type: ignore[no-untyped-call]


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser with a profile of its own, which is gone afterwards."""
    ensure_browser()
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium and driver
    profile = tempfile.mkdtemp(prefix="evolver-chromium-")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Browser(options=options, service=Service(driver, env=dict(os.environ)))
    try:
        browser.set_script_timeout(120)
        browser.shape()
        yield browser
    finally:
        browser.quit()
        shutil.rmtree(profile, ignore_errors=True)


def until(holds: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
    """The first true thing that `holds` says."""
    deadline = time.monotonic() + within
    while not (found := holds()):
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.1)
    return found


def one(browser: Browser, selector: str) -> WebElement:
    """The element that a selector finds; waits for it."""
    found = until(lambda: next(iter(browser.find_elements(By.CSS_SELECTOR, selector)), None), selector, 15)
    assert isinstance(found, WebElement)
    return found


def words(browser: Browser, selector: str) -> str:
    """The text of an element, read in one go: the page may exchange it meanwhile."""
    text = browser.execute_script("return document.querySelector(arguments[0])?.innerText ?? ''", selector)
    return str(text)


def script(browser: Browser, source: str, *values: Any) -> Any:
    """What a script in the page returns."""
    return browser.execute_script(source, *values)
