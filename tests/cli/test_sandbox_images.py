"""`evolver sandbox` and the engine's lines of `evolver doctor`, as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

from evolver.sandbox.docker.images import tag_of

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


def test_build_makes_an_image_or_says_that_it_is_there(cli: Cli) -> None:
    tag = tag_of("plain")
    assert tag in cli("sandbox", "build").stdout
    again = cli("sandbox", "build", "--variant", "plain")
    assert "is there already" in again.stdout
    assert not again.stderr
    report = json.loads(cli("sandbox", "build", "--json").stdout)
    assert report["tag"] == tag
    assert report["current"]
    assert not report["built"]


def test_list_shows_what_is_there(cli: Cli) -> None:
    tag = json.loads(cli("sandbox", "build", "--json").stdout)["tag"]
    (image,) = [image for image in json.loads(cli("sandbox", "list", "--json").stdout)["images"] if image["tag"] == tag]
    assert image["variant"] == "plain"
    assert image["size"] > 1e8
    (line,) = [line for line in cli("sandbox", "list").stdout.splitlines() if tag in line]
    assert "current" in line
    assert "MB" in line


def test_prune_keeps_what_is_current(cli: Cli) -> None:
    tag = json.loads(cli("sandbox", "build", "--json").stdout)["tag"]
    pruned = json.loads(cli("sandbox", "prune", "--json").stdout)
    assert tag not in pruned["removed"] + pruned["in_use"]
    assert cli("sandbox", "prune").stdout.startswith(("Nothing to remove", "Removed "))
    assert not json.loads(cli("sandbox", "build", "--json").stdout)["built"]


def test_a_variant_there_is_not(cli: Cli) -> None:
    said = cli("sandbox", "build", "--variant", "gpu", check=2).stderr
    assert "--variant gpu" in said
    assert "cuda" in said


def test_a_base_there_is_not(cli: Cli) -> None:
    failed = cli("sandbox", "build", "--base", "127.0.0.1:9/nowhere:1", check=1)
    assert "--base" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert not failed.stdout


@pytest.mark.parametrize("command", ["build", "list", "prune"])
def test_without_an_engine(cli: Cli, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    failed = cli("sandbox", command, check=1)
    assert "install Docker" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert not failed.stdout


def test_doctor_says_what_a_missing_engine_costs(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {check["what"]: check for check in json.loads(cli("doctor", "--json").stdout)["checks"]}
    assert there["container engine"]["good"]
    assert there["container limits"]["good"]
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    report = json.loads(cli("doctor", "--json").stdout)
    assert report["good"]
    missing = {check["what"]: check for check in report["checks"]}["container engine"]
    assert not missing["good"]
    assert "install Docker" in missing["said"]
    assert "bubblewrap" in missing["said"]
