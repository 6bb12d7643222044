"""The report: one file that needs nothing else, says what is fit and what held-out, and holds no secret and no foreign script."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts.champion_events import Retested
from evolver.graph.resolved_run import open_archive
from evolver.web.templating import between, number, signed
from tests.support import improver
from tests.support.browser import PHONE, Browser, script, until
from tests.support.endpoint import Endpoint, Seen, Step
from tests.support.made_campaigns import make_campaign

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
KEY = "sk-evolver-0123456789abcdefghijklmnop"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a campaign whose candidates write markup wherever they can."""
    home = tmp_path_factory.mktemp("made")
    make_campaign(home, "hostile", 90)
    return home


@pytest.fixture(scope="module")
def written(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    from evolver.web.report import report

    path = tmp_path_factory.mktemp("report") / "hostile.html"
    path.write_text(report(made, "hostile"))
    return path


def test_it_opens_without_a_server_or_a_network(browser: Browser, written: Path) -> None:
    browser.get(written.as_uri())
    until(lambda: script(browser, "return Number(document.getElementById('curve').dataset.points)") == 91, "the chart")
    loaded = script(browser, "return performance.getEntriesByType('resource').map((one) => one.name)")
    assert [address for address in loaded if not address.startswith("data:")] == []
    assert browser.title == "hostile · Evolver report"
    assert script(browser, "return document.querySelectorAll('main img, main script').length") == 0
    assert script(browser, "return document.querySelectorAll('article').length") >= 3
    assert browser.complaints() == []
    browser.shape(PHONE, 844, dark=True)
    until(lambda: script(browser, "return document.documentElement.scrollWidth") <= PHONE, "the chart fits the phone")


def test_what_candidates_write_is_text_in_it(written: Path) -> None:
    text = written.read_text()
    scripts = re.findall(r"<script[^>]*>", text)
    packed = [f'<script type="application/octet-stream" id="packed-{what}">' for what in ("rows", "scripts")]
    assert scripts == ['<script type="application/json" id="curve-data">', *packed, "<script>"]
    assert "&lt;script&gt;document.title" in text
    markup = re.sub(r"<script.*?</script>|<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "<img" not in markup and not re.search(r"\son[a-z]+=\"", markup)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy and "default-src &#39;none&#39;" in policy[1]
    assert "unsafe" not in policy[1].split("style-src")[0], "scripts by their hashes alone"


def test_it_says_what_is_fit_and_what_is_held_out(made: Path, written: Path) -> None:
    text = written.read_text()
    with open_archive(made) as archive:
        champion = archive.experiments.champion("hostile")
        tested = archive.events.list("hostile", kind=Retested)[-1].data
    assert champion and champion.score and champion.interval
    fit = f'experiment {champion.number} scores <span class="num">{number(champion.score)}</span> <span class="interval num">{between(champion.interval)}</span>'
    assert fit in text and "at most 1 %" in text and "crowned only by a <em>confirmation</em>" in text
    assert f"it scores {number(tested.mean)}" in text and signed(tested.delta) in text
    assert "fresh replicates that the search never used" in text and "Brackets are 90 % intervals" in text


def test_a_campaign_without_a_re_test_claims_nothing(made: Path) -> None:
    from evolver.web.report import report

    make_campaign(made, "fresh", 8)
    with open_archive(made) as archive:
        leader = archive.experiments.champion("fresh")
        assert leader
        archive.campaigns.update("fresh", champion=archive.experiments.by_number("fresh", 0).id)
    text = report(made, "fresh")
    assert "has not been re-tested on fresh replicates; nothing should be claimed" in text


@pytest.mark.slow
def test_no_secret_is_in_it(
    cli: Cli, quadratic: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that repeats its key in every answer."""

    def leaky(seen: Seen) -> Step:
        step = improver.answer(seen)
        said = json.loads(step.text) if step.text.startswith("{") else None
        if said and "hypothesis" in said:
            return Step(
                json.dumps({**said, "hypothesis": f"{said['hypothesis']} The key is {seen.headers['authorization']}."})
            )
        return step

    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("EVOLVER_TOKEN", KEY[::-1])
    monkeypatch.setenv("EVOLVER_ANSWER_TOKENS", "1000")
    with Endpoint(leaky, key=KEY) as endpoint:
        words_ = ("--model", "openai:m", "--base-url", endpoint.url, "--team", "llm", "-w", "1")
        cli("run", quadratic, "-n", "3", "--campaign", "leaky", *words_)
        assert any(KEY in seen.headers["authorization"] for seen in endpoint.requests)
    said = json.loads(cli("report", "leaky", "-o", tmp_path / "r.html", "--json").stdout)
    text = (tmp_path / "r.html").read_text()
    assert said["output"] == str(tmp_path / "r.html") and said["bytes"] == len(text.encode())
    assert "The key is Bearer" in text, "the answers are in it"
    assert KEY not in text and KEY[::-1] not in text
    assert str(home) not in text


def test_the_command_says_what_is_wrong(cli: Cli, tmp_path: Path) -> None:
    assert "there is no campaign 'nothing' here" in cli("report", "nothing", check=2).stderr
    make_campaign(tmp_path / "home", "short", 5)
    assert "no such file" in cli("report", "short", "-o", tmp_path / "no" / "r.html", check=2).stderr
    assert "Wrote short.html" in cli("report", "short").stdout
    assert (tmp_path / "short.html").stat().st_size > 1_000_000


def test_numbers_and_intervals() -> None:
    assert (number(None), number(-1.23456789), signed(0.5)) == ("–", "\N{MINUS SIGN}1.23457", "+0.5")
    assert between((0.5, 0.5)) == "" and between(None) == ""
    assert between((0.1, 0.2)) == "[0.1, 0.2]" and between((-0.1, 0.2), True) == "[\N{MINUS SIGN}0.1, +0.2]"


def test_the_report_of_a_long_campaign_is_small_and_shows_every_experiment(browser: Browser, tmp_path: Path) -> None:
    from evolver.web.report import report

    make_campaign(tmp_path, "long", 2000)
    path = tmp_path / "long.html"
    path.write_text(report(tmp_path, "long"))
    assert path.stat().st_size < 3_000_000
    browser.get(path.as_uri())
    rows = "return document.querySelectorAll('table.experiments tbody tr').length"
    until(lambda: script(browser, rows) == 2001, "all rows")
    assert browser.complaints() == []


def test_it_says_what_was_tried_learned_and_what_comes_next(made: Path, written: Path) -> None:
    from evolver.web.report import report_markdown

    html, markdown = written.read_text(), report_markdown(made, "hostile")
    for text in (html, markdown):
        for title in (
            "Question",
            "What was tried, and what it cost",
            "Ablation of the champion",
            "Lessons, by evidence",
            "Negative results",
            "Next steps",
            "To run it again",
        ):
            assert title in text
        assert "evolver ablate hostile" in text
        assert "evolver run function-fitting -n 90" in text
    assert "<script" not in markdown and "<img" not in markdown
    assert "| crossover |" in markdown
    assert "ZeroDivisionError" in markdown
