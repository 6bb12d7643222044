"""`evolver certify`: what it writes is checked by Python alone, and a changed digit is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

import evolver
from evolver.cli.certify_command import write_certificate
from evolver.errors import UsageError
from tests.support.engine import ensure_engine
from tests.support.level_task import HARNESS, JUDGE, SPEC, level_task

NOISY = HARNESS.replace("float(trial.load", "trial.seed * 1e-9 + float(trial.load")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An exact certificate and a statistical one, of the best program of a short campaign each."""
    place, made = tmp_path_factory.mktemp("certificates"), {}
    tasks = {
        "exact": level_task(place / "exact"),
        "statistical": level_task(
            place / "statistical", harness=NOISY, judge=JUDGE, spec=SPEC.replace("tes: 1", "tes: 3")
        ),
    }
    patch = pytest.MonkeyPatch()
    for kind, task in tasks.items():
        home = place / f"home-{kind}"
        evolver.run(evolver.Context(task=str(task), experiments=1, workers=1, home=home, campaign=kind, seed=1))
        patch.setenv("EVOLVER_HOME", str(home))
        made[kind] = place / f"certificate-{kind}"
        write_certificate(kind, None, made[kind], as_json=True)
    patch.undo()
    return made


def checked(folder: Path, *more: str) -> tuple[int, str]:
    """What verify.py says where nothing but the standard library can be imported."""
    words = [sys.executable, "-I", "-S", str(folder / "verify.py"), *more]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False, env={})
    return ran.returncode, ran.stdout + ran.stderr


def test_an_exact_claim_is_judged_from_its_data(certificates: dict[str, Path]) -> None:
    status, said = checked(certificates["exact"])
    assert status == 0, said
    assert "By the data in outputs/, exactly: loss = " in said and said.endswith("VERIFIED\n")
    names = {path.name for path in (certificates["exact"] / "evidence").iterdir()}
    assert names == {f"{n}.json" for n in ("lineage", "trials", "fresh_tests", "reviews", "versions")} | {"programs"}


def changed_digit(text: str) -> str:
    """The last digit of the last number but for its ninth is another."""
    found = list(re.finditer(r"\d(?=\D*$)", text))[-1]
    return text[: found.start()] + str((int(found[0]) + 1) % 10) + text[found.end() :]


@pytest.mark.parametrize(
    "name", ["outputs/value.json", "task/judge.py", "program/program.py", "runtime/evolver_trial.py"]
)
def test_a_changed_digit_of_a_file_is_refused(name: str, certificates: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(certificates["exact"], tmp_path / "copy")
    (copy / name).write_text(changed_digit((copy / name).read_text()))
    status, said = checked(copy)
    assert status == 1 and f"REFUSED: {name} was changed" in said


def test_a_forged_digest_or_value_is_refused_by_the_judge(certificates: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(certificates["exact"], tmp_path / "copy")
    claim = json.loads((copy / "claim.json").read_text())
    data = copy / "outputs" / "value.json"
    before = data.read_text()
    data.write_text(changed_digit(before))
    forged = hashlib.sha256(data.read_bytes()).hexdigest()
    files = {**claim["files"], "outputs/value.json": forged}
    (copy / "claim.json").write_text(json.dumps({**claim, "files": files}))
    status, said = checked(copy)
    assert status == 1 and "by the data, and" in said
    data.write_text(before)
    lies: list[dict[str, object]] = [
        {"value": claim["value"] * 0.5},
        {"metrics": {}},
        {"metrics": {"loss": 0.0}, "value": 0.0},
    ]
    for lie in lies:
        (copy / "claim.json").write_text(json.dumps({**claim, **lie}))
        assert checked(copy)[0] == 1
    (copy / "claim.json").write_text(json.dumps(claim))
    (copy / "runtime" / "fractions.py").write_text("")
    assert "does not belong to the claim" in checked(copy)[1]


def test_a_statistical_claim_is_run_again(certificates: dict[str, Path], tmp_path: Path) -> None:
    status, said = checked(certificates["statistical"])
    assert status == 0, said
    assert "every replicate gave the very same number" in said
    assert "Not checked: that the program reads nothing but its own data" in said
    copy = shutil.copytree(certificates["statistical"], tmp_path / "copy")
    claim = json.loads((copy / "claim.json").read_text())
    better = {seed: value - 1.0 for seed, value in claim["scores"].items()}
    mean = sum(better.values()) / len(better)
    claim |= {"scores": better, "value": statistics.fmean(better.values()), "interval": [mean - 0.01, mean + 0.01]}
    (copy / "claim.json").write_text(json.dumps(claim))
    status, said = checked(copy)
    assert status == 1 and "REFUSED: the replicates differ by" in said
    (copy / "claim.json").write_text(json.dumps({**claim, "hidden": True}))
    assert checked(copy)[0] == 2


def test_it_is_checked_in_a_container_that_has_only_python(certificates: dict[str, Path]) -> None:
    ensure_engine()
    words = ["docker", "run", "--rm", "--network", "none", "-v", f"{certificates['exact']}:/certificate:ro"]
    words += ["python:3.11-slim", "python", "/certificate/verify.py"]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0 and "VERIFIED" in ran.stdout, ran.stdout + ran.stderr


def test_mistakes_are_said(certificates: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(certificates["exact"].parent / "home-exact"))
    with pytest.raises(UsageError, match="exists already; name a folder that does not"):
        write_certificate("exact", None, certificates["exact"], as_json=False)
    assert not list(certificates["exact"].parent.glob(".certificate-*"))
