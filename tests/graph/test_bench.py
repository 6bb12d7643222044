"""`evolver bench`: arms by seeds by tasks in one archive, resumable, with tables that say what was not run."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest

import evolver
from evolver.cli.bench_command import chosen_arms, report_bench, resolved_tasks, start_bench
from evolver.errors import EvolverError, UnknownName, UsageError
from evolver.graph.bench import ARMS, SETUPS, BenchPlan, keep_plan
from evolver.graph.bench_results import BenchResults
from evolver.tasks import load_task
from evolver.tasks.published_values import published_on
from evolver.tasks.task_places import suite_tasks
from tests.support.level_task import JUDGE, level_task

ABOVE = JUDGE.replace("** 2}", "** 2 + 1.0}")
PLAIN = "def value():\n    return 4.0\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of a short bench."""
    place = tmp_path_factory.mktemp("bench")
    task = level_task(place, judge=ABOVE)
    (task / "compare").mkdir()
    (task / "compare" / "plain.py").write_text(PLAIN)
    known = "{value: 1.0, by: somebody, when: 2026}"
    (place / "published.yaml").write_text(f"seen: 2026-11\ntasks: {{level: {{known: {known}}}}}\n")
    return place


def bench(home: Path, monkeypatch: pytest.MonkeyPatch, *, arms: str = "offline,baselines") -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(home / "home"))
    start_bench([str(home / "task")], arms, 1, 1, None, "small", home / "out", {"workers": 1}, False)


def read(home: Path) -> BenchResults:
    return BenchResults.model_validate_json((home / "out" / "bench.json").read_text())


def test_a_bench_goes_on_where_it_was_and_is_reported_again(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench(home, monkeypatch)
    first = read(home)
    assert [(run.arm, run.done) for run in first.runs] == [("offline", True), ("baselines", True)]
    baselines = first.runs[1]
    assert baselines.score == (4.0 - 4.25) ** 2 + 1.0 and baselines.share == 1.0 / baselines.score
    offline = first.runs[0]
    assert offline.experiments == 1 and len(offline.curve) == 2 and offline.cpu_seconds > 0.0
    assert first.tasks[0].is_published and first.tasks[0].reference == 1.0
    assert [(pair.one, pair.other, pair.tasks) for pair in first.pairs] == [("offline", "baselines", 1)]
    # Wider: a control; what was run stays as it is.
    capsys.readouterr()
    bench(home, monkeypatch, arms="offline,random")
    said = capsys.readouterr()
    assert "small.task.offline.0:" not in said.err and "small.task.random.0:" in said.err
    wide = read(home)
    assert wide.plan.arms == ("offline", "baselines", "random") and len(wide.runs) == 3
    assert wide.runs[0] == first.runs[0]
    rows = list(csv.DictReader(io.StringIO((home / "out" / "runs.csv").read_text())))
    assert len(rows) == 3 and float(rows[0]["score"]) == offline.score
    html = (home / "out" / "bench.html").read_text()
    assert "sha256-" in html and "best known: somebody" in html and len(re.findall('id="task-', html)) == 1
    report_bench("small", home / "again", as_json=False)
    again = BenchResults.model_validate_json((home / "again" / "bench.json").read_text())
    assert again.runs == wide.runs and again.pairs == wide.pairs
    with pytest.raises(UnknownName, match=r"there is no bench 'other' in .*; there are small"):
        report_bench("other", None, as_json=False)


def test_what_was_not_run_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVOLVER_HOME", str(home / "empty"))
    plan = BenchPlan(name="none", tasks=("records/hexagons-11",), arms=("offline", "llm"), seeds=5, experiments=60)
    keep_plan(home / "empty", plan)
    report_bench("none", home / "none", as_json=False)
    assert "| hexagons-11 | 3.92848 | not run | not run |" in (home / "none" / "table.md").read_text()


def test_campaigns_of_an_arm_are_told_apart_and_know_nothing_of_each_other(home: Path) -> None:
    assert set(SETUPS) | {"baselines"} == set(ARMS)
    plan = BenchPlan(name="b" * 16, tasks=("records/x",), arms=("offline",), seeds=1, experiments=3)
    names = plan.campaigns("records/" + "t" * 60, "shuffled-memory", 10) + plan.campaigns("x", "independent", 0)
    assert len(set(names)) == 4 and all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}", name) for name in names)
    for setup in SETUPS.values():
        evolver.Context(**{**setup.fields, "home": home})


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ("offline,bogus", "--arms bogus: choose among offline, llm"),
        ("", "--arms : choose among"),
        ("llm", "--arms llm: these ask a model; add --model PROVIDER:NAME"),
        ("baselines", "--arms baselines: they get the CPU time of another arm"),
    ],
)
def test_mistakes_are_said(arms: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EvolverError, match=said):
        bench(home, monkeypatch, arms=arms)


def test_a_suite_is_all_its_tasks_and_a_folder_of_tasks_is_one(home: Path) -> None:
    assert resolved_tasks(["records"]) == suite_tasks("records")
    assert resolved_tasks([str(home)]) == [str(home / "task")]
    assert chosen_arms("hill, offline") == ("offline", "hill")
    with pytest.raises(UsageError, match="two of the tasks are called hexagons-11"):
        resolved_tasks(["records/hexagons-11", "hexagons-11"])


def test_every_problem_of_the_suite_has_a_best_known_value_that_its_metric_accepts() -> None:
    for name in suite_tasks("records"):
        task = load_task(name)
        published = published_on(task)
        assert published is not None and task.metric.accepts(published.known.value), name
        for one in published.systems:
            assert task.metric.gain(published.known.value, one.value) >= 0.0
        # No prompt and no note tells it.
        texts = [
            path.read_text() for path in task.root.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        ]
        assert not any(f"{published.known.value:.6g}" in text for text in texts if published.known.value != 604)
