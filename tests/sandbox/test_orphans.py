"""Names that tell whose something was."""

from __future__ import annotations

import os
import subprocess
import sys

from evolver.sandbox.orphans import is_orphan, mark


def test_own_marks_are_not_orphans() -> None:
    assert not is_orphan(mark() + "3")
    assert f"-{os.getpid()}-" in mark()


def test_marks_of_the_dead_are() -> None:
    code = "from evolver.sandbox.orphans import mark; print(mark())"
    theirs = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_orphan(theirs + "1")


def test_a_process_with_the_same_number_is_another_one() -> None:
    namespace, pid, started = mark().removeprefix("evolver-").split("-")[:3]
    assert is_orphan(f"evolver-{namespace}-{pid}-{int(started) + 1}-x")


def test_other_names_and_namespaces_are_left_alone() -> None:
    _, pid, started = mark().removeprefix("evolver-").split("-")[:3]
    for name in ("docker", "evolver", "evolver-x", "evolver-1-2", f"evolver-1-{pid}-{int(started) + 1}-x"):
        assert not is_orphan(name)
