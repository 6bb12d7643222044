"""Log lines beside the live view of a campaign, at a real terminal."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.terminal import EVOLVER, Terminal


def test_log_lines_stand_above_the_live_view(slow: Path, home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "EVOLVER_HOME": str(home), "TERM": "xterm-256color", "EVOLVER_LOG": "info"}
    terminal = Terminal(["run", str(slow), "-n", "4", "-w", "1"], tmp_path, environment)
    seen = terminal.until(r"INFO evolver\.memory\.event_log: quadratic-1-0-1: proposed")
    panel = seen.rfind("╭")
    assert panel > 0 and "╰" in seen[panel:], f"no whole panel on\n{seen}"
    assert "INFO" not in seen[panel:], f"a line in the panel on\n{seen}"
    assert terminal.ended(60) == 0


def test_in_a_file_the_lines_are_not_caught_by_the_view(slow: Path, home: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "EVOLVER_HOME": str(home), "TERM": "xterm-256color"}
    script = tmp_path / "script"
    script.write_text(f"exec {EVOLVER} --debug run {slow} -n 2 -w 1 2> {tmp_path / 'log'}\n")
    terminal = Terminal([str(script)], tmp_path, environment, program="sh")
    seen = terminal.until("╭")
    while terminal.child.isalive():
        seen += terminal.read()
    assert "DEBUG" not in seen
    log = (tmp_path / "log").read_text()
    assert "INFO evolver.memory.event_log: quadratic-1: status (status finished)" in log and "╭" not in log
