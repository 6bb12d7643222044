"""Control groups of version 2, on folders of plain files laid out as the kernel does."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolver.sandbox import cgroups
from evolver.sandbox.base import Ending, Limits
from evolver.sandbox.cgroups import Cgroups, Group, find_cgroups

LIMITS = Limits(memory=64 << 20, processes=7, cpus=2)


@pytest.fixture
def hierarchy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """/user.slice/me.service/app.slice/run.scope, delegated from me.service on, with this process in the scope."""
    for depth, controllers in enumerate(("cpu memory pids", "memory pids", "cpu memory pids", "memory pids io", "")):
        folder = tmp_path.joinpath(*("user.slice", "me.service", "app.slice", "run.scope")[:depth])
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.subtree_control").write_text(controllers)
        (folder / "cgroup.procs").write_text("")
    files = {
        "/proc/self/mountinfo": f"30 23 0:26 / {tmp_path} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
        "/proc/self/cgroup": "0::/user.slice/me.service/app.slice/run.scope\n",
    }
    original = cgroups._text
    monkeypatch.setattr(cgroups, "_text", lambda path: files.get(str(path)) or original(path))
    return tmp_path


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made for a group has the files of one, and can be removed with them."""
    make, drop = Path.mkdir, Path.rmdir

    def mkdir(path: Path, *args: object, **kwargs: object) -> None:
        make(path)
        for name in ("cgroup.procs", "memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cpu.max"):
            (path / name).write_text("max")

    def rmdir(path: Path) -> None:
        for file in path.iterdir():
            file.unlink()
        drop(path)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)


def test_groups_are_made_in_the_nearest_ancestor_that_hands_controllers_on(hierarchy: Path, kernel: None) -> None:
    found = find_cgroups()
    assert found is not None and found.version == 2
    assert set(found.parents.values()) == {hierarchy / "user.slice/me.service/app.slice"} and found.controllers == [
        "memory",
        "pids",
    ]


def test_where_nothing_is_delegated_there_are_none(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_text", lambda path: "0::/\n" if str(path) == "/proc/self/cgroup" else "")
    assert find_cgroups() is None


def test_limits_are_written(hierarchy: Path, kernel: None) -> None:
    group = Cgroups(2, dict.fromkeys(["cpu", "memory", "pids"], hierarchy)).create(LIMITS)
    (folder,) = group.folders
    assert {
        name: (folder / name).read_text()
        for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max")
    } == {
        "memory.max": str(64 << 20),
        "memory.swap.max": "0",
        "memory.oom.group": "1",
        "pids.max": "7",
        "cpu.max": "200000 100000",
    }
    assert group.remove() and not folder.exists()


def test_figures_are_read(tmp_path: Path) -> None:
    group = Group({"memory": tmp_path}, LIMITS, 2)
    assert group.peak_memory() == 0 and group.cpu_seconds(1.5) == 1.5 and group.overrun() is None
    (tmp_path / "memory.peak").write_text("12345\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert (group.peak_memory(), group.cpu_seconds(0.0), group.overrun()) == (12345, 2.5, None)
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    overrun = group.overrun()
    assert overrun is not None and overrun[0] is Ending.OUT_OF_MEMORY
