"""Control groups of version 2, on folders of plain files laid out as the kernel does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evolver.errors import SandboxError
from evolver.sandbox import cgroups
from evolver.sandbox.base import Ending, Job, Limits
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.cgroups import Cgroups, Group, find_cgroups, is_mounted
from evolver.sandbox.orphans import mark

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
    monkeypatch.setattr(cgroups, "_mount_point", lambda _: tmp_path)
    return tmp_path


@pytest.fixture
def kernel(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder made for a group has the files of one, and can be removed with them."""
    make, drop = Path.mkdir, Path.rmdir
    files = ("cgroup.procs", "memory.max", "memory.oom.group", "memory.swap.max", "pids.max", "cpu.max")

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        make(path, mode, parents, exist_ok)
        for name in files if path.is_relative_to(hierarchy) else ():
            (path / name).write_text("max")

    def rmdir(path: Path) -> None:
        for name in files if path.is_relative_to(hierarchy) else ():
            (path / name).unlink(missing_ok=True)
        drop(path)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(Path, "rmdir", rmdir)


def test_groups_are_made_in_the_nearest_ancestor_that_hands_controllers_on(hierarchy: Path, kernel: None) -> None:
    parent = hierarchy / "user.slice/me.service/app.slice"
    assert find_cgroups() == Cgroups(parent, ("memory", "pids"))
    assert [path.name for path in parent.iterdir() if path.is_dir()] == ["run.scope"], "the trial group is removed"


def test_where_nothing_is_delegated_there_are_none(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_text", lambda path: "0::/\n" if str(path) == "/proc/self/cgroup" else "")
    assert find_cgroups() is None


def test_version_1_is_left_alone(hierarchy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/self/mountinfo": f"30 23 0:26 / {hierarchy} rw - cgroup cgroup rw,memory\n",
        "/proc/self/cgroup": "4:memory:/user.slice\n3:pids:/user.slice\n0::/user.slice/me.service\n",
    }
    monkeypatch.setattr(cgroups, "_text", lambda path: files.get(str(path), ""))
    assert find_cgroups() is None and not is_mounted()


def test_version_2_counts_as_mounted_with_its_controllers(hierarchy: Path) -> None:
    assert not is_mounted(), "another version may have taken them"
    (hierarchy / "cgroup.controllers").write_text("cpuset cpu memory pids\n")
    assert is_mounted()


def test_groups_of_the_dead_are_removed_and_others_stay(hierarchy: Path, kernel: None) -> None:
    dead = hierarchy / "user.slice" / mark().replace(f"-{os.getpid()}-", "-999999999-")
    mine, other = hierarchy / f"{mark()}1", hierarchy / "user.slice/evolver"
    for folder in (dead, mine, other):
        folder.mkdir()
    Cgroups(hierarchy / "user.slice/me.service", ("memory", "pids")).reap()
    assert not dead.exists() and mine.is_dir() and other.is_dir()


def test_a_group_that_cannot_be_limited_is_not_left(
    hierarchy: Path, kernel: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(group: Group) -> None:
        assert group.folder.is_dir()
        raise PermissionError(1, "not permitted")

    parent = hierarchy / "user.slice"
    monkeypatch.setattr(Group, "set_limits", refuse)
    with pytest.raises(SandboxError, match=r"no control group could be made: .*not permitted"):
        Cgroups(parent, ("memory", "pids")).create(LIMITS)
    assert [path.name for path in parent.iterdir() if path.is_dir()] == ["me.service"]


async def test_a_job_joins_its_group_and_the_group_goes_with_it(
    hierarchy: Path, kernel: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    parent = hierarchy / "user.slice/me.service/app.slice"
    sandbox = BubblewrapSandbox(1)
    said = {line.what: line.how for line in sandbox.protections()}
    assert said["memory"] == "control group, without swap" and said["processes"] == "control group"
    output = tmp_path_factory.mktemp("job") / "out"
    job = Job(id="a", command=("python", "-c", "import time; print('up', flush=True); time.sleep(1)"), output=output)
    handle = await sandbox.start(job)
    assert "up" in await anext(aiter(handle.logs()))
    groups = [path for path in parent.iterdir() if path.name.startswith(mark())]
    # The kernel would list the processes of the group here; a plain file keeps what the first of them wrote.
    joined = [(group / "cgroup.procs").read_text() for group in groups]
    outcome = await sandbox.wait(handle)
    assert outcome.ending is Ending.EXITED and outcome.exit_code == 0
    assert joined == ["0ax"] and not any(path.name.startswith(mark()) for path in parent.iterdir())
    await sandbox.close()


def test_limits_are_written(hierarchy: Path, kernel: None) -> None:
    group = Cgroups(hierarchy, ("cpu", "memory", "pids")).create(LIMITS)
    folder = group.folder
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
    group = Group(tmp_path, LIMITS)
    assert group.peak_memory() == 0 and group.cpu_seconds(1.5) == 1.5 and group.overrun() is None
    (tmp_path / "memory.peak").write_text("12345\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 2000000\n")
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert (group.peak_memory(), group.cpu_seconds(0.0), group.overrun()) == (12345, 2.5, None)
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 2\n")
    overrun = group.overrun()
    assert overrun is not None and overrun[0] is Ending.OUT_OF_MEMORY
