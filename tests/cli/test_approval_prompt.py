"""`evolver run --approve-above` in a terminal: the person there approves, rejects and edits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolver.contracts import CampaignStatus
from evolver.graph.resolved_run import open_archive
from tests.support.terminal import Terminal


@pytest.mark.slow
def test_a_person_approves_rejects_and_edits(quadratic: Path, home: Path, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/^X = .*/X = 0.125/' \"$1\"\n")
    editor.chmod(0o755)
    environment = {
        **os.environ,
        "EVOLVER_HOME": str(home),
        "TERM": "xterm-256color",
        "EDITOR": str(editor),
        "VISUAL": "",
    }
    words = ["run", str(quadratic), "-c", "c", "-n", "4", "-w", "1", "--approve-above", "0"]
    terminal = Terminal(words, tmp_path, environment)
    seen = terminal.until(
        r"Experiment 1 waits for approval: at most [^\n]+(.|\n)*or leave it for later \(Enter\)\?\s*$"
    )
    assert "+++ experiment 1/program.py" in seen
    terminal.type("a")
    terminal.until(r"Experiment 2 waits for approval(.|\n)*\(Enter\)\?\s*$")
    terminal.type("r")
    terminal.until("Say why")
    terminal.type("r because it was tried before")
    terminal.until(r"Experiment 3 waits for approval(.|\n)*\(Enter\)\?\s*$")
    terminal.type("e")
    terminal.until(r"Experiment 4 waits for approval(.|\n)*\(Enter\)\?\s*$")
    terminal.type("")
    terminal.until("Later: evolver chat c, then `approve 4`")
    with open_archive(home) as archive:
        assert archive.experiments.by_number("c", 1).verdict is not None
        second, third = archive.experiments.by_number("c", 2), archive.experiments.by_number("c", 3)
        assert second.verdict is not None and "it was tried before" in second.verdict.reason
        assert third.program is not None and "X = 0.125" in archive.programs.get(third.program).files["program.py"]
        assert archive.campaigns.get("c").status is CampaignStatus.RUNNING
    # What was left for later is answered elsewhere.
    chat = Terminal(["chat", "c"], tmp_path, environment)
    chat.until("4  waits for approval")
    chat.type("approve 4")
    chat.until("Approved: experiment 4")
    chat.type("exit")
    assert chat.ended() == 0
    assert terminal.ended() == 0
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").status is CampaignStatus.FINISHED
        assert archive.campaigns.counts("c").finished == 4
