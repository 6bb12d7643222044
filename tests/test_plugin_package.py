"""A package that adds to Evolver by entry points: installed by pip, kept to the contracts, and used in a campaign."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolver import open_archive

SOURCE = Path(__file__).parent / "plugin_package"
EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that pip has installed the package into, without a network."""
    folder = tmp_path_factory.mktemp("plugin")
    copy = shutil.copytree(SOURCE, folder / "source")  # building leaves files beside the source
    words = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "--quiet"]
    pip = [sys.executable, "-m", "pip", "install", *words, "--target", str(folder / "site"), str(copy)]
    subprocess.run(pip, check=True, capture_output=True, text=True)
    return folder / "site"


@pytest.fixture
def environment(site: Path, home: Path) -> dict[str, str]:
    """What a process sees that has the package."""
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "EVOLVER_HOME": str(home), "COLUMNS": "200"}


def evolver(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """What the command says to somebody who has the package."""
    return subprocess.run([EVOLVER, *words], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_passes_the_contract_tests(environment: dict[str, str], tmp_path: Path) -> None:
    tests = shutil.copytree(SOURCE / "contract_tests", tmp_path / "contract_tests")
    words = ["-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(tests), str(tests)]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words],
        env=environment,
        cwd=tests,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert " passed" in ran.stdout


@pytest.mark.slow
def test_a_campaign_uses_all_that_it_brings(environment: dict[str, str], home: Path, tmp_path: Path) -> None:
    counted = tmp_path / "jobs.txt"
    environment = {**environment, "SAMPLE_PLUGIN_COUNT": str(counted)}
    options = ["--sandbox", "counting", "--parents", "newest", "-n", "12", "-w", "1", "-c", "c", "--json"]
    ran = evolver(environment, "run", "stairs", *options)
    assert ran.returncode == 0, ran.stderr
    summary: dict[str, Any] = json.loads(ran.stdout)
    assert summary["experiments"] == 12
    with open_archive(home) as archive:
        campaign, experiments = archive.campaigns.get("c"), archive.experiments.list("c")
        assert (campaign.task, campaign.sandbox, campaign.parents) == ("stairs", "counting", "newest")
        assert campaign.added_operators == ("halve",)
        halved = [e for e in experiments if e.proposal and e.proposal.operator == "halve"]
        assert halved and all(e.proposal and e.proposal.plan.startswith("halve ") for e in halved)
        assert any(e.score is not None for e in halved)
        assert "operator:halve" in archive.search.credits("c")
    assert len(counted.read_text().splitlines()) >= 2 * len(experiments) - 4  # a program and its judge each


def test_it_is_listed_where_evolvers_own_things_are(environment: dict[str, str]) -> None:
    listed = json.loads(evolver(environment, "task", "list", "--json").stdout)["tasks"]
    assert {"stairs", "circle-packing"} <= {task["name"] for task in listed}
    checks = json.loads(evolver(environment, "doctor", "--json").stdout)["checks"]
    assert any(check["what"] == "counted jobs" for check in checks)
    unknown = evolver(environment, "run", "stairs", "--sandbox", "podman")
    assert unknown.returncode == 2 and "auto, docker, bubblewrap, none, counting" in unknown.stderr
    unknown = evolver(environment, "run", "stair")
    assert unknown.returncode == 2 and "did you mean stairs?" in unknown.stderr


def test_without_the_package_a_campaign_says_what_is_missing(environment: dict[str, str], site: Path) -> None:
    ran = evolver(environment, "run", "stairs", "-n", "1", "-w", "1", "-c", "c")
    assert ran.returncode == 0, ran.stderr
    bare = {**environment, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    shown = evolver(bare, "show", "c")
    assert shown.returncode == 0 and "distance" in shown.stdout, "an archive outlives what was installed"
    resumed = evolver(bare, "resume", "c", "-n", "2")
    assert resumed.returncode == 2 and "stairs" in resumed.stderr


def test_no_program_sees_its_tasks(environment: dict[str, str], site: Path) -> None:
    code = "from evolver.sandbox.mounts import own_folders; print(*own_folders(), sep='\\n')"
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert str((site / "sample_plugin" / "tasks").resolve()) in said.stdout.splitlines()
