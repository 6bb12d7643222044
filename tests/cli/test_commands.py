"""Every command as a user runs it: what it prints, its exit status, and one clear message for each mistake."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.graph.resolved_run import open_archive
from evolver.memory import Memory
from evolver.sandbox.cgroups import find_cgroups

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
EVOLVER = Path(sys.executable).parent / "evolver"


@pytest.fixture
def finished(cli: Cli, quadratic: Path) -> str:
    """The name of a small finished campaign."""
    summary = json.loads(cli("run", quadratic, "-n", "12", "-w", "2", "--json").stdout)
    assert summary["status"] == "finished"
    return str(summary["campaign"])


def test_run_prints_one_object_last_and_nothing_else(cli: Cli, quadratic: Path) -> None:
    result = cli("run", quadratic, "-n", "5", "-w", "1", "--json")
    summary = json.loads(result.stdout)
    watched = find_cgroups() is None and "bubblewrap" in result.stderr
    assert result.stderr.count("only watched") == int(watched), "said once, with what to do"
    assert result.stderr.count("systemd-run --user --scope -p Delegate=yes") == int(watched)
    assert {
        "campaign",
        "task",
        "metric",
        "direction",
        "baseline",
        "best",
        "experiments",
        "trials",
        "lessons",
        "seconds",
        "cost",
    } <= summary.keys()
    assert {"id", "mean", "interval", "seeds"} <= summary["best"].keys()
    assert summary["experiments"] == 5
    cost = summary["cost"]
    assert (cost["usd"], cost["unknown"], cost["tokens_in"], cost["calls"]) == (0.0, False, 0, 0)


def test_the_outcome_names_the_best_and_where_to_look(cli: Cli, quadratic: Path) -> None:
    said = cli("run", quadratic, "-n", "8").stdout
    assert "squared_distance" in said
    assert "re-tested" in said
    assert "evolver show quadratic-1" in said
    assert "★" in said


def test_list_show_lessons_and_export(cli: Cli, finished: str, tmp_path: Path) -> None:
    assert finished in cli("list").stdout
    assert json.loads(cli("list", "--json").stdout)["campaigns"][0]["name"] == finished
    shown = cli("show", finished).stdout
    assert "Champions" in shown
    assert "baseline" in shown
    best = json.loads(cli("show", finished, "--json").stdout)["summary"]["best"]["number"]
    one = cli("show", finished, str(best)).stdout
    assert "hypothesis" in one
    assert "+++ this/program.py" in one
    detail = json.loads(cli("show", finished, str(best), "--json").stdout)
    assert detail["trials"][0]["status"] == "ok"
    lessons = json.loads(cli("lessons", finished, "--json").stdout)["lessons"]
    assert lessons
    assert all(lesson["evidence"] for lesson in lessons)
    assert "%" in cli("lessons", finished, "which coordinate matters").stdout
    out = tmp_path / "taken"
    cli("export", finished, "-o", out)
    assert (out / "best" / "program" / "program.py").exists()
    assert (out / "best" / "outputs" / "point.json").exists()
    rows = [json.loads(line) for line in (out / "experiments.jsonl").read_text().splitlines()]
    assert len(rows) == 13
    assert len((out / "trials.jsonl").read_text().splitlines()) >= 13
    assert "exists already" in cli("export", finished, "-o", out, check=2).stderr


def test_resume_raises_the_budget(cli: Cli, finished: str) -> None:
    assert json.loads(cli("resume", finished, "-n", "15", "--json").stdout)["experiments"] == 15


def test_memory_is_rebuilt_from_the_archive(cli: Cli, finished: str, home: Path) -> None:
    import shutil

    shutil.rmtree(home / "memory")
    counts = json.loads(cli("memory", "rebuild", "--json").stdout)
    assert counts["notes"] >= 1
    assert counts["lessons"] >= 1
    cli("resume", finished, "-n", "14", "--json")


def test_notes_are_read_into_memory_and_used(cli: Cli, quadratic: Path, tmp_path: Path) -> None:
    (tmp_path / "idea.md").write_text(
        "# Mirror\n\nA coordinate may have the wrong sign.\n\n```python\ndef mirror(y):\n    y = -y\n    return y\n```\n"
    )
    assert json.loads(cli("notes", "add", "idea.md", "--json").stdout)["notes"] == 1
    name = json.loads(cli("run", quadratic, "-n", "12", "--json").stdout)["campaign"]
    said = json.loads(cli("show", name, "--json", "--last", "20").stdout)
    assert any("mirror" in row["proposal"]["plan"] for row in said["recent"])


def test_a_dry_run_estimates_and_records_nothing(cli: Cli, quadratic: Path) -> None:
    estimate = json.loads(cli("run", quadratic, "-n", "10", "-w", "2", "--dry-run", "--json").stdout)
    assert 0 < estimate["least_seconds"] <= estimate["most_seconds"]
    assert json.loads(cli("list", "--json").stdout)["campaigns"] == []


def test_compare_prints_the_plain_methods_beside_the_result(cli: Cli, quadratic: Path, tmp_path: Path) -> None:
    task = tmp_path / "with-arm"
    shutil.copytree(quadratic, task)
    (task / "compare").mkdir()
    (task / "compare" / "origin.py").write_text("def point():\n    return [0.0, 0.0]\n")
    summary = json.loads(cli("run", task, "-n", "4", "--compare", "--json").stdout)
    assert [arm["name"] for arm in summary["comparisons"]] == ["origin"]
    assert summary["comparisons"][0]["score"] == pytest.approx(3.7**2 + 2.2**2)


def test_trials_taken_from_another_campaign_count_in_a_comparison(cli: Cli, quadratic: Path, home: Path) -> None:
    for name in ("first", "second"):
        cli("run", quadratic, "-n", "3", "-w", "1", "-c", name, "--no-recall")
    with open_archive(home) as archive:
        first, second = archive.campaigns.counts("first"), archive.campaigns.counts("second")
        own = {
            t.seed
            for e in archive.experiments.list("second")
            for t in archive.trials.list(e.id)
            if not t.reused_cpu_seconds
        }
    assert min(own) >= 1000, "the search took all from the first campaign, the re-test nothing"
    assert second.reused_cpu_seconds > 0.0 and first.reused_cpu_seconds == 0.0
    spared = second.cpu_seconds + second.reused_cpu_seconds
    assert spared == pytest.approx(first.cpu_seconds, rel=0.5), "the other re-test differs, the rest is the same"


def test_a_campaign_that_runs_out_of_time_says_so(cli: Cli, quadratic: Path) -> None:
    summary = json.loads(cli("run", quadratic, "-n", "500", "-t", "3s", "--json").stdout)
    assert summary["status"] == "finished" and summary["ended"] == "the time budget is spent"


def test_a_verification_takes_no_time_of_the_campaign(cli: Cli, quadratic: Path, home: Path) -> None:
    cli("run", quadratic, "-n", "2", "-c", "c")
    with open_archive(home) as archive:
        before = archive.campaigns.get("c").seconds
    for _ in range(2):
        cli("verify", "c", "1")
    with open_archive(home) as archive:
        assert archive.campaigns.get("c").seconds == pytest.approx(before, abs=0.5)


def test_what_was_learned_beside_another_process_reaches_the_shared_memory(
    cli: Cli, quadratic: Path, home: Path
) -> None:
    (home / "memory").mkdir(parents=True)
    with (home / "memory" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cli("run", quadratic, "-n", "4", "-w", "1", "-c", "beside")
    assert (home / "memory-beside").is_dir()
    cli("run", quadratic, "-n", "1", "-w", "1", "-c", "later")
    assert not (home / "memory-beside").exists()
    memory = Memory.open(home / "memory")
    try:
        with open_archive(home) as archive:
            memory.catch_up(archive, "beside")  # as a campaign that is resumed does
        found = {hit.id for hit in memory.search_ideas("move the point", "beside", 10)}
    finally:
        memory.close()
    assert len(found) == 4


def test_missing_notes_are_refused_before_there_is_a_campaign(cli: Cli, quadratic: Path, tmp_path: Path) -> None:
    said = cli("run", quadratic, "--notes", tmp_path / "none.md", check=2).stderr
    assert "none.md: no such file or folder" in said
    assert json.loads(cli("list", "--json").stdout)["campaigns"] == []


def test_an_export_that_cannot_be_made_is_refused(cli: Cli, finished: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in cli("export", finished, "-o", tmp_path / "file" / "out", check=2).stderr


def test_a_new_task_checks_and_runs(cli: Cli) -> None:
    cli("task", "new", "my-task")
    assert "ready" in cli("task", "check", "./my-task").stdout
    assert json.loads(cli("run", "./my-task", "-n", "3", "--json").stdout)["experiments"] == 3
    assert "exists" in cli("task", "new", "my-task", check=2).stderr


def test_task_list_names_the_built_in_tasks(cli: Cli) -> None:
    names = [task["name"] for task in json.loads(cli("task", "list", "--json").stdout)["tasks"]]
    assert {"circle-packing", "function-fitting"} <= set(names)
    assert "circle-packing" in cli("task", "list").stdout


def test_task_check_finds_a_judge_that_trusts_the_program(cli: Cli, tmp_path: Path, quadratic: Path) -> None:
    import shutil

    task = tmp_path / "trusting"
    shutil.copytree(quadratic, task)
    (task / "judge.py").write_text(
        "import json\ndef judge(out, private, stage, seed):\n"
        "    path = out / 'metrics.json'\n    return json.loads(path.read_text())['metrics'] if path.exists() else {'squared_distance': 1.0}\n"
    )
    said = cli("task", "check", task, check=1).stdout
    assert "BAD" in said
    assert "the judge trusts what the program wrote" in said


def test_doctor_answers(cli: Cli) -> None:
    report = json.loads(cli("doctor", "--json").stdout)
    assert report["good"]
    assert any("MiniLM" in check["said"] for check in report["checks"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["run", "circle-paking"], "circle-packing"),
        (["run", "./nowhere"], "nowhere"),
        (["run", "circle-packing", "--time", "soon"], "--time"),
        (["run", "circle-packing", "--experiments", "0"], "experiments"),
        (["run", "circle-packing", "--sandbox", "jail"], "--sandbox"),
        (["run", "circle-packing", "--parents", "best"], "--parents"),
        (["run", "circle-packing", "--stage", "huge"], "stage"),
        (["run", "circle-packing", "--campaign", "../x"], "--campaign"),
        (["run", "circle-packing", "--campaign", "a/b"], "letters, digits"),
        (["run", "circle-packing", "--notes", "missing.md"], "missing.md"),
        (["run", "circle-packing", "--cost", "2"], "--model"),
        (["run", "circle-packing", "--model", "openai:m", "--base-url", "notaurl"], "notaurl"),
        (["resume", "nothing"], "nothing"),
        (["show", "nothing"], "nothing"),
        (["lessons", "nothing"], "nothing"),
        (["export", "nothing", "-o", "x"], "nothing"),
        (["task", "check", "nothing"], "nothing"),
        (["task", "new", "Bad Name"], "Bad Name"),
        (["notes", "add", "missing.pdf"], "missing.pdf"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_a_mistake_gets_one_clear_message_and_status_2(cli: Cli, words: list[str], expected: str) -> None:
    result = cli(*words, check=2)
    assert expected in result.stderr
    assert "Traceback" not in result.stderr


def test_a_wrong_variable_or_data_folder_is_named(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_OUTAGE_SECONDS", "soon")
    said = cli("list", check=2).stderr
    assert said.startswith("evolver: EVOLVER_OUTAGE_SECONDS=soon: ") and said.count("\n") == 1
    monkeypatch.delenv("EVOLVER_OUTAGE_SECONDS")
    (tmp_path / "home").write_text("a file")
    assert "cannot be made" in cli("list", check=2).stderr
    assert "missing  data folder" in cli("doctor", check=1).stdout


def test_a_campaign_whose_baseline_fails_says_why_everywhere(cli: Cli, quadratic: Path, tmp_path: Path) -> None:
    task = Path(shutil.copytree(quadratic, tmp_path / "failing"))
    with (task / "baseline" / "program.py").open("a") as file:
        file.write("raise ValueError('boom')\n")
    cli("run", task, "-n", "3", "-c", "failing", check=1)
    assert "ValueError: boom" in " ".join(cli("show", "failing").stdout.split())
    assert json.loads(cli("show", "failing", "--json").stdout)["summary"]["status"] == "failed"
    assert "there is no best program" in cli("export", "failing", "-o", tmp_path / "out").stdout
    assert "boom" in cli("task", "check", task, check=1).stdout


def test_the_hint_how_to_go_on_names_the_budget_that_is_spent(cli: Cli, quadratic: Path) -> None:
    said = " ".join(cli("run", quadratic, "-n", "500", "-t", "3s", "-c", "timed").stdout.split())
    assert "evolver resume timed --time MORE (now 3s)" in said
    cli("run", quadratic, "-n", "3", "-c", "counted")
    assert "3 were begun already" in cli("resume", "counted", "-n", "2", check=2).stderr


def test_no_sandbox_is_said_loudly(cli: Cli, quadratic: Path) -> None:
    result = cli("run", quadratic, "-n", "2", "--sandbox", "none", "--json")
    assert "not protected" in result.stderr.lower()
    assert json.loads(result.stdout)["experiments"] == 2


def test_two_processes_do_not_run_one_campaign(quadratic: Path, cli: Cli, home: Path, tmp_path: Path) -> None:
    first = subprocess.Popen(
        [EVOLVER, "run", quadratic, "-c", "c", "-n", "5000"],
        cwd=tmp_path,
        env={**os.environ, "EVOLVER_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _until_running(cli)
        assert "another process, where it continues" in cli("resume", "c").stderr
        other = json.loads(cli("run", quadratic, "-c", "d", "-n", "2", "--json").stdout)
        assert other["experiments"] == 2, "another campaign in the same folder is no trouble"
    finally:
        first.kill()
        first.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_finishes_what_runs_and_says_how_to_go_on(
    quadratic: Path, cli: Cli, home: Path, tmp_path: Path, number: int
) -> None:
    process = subprocess.Popen(
        [EVOLVER, "run", quadratic, "-c", "c", "-n", "5000", "--json"],
        cwd=tmp_path,
        env={**os.environ, "EVOLVER_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _until_running(cli)
    process.send_signal(number)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, err
    summary = json.loads(out)
    assert summary["status"] == "paused"
    assert "evolver resume c" in err
    assert "Traceback" not in err
    done = summary["experiments"]
    again = json.loads(cli("resume", "c", "-n", str(done + 8), "--json").stdout)
    assert again["experiments"] == done + 8


def _until_running(cli: Cli) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        result = cli("show", "c", "--json", check=None)
        if result.returncode == 0 and json.loads(result.stdout)["summary"]["experiments"] > 2:
            return
        time.sleep(0.2)
    raise AssertionError("the campaign never got going")
