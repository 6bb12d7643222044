"""The log: silent unless asked for, a line for each change of state, nothing that it must not hold."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolver.errors import UsageError
from evolver.graph import Context, arun
from evolver.logging import get_logger, set_verbosity
from tests.support import improver
from tests.support.endpoint import Endpoint, Seen, Step

KEY = "sk-planted-0123456789abcdef"
PLANTED = {"OPENAI_API_KEY": KEY, "MY_SERVICE_PASSWORD": "correct-horse-battery", "EVOLVER_TOKEN": "tok-planted-98765"}
PRINTED, RAISED, WRITTEN = "MARK-that-a-program-printed", "MARK-that-a-program-raised", "MARK-that-a-model-wrote"


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    """Take away what `set_verbosity` has added."""
    library = logging.getLogger("evolver")
    handlers, level, propagates = list(library.handlers), library.level, library.propagate
    yield
    set_verbosity("warning")
    library.handlers[:], library.propagate = handlers, propagates
    library.setLevel(level)


def test_the_library_is_silent_until_it_is_asked() -> None:
    code = "from evolver.logging import get_logger; get_logger('evolver.sandbox').error('heard')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == said.stderr == ""


def test_a_program_that_configures_logging_hears_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        get_logger("evolver.memory.events").info("an event")
    assert caplog.messages == ["an event"]


def test_parts_have_levels_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    set_verbosity("warning,llm=debug,evolver.sandbox.docker=info")
    for part, level in (("llm.router", 10), ("sandbox.docker.pool", 10), ("sandbox.docker.pool", 20), ("memory", 20)):
        get_logger(f"evolver.{part}").log(level, "%s at %d", part, level)
    said = re.findall(r"evolver\.[\w.]+: (.*)", capsys.readouterr().err)
    assert said == ["llm.router at 10", "sandbox.docker.pool at 20"]
    set_verbosity("info")
    get_logger("evolver.llm.router").debug("not any more")
    assert capsys.readouterr().err == ""


def test_a_wrong_level_is_told() -> None:
    with pytest.raises(UsageError, match="'loud' is no log level; write debug, info, warning or error"):
        set_verbosity("info,llm=loud")


def test_secrets_of_the_environment_leave_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    set_verbosity("debug")
    try:
        raise ValueError(f"refused {KEY}")
    except ValueError:
        get_logger("evolver.llm").exception("with %s", " ".join(PLANTED.values()))
    said = capsys.readouterr().err
    assert "ValueError: refused" in said
    assert not [value for value in PLANTED.values() if value in said]


def _answer(seen: Seen) -> Step:
    """A model whose every third program prints and raises, and who says so."""
    step = improver.answer(seen)
    if improver.role_of(seen) == "researcher":
        return Step(step.text.replace("The hidden point", f"{WRITTEN}: the hidden point"))
    if improver.role_of(seen) == "coder" and re.search(r"^# Proposal [36]$", seen.prompt, re.M):
        return Step(
            step.text.replace("    return", f"    print('{PRINTED}')\n    raise ValueError('{RAISED}')\n    return")
        )
    return step


async def test_a_campaign_has_a_line_for_each_change_and_none_that_leaks(
    quadratic: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in PLANTED.items():
        monkeypatch.setenv(name, value)
    set_verbosity("debug")
    with Endpoint(_answer) as endpoint:
        models = {"team": "llm", "models": ("openai:m",), "base_url": endpoint.url}
        given = {"task": str(quadratic), "experiments": 6, "workers": 1, "home": home, **models}
        summary = await arun(Context.model_validate(given))
    said = capsys.readouterr().err
    assert summary.experiments == 6 and summary.experiments_by_standing["unusable"]
    name = summary.campaign
    for line in (
        rf"INFO \S+: {name}: created \(task ",
        r"INFO \S+: sandbox bubblewrap with \d+ slots",
        rf"INFO \S+: {name}-0-0: proposed \(operator edit\)",
        rf"INFO \S+: {name}-0-0: coded \(program [0-9a-f]+\)",
        rf"INFO \S+: {name}-0-0: trial started \(stage \w+, seed 0\)",
        rf"INFO \S+: {name}-0-0: trial \(status ok, stage \w+, seed 0\)",
        rf"INFO \S+: {name}-0-\d: concluded \(kind improved, score ",
        rf"INFO \S+: {name}-0-\d: champion \(score ",
        rf"INFO \S+: {name}-0-\d: lesson \(status ",
        rf"INFO \S+: {name}-0-\d: trial \(status failed, ",
        rf"INFO \S+: {name}: status \(status finished\)",
        rf"DEBUG evolver\.llm\.client: openai:m answered coder \(code\) for {name}-0-0: ok, ",
        rf"DEBUG evolver\.sandbox\.handle: job {name}-0-0\.\S+: exited with exit status 0 after ",
    ):
        assert re.search(line, said), f"{line} is not in\n{said}"
    for text in (PRINTED, RAISED, WRITTEN, *PLANTED.values()):
        assert text not in said
    assert said.count(f"{name}-0-0: concluded") == 1


def test_the_debug_option_writes_to_standard_error_alone(quadratic: Path, home: Path, tmp_path: Path) -> None:
    words = ["--debug", "run", str(quadratic), "-n", "1", "-w", "1", "--json"]
    done = _evolver(words, home)
    assert done.stdout.startswith("{") and "DEBUG" not in done.stdout
    assert re.search(r"DEBUG evolver\.sandbox\.handle: job", done.stderr)
    quiet = _evolver(words[1:], home)
    assert "evolver." not in quiet.stderr
    told = _evolver(words[1:], home, EVOLVER_LOG="info")
    assert " INFO evolver." in told.stderr and " DEBUG evolver." not in told.stderr
    wrong = _evolver(["list"], home, EVOLVER_LOG="all")
    assert wrong.returncode == 2 and wrong.stderr.startswith("evolver: EVOLVER_LOG: 'all' is no log level")


def _evolver(words: list[str], home: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "EVOLVER_HOME": str(home), **more}
    return subprocess.run(
        [sys.executable, "-m", "evolver.cli", *words],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
