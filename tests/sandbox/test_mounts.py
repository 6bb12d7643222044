"""What of Evolver itself no program may see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import evolver
from evolver.sandbox import mounts

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import asyncio, sys
from pathlib import Path
import evolver
from evolver.sandbox import PYTHON, Job, Mount, open_sandbox
from evolver.sandbox.mounts import own_folders

async def main(place, output):
    sandbox = open_sandbox("bubblewrap", 1)
    code = "import os; print({f: os.listdir(f'/data/{f}') for f in sorted(os.listdir('/data'))})"
    mount = Mount(source=place, target="/data")
    outcome = await sandbox.wait(await sandbox.start(Job(id="look", command=(PYTHON, "-c", code), inputs=(mount,), output=output)))
    print(outcome.log, end="")
    await sandbox.close()

assert Path(evolver.__file__).is_relative_to(sys.argv[1])
asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
"""


def test_every_room_of_the_checkout_is_hidden() -> None:
    hidden = mounts.own_folders()
    rooms = {path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "tests"}
    assert len(rooms) > 8 and rooms <= set(hidden)
    assert Path(evolver.__file__).resolve().parent in hidden


def test_a_room_that_is_added_is_hidden_too(tmp_path: Path) -> None:
    """The package with one more room, where a program is shown the folder that it is installed in."""
    place, attic = tmp_path / "site", tmp_path / "site" / "attic"
    package = place / "evolver"
    package.mkdir(parents=True)
    for entry in Path(evolver.__file__).parent.iterdir():
        if entry.name != "__pycache__":
            (package / entry.name).symlink_to(entry.resolve())
    attic.mkdir()
    (attic / "__init__.py").touch()
    (attic / "answers.txt").write_text("42")
    (package / "attic").symlink_to(attic)
    (place / "other").mkdir()
    (place / "other" / "seen.txt").touch()
    said = subprocess.run(
        [sys.executable, "-c", LOOK, str(place), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == "{'attic': [], 'evolver': [], 'other': ['seen.txt']}\n"
