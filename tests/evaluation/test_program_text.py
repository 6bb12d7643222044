"""A user's program is run as it is: trailing tabs, byte order marks, line ends, letters, whatever the locale."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts import Program
from evolver.search import Operators, TechniqueLibrary
from evolver.tasks import load_task
from tests.support.level_task import HARNESS, JUDGE, PROGRAM, level_task

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
EVOLVER = Path(sys.executable).parent / "evolver"
TABLE = '''TABLE = """\\
1\t2\t3
4\t5\t
7\t8\t9
"""


def value():
    rows = [line.split("\\t") for line in TABLE.splitlines()]
    level = 1.0
    return sum(len(row) for row in rows) * level
'''


def test_a_tab_at_the_end_of_a_line_is_kept(tmp_path: Path, cli: Cli) -> None:
    task = level_task(tmp_path, TABLE)
    summary = json.loads(cli("run", task, "-n", "2", "-w", "1", "--json").stdout)
    assert summary["baseline"]["mean"] == (9 - 4.25) ** 2
    cli("export", summary["campaign"], "--output", tmp_path / "out")
    kept = [path.read_bytes() for path in (tmp_path / "out" / "programs").glob("*/program.py")]
    assert TABLE.encode() in kept and all(b"4\t5\t\n" in text for text in kept)


def test_files_with_a_byte_order_mark(tmp_path: Path, cli: Cli) -> None:
    mark = "\ufeff"
    task = level_task(tmp_path, mark + PROGRAM, harness=mark + HARNESS, judge=mark + JUDGE)
    summary = json.loads(cli("run", task, "-n", "2", "-w", "1", "--json").stdout)
    assert summary["baseline"]["mean"] == (1.5 - 4.25) ** 2


def test_changes_keep_a_files_line_ends(tmp_path: Path) -> None:
    program = Program(files={"program.py": PROGRAM.replace("\n", "\r\n")})
    operators = Operators(TechniqueLibrary({}), ["program.py:value"], program)
    import random

    recipe = next(r for n in range(20) if (r := operators.draw("tune", program, random.Random(n))))
    changed = operators.apply(recipe, program, {}).files["program.py"]
    assert changed != program.files["program.py"] and changed.count("\r\n") == changed.count("\n")
    assert operators.check(Program(files={"program.py": changed})) == []


@pytest.mark.skipif(shutil.which("localedef") is None, reason="no localedef to make a locale with")
def test_a_locale_that_is_not_utf_8(tmp_path: Path, home: Path) -> None:
    task = level_task(tmp_path, PROGRAM.replace('"""A curve."""', '"""Eine Kurve: Größe, α ≥ 2."""'))
    (tmp_path / "loc").mkdir()
    made = subprocess.run(
        ["localedef", "-i", "en_US", "-f", "ISO-8859-1", tmp_path / "loc" / "en_US.ISO-8859-1"],
        capture_output=True,
        check=False,
    )
    if made.returncode > 1:
        pytest.skip("localedef has no sources to make a locale from")
    environment = os.environ | {
        "LOCPATH": str(tmp_path / "loc"),
        "LC_ALL": "en_US.ISO-8859-1",
        "EVOLVER_HOME": str(home),
        "PYTHONUTF8": "0",
    }
    for words in (
        ["task", "check", task],
        ["run", task, "-n", "2", "-w", "1", "-c", "c"],
        ["export", "c", "--output", tmp_path / "x"],
        ["show", "c"],
    ):
        done = subprocess.run([EVOLVER, *words], env=environment, capture_output=True, timeout=100, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        assert b"Traceback" not in done.stderr
    written = [path.read_text(encoding="utf-8") for path in (tmp_path / "x" / "programs").glob("*/program.py")]
    assert written and all("α ≥ 2" in text for text in written)
    assert load_task(task).baseline().files["program.py"].startswith('"""Eine Kurve: Größe')
