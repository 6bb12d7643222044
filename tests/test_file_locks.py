"""Locks between processes: one holder, who lets go by dying; looking disturbs nobody."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from evolver.file_locks import is_locked, try_lock

HOLD = (
    "import sys; from pathlib import Path; from evolver.file_locks import try_lock\n"
    "lock = try_lock(Path(sys.argv[1])); print(lock is not None, flush=True); sys.stdin.read()"
)


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "True\n"
    return process


def test_one_holds_a_lock_and_another_thread_may_release_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path) and not path.exists()
    lock = try_lock(path)
    assert lock is not None and is_locked(path) and try_lock(path) is None
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    assert not is_locked(path)
    assert try_lock(path) is not None, "the file that stayed can be locked again"


@pytest.mark.slow
def test_a_killed_process_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = _holder(path)
    assert try_lock(path) is None and try_lock(path, patience=0.05) is None and is_locked(path)
    process.kill()
    lock = try_lock(path, patience=math.inf)
    assert lock is not None and is_locked(path)
    process.communicate()


def test_those_who_look_do_not_find_each_other(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch()
    seen: list[bool] = []
    threads = [threading.Thread(target=lambda: seen.extend(is_locked(path) for _ in range(200))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 800 and not any(seen)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="lock"):
        try_lock(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()
