"""Projects in other languages: built, improved without a model, exported as git, and prompts that only a model varies."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.environment import sandbox_for
from evolver.evaluation.trial import run_trial
from evolver.tasks import Task, load_task
from evolver.tasks.repository import git
from tests.conftest import ROOT
from tests.support.foreign_folders import write_folder
from tests.tasks.test_program_tree import commit

CPP = {  # any other SHIFT is better
    "src/main.cpp": '#include <cstdio>\ndouble gap();\nint main() { std::printf("gap=%.12f\\n", gap()); }\n',
    "src/gap.cpp": "#include <cmath>\n\nconst double SHIFT = 1.0;\n\ndouble gap() { return 3.0 - std::fabs(SHIFT - 1.0); }\n",
    "notes.txt": "Nothing.\n",
}
RUST = {
    "Cargo.toml": '[package]\nname = "gap"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/main.rs": 'const SHIFT: f64 = 1.5;\n\nfn main() {\n    println!("gap={:.6}", (SHIFT - 4.0).abs());\n}\n',
}
BUILD = "g++ -O1 -o gap src/*.cpp"


@pytest.fixture(autouse=True, scope="module")
def _compilers() -> None:
    subprocess.run([ROOT / ".ci/toolchains"], check=True)


def made(folder: Path, files: dict[str, str]) -> Path:
    """A repository with these files."""
    write_folder(folder, files)
    git(folder, "init", "--quiet")
    commit(folder, "one")
    return folder


async def tried(task: Task, program: Program, folder: Path, seed: int = 0) -> Trial:
    sandbox = sandbox_for(task, "bubblewrap", 1)
    try:
        return await run_trial(sandbox, task, program, "full", seed, folder / "t" / "1", experiment="e")
    finally:
        await sandbox.close()


def test_a_repository_in_c_plus_plus_is_improved_and_exported(tmp_path: Path, cli: Callable[..., Any]) -> None:
    made(tmp_path, CPP)
    page = (ROOT / "docs/projects.md").read_text()
    block = re.search(r"<!-- project -->\n+((?:    .*\n)+)", page)
    assert block is not None
    words = block[1].strip().splitlines()
    ran = [shlex.split(line.strip().removeprefix("evolver ")) for line in words]
    assert cli(*ran[0]).stderr.startswith("WARNING: whoever writes the program writes the number")
    summary = json.loads(cli(*ran[1], timeout=280).stdout.strip().splitlines()[-1])
    assert summary["baseline"]["mean"] == 3.0 and summary["best"]["mean"] < 3.0
    assert (tmp_path / "src/gap.cpp").read_text() == CPP["src/gap.cpp"]
    assert "git apply" in cli(*ran[2]).stdout
    git(tmp_path, "apply", str(tmp_path / "better.patch"))
    subprocess.run(["sh", "-c", f"{BUILD} && ./gap > said"], cwd=tmp_path, check=True)
    assert float((tmp_path / "said").read_text().partition("=")[2]) == pytest.approx(summary["best"]["mean"])
    log = git(tmp_path / "history", "log", "--format=%s%n%(trailers)", "main").decode()
    assert "Experiment 0: " in log and "Score: gap 3\n" in log and "Verdict: improved" in log
    assert (tmp_path / "history/notes.txt").is_file()
    tags = git(tmp_path / "history", "tag").decode().split()
    assert f"champion-{summary['best']['number']}" in tags
    branches = git(tmp_path / "history", "branch", "--format=%(refname:short)").decode().split()
    assert {f"experiment-{n}" for n in range(summary["experiments"] + 1)} >= set(branches) - {"main"} > set()
    assert cli("export", summary["campaign"], check=2).stderr.count("--git")


async def test_a_program_is_built_once_and_what_does_not_build_has_no_score(
    tmp_path: Path, home: Path, cli: Callable[..., Any]
) -> None:
    write_folder(tmp_path, CPP)
    run = ["--run", "./gap", "--metric", r"gap=([\d.]+)", "--minimize", "--build", BUILD]
    cli("task", "new", "gap", "--files", "src/*.cpp", *run)
    task = load_task(tmp_path / "gap", home)
    assert [(await tried(task, task.baseline(), tmp_path, seed)).metrics["gap"] for seed in (0, 1)] == [3.0, 3.0]
    [kept] = [path for path in (home / "builds").iterdir() if not path.name.startswith(".")]
    assert (kept / "program/gap").stat().st_mode & 0o100
    files = task.baseline().files
    broken = Program(files={**files, "src/gap.cpp": files["src/gap.cpp"].replace("fabs", "nofabs")})
    for _ in range(2):
        trial = await tried(task, broken, tmp_path)
        assert trial.status is TrialStatus.FAILED and "it does not build: exit status 1" in trial.reason
        assert "nofabs" in trial.log_tail
    assert len([path for path in (home / "builds").iterdir() if not path.name.startswith(".")]) == 2


async def test_a_rust_crate_is_built_and_scored(tmp_path: Path, home: Path, cli: Callable[..., Any]) -> None:
    made(tmp_path, RUST)
    run = ["--run", "target/release/gap", "--metric", r"gap=([\d.]+)", "--minimize"]
    cli("task", "new", "gap", "--files", "src/**/*.rs", *run, "--build", "cargo build --release --offline")
    task = load_task(tmp_path / "gap", home)
    trial = await tried(task, task.baseline(), tmp_path)
    assert trial.metrics == {"gap": 2.5}, f"{trial.reason}\n{trial.log_tail}"


def test_what_only_a_model_can_vary_is_said_at_once(tmp_path: Path, cli: Callable[..., Any]) -> None:
    evaluate = "import pathlib\nprint('words=%d' % len(pathlib.Path('prompts/ask.md').read_text().split()))\n"
    write_folder(tmp_path, {"prompts/ask.md": "Say it in three words.\n", "evaluate.py": evaluate})
    run = ["--run", "python evaluate.py", "--metric", r"words=(\d+)", "--minimize"]
    cli("task", "new", "ask", "--files", "prompts/*", *run)
    checked = cli("task", "check", "./ask", "--sandbox", "bubblewrap")
    assert "words 5" in checked.stdout and "Task ask is ready." in checked.stdout, checked.stdout
    ran = cli("run", "./ask", "--sandbox", "bubblewrap", check=1)
    assert "the offline team can vary nothing here; give --model" in ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--files", "nothing/**", "--run", "x", "--metric", "a=(.*)"], "no text file fits"),
        (["--files", "../*", "--run", "x", "--metric", "a=(.*)"], "no pattern of files within the working directory"),
        (["--run", "x", "--metric", "a=(.*)"], "--from is missing"),
        (["--files", "src/*", "--metric", "a=(.*)"], "--run is missing"),
    ],
)
def test_a_project_that_cannot_be_is_refused(
    tmp_path: Path, cli: Callable[..., Any], words: list[str], said: str
) -> None:
    assert said in cli("task", "new", "other", *words, check=2).stderr
