"""The page in a real Chromium: start, watch, steer, read, decide, stop; by keyboard, on a phone, without a network."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.by import By

from evolver.contracts import CampaignStatus
from evolver.contracts.experiment_events import Shown
from evolver.graph.campaign_lock import is_running
from evolver.graph.resolved_run import open_archive
from tests.support.browser import PHONE, Browser, one, script, until, words
from tests.support.serving import EVOLVER, Server


def _points(browser: Browser) -> int:
    return int(script(browser, "return Number(document.getElementById('curve')?.dataset.points || 0)"))


@pytest.mark.slow
def test_a_campaign_from_the_form_to_the_stop(browser: Browser, served: Server, slow: Path) -> None:
    browser.get(f"{served.url}/")

    # Start it with the form.
    for name, text in {"task": str(slow), "experiments": "60", "workers": "2", "campaign": "watched"}.items():
        field = one(browser, f"#start [name={name}]")
        field.clear()
        field.send_keys(text)
    script(browser, "document.querySelector('#start [name=sandbox]').value = 'bubblewrap'")
    one(browser, "#start button.primary").click()
    until(lambda: browser.current_url.endswith("/evolver/watched"), "the campaign's page opens")
    script(browser, "window.sameDocument = true")

    # It advances by itself: tiles, curve, table.
    until(lambda: "running" in words(browser, "h1"), "it runs")
    until(lambda: _points(browser) >= 5, "the curve has points")
    seen = _points(browser)
    until(lambda: _points(browser) > seen, "the curve grows")
    until(lambda: browser.find_elements(By.CSS_SELECTOR, "tr.champion"), "a champion is marked")
    assert script(browser, "return window.sameDocument") is True, "nothing was loaded anew"

    # Steer it.
    one(browser, "#message [name=who]").send_keys("Ada")
    box = one(browser, "#message [name=text]")
    box.send_keys("avoid north")
    box.send_keys(Keys.CONTROL, Keys.ENTER)
    until(lambda: "Nothing about “north”" in words(browser, "#talk"), "an answer")
    until(
        lambda: re.search(r"Changed \d+ experiment", words(browser, "[data-live=directives]")), "an effect on proposals"
    )
    box.send_keys("how is it going?")
    one(browser, "#message button").click()
    until(lambda: re.search(r"\d+ of 60", words(browser, "#talk")), "an answer about progress")

    # Pause and go on.
    one(browser, "[data-say=pause]").click()
    until(lambda: "paused" in words(browser, "h1"), "it pauses")
    one(browser, "[data-say=resume]").click()
    until(lambda: "running" in words(browser, "h1"), "it goes on")

    # Stop it: the question first, then the order.
    one(browser, "[data-say=stop]").click()
    until(lambda: script(browser, "return document.getElementById('stop-dialog').open"), "it asks")
    one(browser, "#stop-dialog button[value='']").click()
    assert not script(browser, "return document.getElementById('stop-dialog').open")
    one(browser, "[data-say=stop]").click()
    one(browser, "#stop-dialog button[value=stop]").click()
    until(lambda: "No more proposals" in words(browser, "#order-said"), "it says what happens")
    until(lambda: "finished" in words(browser, "h1"), "it ends")
    assert "stopped by Ada" in words(browser, "[data-live=headline]")
    until(
        lambda: "run again" in words(browser, ".tiles") or "fresh replicates" in words(browser, ".tiles"), "a re-test"
    )
    assert script(browser, "return window.sameDocument") is True

    # Read the diff of the champion, and go back by the keyboard.
    link = one(browser, "tr.champion td a")
    number = link.text
    link.send_keys(Keys.ENTER)
    until(lambda: browser.current_url.endswith(f"/watched/{number}"), "the experiment's page opens")
    assert browser.find_elements(By.CSS_SELECTOR, ".diff tr.added")
    assert "squared_distance" in words(browser, "main") and "improved" in words(browser, "main")
    assert browser.complaints() == []

    with open_archive(served.home) as archive:
        campaign = archive.campaigns.get("watched")
        later = [e for e in archive.directives.uses(archive.directives.list("watched")[0].id) if e.proposal]
        assert campaign.status is CampaignStatus.FINISHED and later
        assert not [e for e in later if e.proposal and "north()" in e.proposal.plan]
        assert {d.who for d in archive.directives.list("watched")} == {"Ada"}
    assert not is_running(served.home, "watched")


@pytest.mark.slow
def test_campaigns_of_other_processes_are_live(browser: Browser, served: Server, slow: Path) -> None:
    browser.get(f"{served.url}/evolver")
    script(browser, "window.sameDocument = true")
    environment = {**os.environ, "EVOLVER_HOME": str(served.home)}
    runs = [
        subprocess.Popen(
            [EVOLVER, "run", slow, "-n", "200", "-w", "1", "--campaign", name, "--json"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for name in ("east", "west")
    ]  # fmt: skip
    progress = r"(\d+) of 200"

    def numbers() -> list[int]:
        return [int(found) for found in re.findall(progress, words(browser, ".cards"))]

    try:
        until(lambda: words(browser, ".cards").count("running") == 2, "both run")
        until(lambda: len(numbers()) == 2 and min(numbers()) >= 2, "both advance")
        before = numbers()
        until(lambda: all(a > b for a, b in zip(numbers(), before, strict=True)), "both advance further")
        assert script(browser, "return window.sameDocument") is True
        runs[0].kill()
        runs[0].wait()
        until(lambda: "interrupted" in words(browser, ".cards"), "the killed one is told apart")
        browser.get(f"{served.url}/evolver/east")
        assert "No process works on it" in words(browser, "main")
        assert browser.find_elements(By.CSS_SELECTOR, "[data-say=resume]")
    finally:
        for run in runs:
            run.kill()
            run.wait()
        with open_archive(served.home) as archive:
            for name in ("east", "west"):
                archive.campaigns.update(name, status=CampaignStatus.FINISHED)


def test_an_approval_is_given_and_refused_on_the_page(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver/asks")
    assert "Experiment 13 waits for you" in words(browser, ".asks") and "2400 s in 8 trials" in words(browser, ".asks")
    one(browser, ".asks summary").click()
    assert "RATE" in words(browser, ".asks .diff")
    reject = one(browser, ".asks form button")
    reject.click()
    assert not script(browser, "return document.getElementById('why-13').validity.valid"), "a reason is wanted"
    one(browser, "#why-13").send_keys("it is too dear")
    reject.click()
    until(lambda: not browser.find_elements(By.CSS_SELECTOR, ".asks"), "the question goes away")
    with open_archive(served.home) as archive:
        said = archive.directives.list("asks")[-1]
    assert said.kind == "reject" and said.arguments == {"experiment": 13, "reason": "it is too dear"}


def test_what_candidates_write_runs_nowhere(browser: Browser, served: Server) -> None:
    for path in ("", "?lessons=all&lineage=all", "/2", "/52", "/3"):
        browser.get(f"{served.url}/evolver/hostile{path}")
        if "/" not in path:
            until(lambda: _points(browser) > 50, "the chart is drawn")
            script(
                browser,
                "Plotly.Fx.hover('curve', [{curveNumber: 1, pointNumber: 0}, {curveNumber: 2, pointNumber: 1}])",
            )
        assert "<script>document.title" in words(browser, "body") or path == "/3"
        assert "taken over" not in browser.title
        assert script(browser, "return document.querySelectorAll('main img, main script, #curve img').length") == 0
    assert browser.complaints() == []


def test_nothing_comes_from_elsewhere(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver/long")
    until(lambda: _points(browser) == 131, "the chart is drawn")
    loaded = script(browser, "return performance.getEntriesByType('resource').map((one) => one.name)")
    assert loaded and all(address.startswith(f"{served.url}/") for address in loaded)
    assert browser.complaints() == []


def test_a_point_of_the_chart_opens_its_experiment(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver/long")
    until(lambda: _points(browser) == 131, "the chart is drawn")
    script(
        browser,
        "const place = document.getElementById('curve');"
        "place.emit('plotly_click', {points: [{customdata: place.data.find((one) => one.name === 'improved').customdata[0]}]})",
    )
    until(lambda: re.search(r"/long/\d+$", browser.current_url), "the experiment opens")


def test_the_scales_of_the_chart(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver/long")
    until(lambda: _points(browser) == 131, "the chart is drawn")
    shown = "return [place.layout.yaxis.type, ...place.layout.yaxis.range]"
    get = f"const place = document.getElementById('curve'); {shown}"
    kind, low, high = script(browser, get)
    assert kind == "linear" and low < 0.7 and high > 1
    one(browser, "#near-best").send_keys(Keys.SPACE)
    until(lambda: script(browser, get)[2] < high, "the range is narrower")
    one(browser, "#log-scale").send_keys(Keys.SPACE)
    until(lambda: script(browser, get)[0] == "log", "the axis is logarithmic")


def test_the_keyboard_is_enough(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver")
    focused = (
        "const one = document.activeElement; return [one.tagName, one.getAttribute('name') || one.innerText.trim(),"
        " getComputedStyle(one).outlineStyle, one.getBoundingClientRect().x]"
    )

    def press(key: str) -> list[Any]:
        """What has the focus then; asked at once, because the list of campaigns is renewed meanwhile."""
        ActionChains(browser).send_keys(key).perform()
        found = script(browser, focused)
        assert isinstance(found, list)
        return found

    _, text, _, x = press(Keys.TAB)
    assert text == "Skip to content" and x >= 0, "it is seen when it has the focus"
    seen = []
    for _ in range(60):
        tag, name, outline, _ = press(Keys.TAB)
        assert outline != "none" or tag in ("BODY", "HTML"), f"no focus is seen on {tag}"
        seen.append(name)
        if name == "Start":
            break
    assert {"long", "task", "experiments", "workers", "sandbox", "campaign", "Models", "Start"} <= set(seen)
    browser.get(f"{served.url}/evolver/long")
    for selector, why in (
        ("main a, main button, main input, main textarea, main select, main summary", "has a name"),
        ("svg[role=img], [role=region]", "has a label"),
    ):
        nameless = script(
            browser,
            "return [...document.querySelectorAll(arguments[0])].filter((one) => !(one.innerText?.trim()"
            " || one.getAttribute('aria-label') || one.labels?.length || one.querySelector('title'))).map((one) => one.outerHTML)",
            selector,
        )
        assert nameless == [], why
    assert script(
        browser,
        "return [...document.querySelectorAll('[id]')].length === new Set([...document.querySelectorAll('[id]')].map((one) => one.id)).size",
    )
    referred = script(
        browser,
        "return [...document.querySelectorAll('[aria-labelledby]')].filter((one) => !document.getElementById(one.getAttribute('aria-labelledby'))).length",
    )
    assert referred == 0


@pytest.mark.parametrize("path", ["", "/long", "/hostile", "/hostile/52", "/nothing"])
@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_everything(browser: Browser, served: Server, path: str, dark: bool) -> None:
    browser.shape(PHONE, 844, dark=dark)
    browser.get(f"{served.url}/evolver{path}")
    if path in ("/long", "/hostile"):
        until(lambda: _points(browser) > 50, "the chart is drawn")
    assert script(browser, "return document.documentElement.scrollWidth") <= PHONE
    ground = script(browser, "return getComputedStyle(document.body).backgroundColor")
    light = sum(map(int, re.findall(r"\d+", ground))) > 384
    assert light is not dark
    small = script(
        browser,
        "return [...document.querySelectorAll('button')].filter((one) => one.offsetParent && one.offsetHeight < 24).length",
    )
    assert small == 0, "fingers hit every button"


def test_a_server_that_is_gone_is_said(browser: Browser, served: Server) -> None:
    browser.get(f"{served.url}/evolver")
    assert not one(browser, "#live").is_displayed()
    browser.execute_cdp_cmd("Network.enable", {})
    for gone in (True, False):
        conditions = {"offline": gone, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)
        until(lambda: one(browser, "#live").is_displayed() is gone, "the reader is told", 20)  # noqa: B023
    browser.execute_cdp_cmd("Network.disable", {})


def test_a_reader_is_not_disturbed_by_news(browser: Browser, served: Server) -> None:
    """What is being typed, what is open and where one has scrolled to outlive an exchange of the page's parts."""
    browser.shape(PHONE, 844)
    browser.get(f"{served.url}/evolver/long")
    until(lambda: _points(browser) == 131, "the chart is drawn")
    one(browser, "#message [name=text]").send_keys("half a thou")
    scrolled = "return document.querySelector('.tree').scrollLeft"
    assert script(browser, f"document.querySelector('.tree').scrollLeft = 30; {scrolled}") == 30
    with open_archive(served.home) as archive:
        archive.campaigns.update("long", seconds=7777.0)
        archive.events.add("long", Shown())
    until(lambda: "2 h 09 min" in words(browser, ".tiles"), "the news are shown")
    assert script(browser, "return document.activeElement.name") == "text"
    assert script(browser, "return document.querySelector('#message [name=text]').value") == "half a thou"
    assert script(browser, scrolled) == 30
