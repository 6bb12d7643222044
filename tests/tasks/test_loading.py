"""Finding tasks, refusing broken ones in words, and noticing changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from evolver.contracts import Program
from evolver.errors import TaskError, UnknownName
from evolver.tasks import Task, installed_tasks, load_task


def test_built_in_tasks_are_found_by_either_spelling() -> None:
    names = [task.name for task in installed_tasks()]
    assert names == sorted(names)
    assert {"circle-packing", "function-fitting"} <= set(names)
    assert load_task("circle_packing") == load_task("circle-packing")
    assert all(task.root.name == task.name for task in installed_tasks() if not task.spec.parameters)


def test_a_task_is_found_by_its_folder(example: Path) -> None:
    for ref in (example, str(example), str(example) + "/"):
        task = load_task(ref)
        assert task.root == example
        assert task.name == "example"


def test_an_unknown_name_suggests_a_near_one() -> None:
    with pytest.raises(UnknownName, match="did you mean circle-packing"):
        load_task("circle-paking")
    with pytest.raises(UnknownName, match=r"installed are .*circle-packing, .*function-fitting"):
        load_task("no/such/folder")


def test_what_a_task_says(example: Path) -> None:
    task = load_task(example)
    assert (task.metric.name, task.metric.direction, task.metric.range) == ("length", "minimize", (0.0, 1000.0))
    assert task.spec.resources.memory == 512 << 20
    assert task.spec.phases == ("run",)
    assert task.spec.program.entry == ("program.py:plan_tour",)
    assert task.notes == example / "notes"
    assert task.baseline() == Program(files={"program.py": (example / "baseline" / "program.py").read_text()})
    assert task.comparisons() == {}
    shutil.rmtree(example / "notes")
    assert load_task(example).notes is None


def test_stages_go_from_cheap_to_dear(example: Path) -> None:
    change(example / "task.yaml", "stages:\n", "stages:\n  - {name: proxy, seconds: 2}\n")
    change(example / "task.yaml", "    replicates: 1 ", "    replicates: 5 ")
    with (example / "task.yaml").open("a") as file:
        file.write("\n")
    task = load_task(example)
    assert [stage.name for stage in task.stages] == ["proxy", "full"]
    assert task.deciding_stage == task.stage("full")
    assert [stage.name for stage in task.stages_to()] == ["proxy", "full"]
    assert [stage.name for stage in task.stages_to("proxy")] == ["proxy"]
    assert (task.stage("full").replicates, task.stage("proxy").replicates) == (5, 1)
    with pytest.raises(UnknownName, match="'smoke'; it has proxy, full"):
        task.stage("smoke")


def test_a_comparison_replaces_the_entry_file_only(example: Path) -> None:
    change(example / "task.yaml", "files: [program.py] ", "files: [program.py, part.py] ")
    (example / "baseline" / "part.py").write_text("x = 1\n")
    (example / "compare").mkdir()
    (example / "compare" / "plain.py").write_text("def plan_tour(cities): ...\n")
    assert load_task(example).comparisons() == {
        "plain": Program(files={"program.py": "def plan_tour(cities): ...\n", "part.py": "x = 1\n"})
    }


MISTAKES = {
    "not yaml": ("summary: >", "summary: [", "line "),
    "unknown field": ("budget:", "budgett:", "budgett: unknown field; did you mean budget?"),
    "unknown field inside": (
        "    seconds: 5 ",
        "    second: 5 ",
        "stages[0].second: unknown field; did you mean seconds?",
    ),
    "missing field": ("  name: length ", "  # ", "metric.name: this field is missing"),
    "bad name": ("name: example", "name: My Task", "name: 'My Task' is not a task name"),
    "wrong direction": (
        "minimize ",
        "down ",
        "metric.direction: 'down' is not possible; write 'maximize' or 'minimize'",
    ),
    "empty range": ("[0, 1000]", "[5, 5]", "range 5.0..5.0 is empty"),
    "negative resolution": ("1.0e-9", "-1", "metric.resolution: "),
    "unknown stage": (
        "name: full",
        "name: huge",
        "stages[0].name: 'huge' is not possible; write 'smoke', 'proxy' or 'full'",
    ),
    "no seconds": ("seconds: 5 ", "seconds: 0 ", "stages[0].seconds: must be greater than 0, not 0"),
    "endless seconds": ("seconds: 5 ", "seconds: .inf ", "stages[0].seconds: "),
    "too many seconds": ("seconds: 5 ", "seconds: 1e9 ", "stages[0].seconds: "),
    "no replicates": ("replicates: 1 ", "replicates: 0 ", "stages[0].replicates: "),
    "stage twice": ("stages:\n", "stages:\n  - {name: full, seconds: 1}\n", "stages: a name occurs twice"),
    "phase twice": ("stages:\n", "phases: [run, run]\nstages:\n", "phases: a name occurs twice"),
    "bad phase": ("stages:\n", "phases: ['../x']\nstages:\n", "phases[0]: "),
    "entry without function": (
        '"program.py:plan_tour"',
        '"program.py"',
        "program.entry[0]: 'program.py' names no function",
    ),
    "entry in no file": (
        '"program.py:plan_tour"',
        '"other.py:plan_tour"',
        "other.py, which program.files does not list",
    ),
    "entry not defined": ('"program.py:plan_tour"', '"program.py:main"', "baseline/program.py defines no main"),
    "file outside": (
        "files: [program.py]",
        "files: [../program.py]",
        "program.files[0]: '../program.py' is not a plain",
    ),
    "file twice": ("files: [program.py]", "files: [program.py, program.py]", "a file is listed twice"),
    "no files": ("files: [program.py]", "files: []", "program.files: this is empty; write at least one"),
    "missing baseline": ("files: [program.py]", "files: [program.py, more.py]", "more.py does not exist"),
    "bad size": ("memory: 512MiB", "memory: plenty", "resources.memory: 'plenty' is not a size; write one like 512MiB"),
    "small memory": ("memory: 512MiB", "memory: 1KiB", "resources.memory: "),
    "no experiments": ("experiments: 30", "experiments: 0", "budget.experiments: "),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_task_yaml_is_put_into_words(mistake: str, example: Path) -> None:
    old, new, said = MISTAKES[mistake]
    change(example / "task.yaml", old, new)
    with pytest.raises(TaskError) as error:
        load_task(example)
    assert said in str(error.value)
    assert "task.yaml" in str(error.value)


def test_every_mistake_is_named_at_once(example: Path) -> None:
    change(example / "task.yaml", "seconds: 5 ", "seconds: -5 ")
    change(example / "task.yaml", "direction: minimize", "direction: up")
    with pytest.raises(TaskError) as error:
        load_task(example)
    assert len(str(error.value).splitlines()) == 2


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "just words\n"])
def test_a_task_yaml_without_fields_is_refused(content: str, example: Path) -> None:
    (example / "task.yaml").write_text(content)
    with pytest.raises(TaskError, match="expected fields"):
        load_task(example)


@pytest.mark.parametrize("name", ["task.yaml", "harness.py", "judge.py", "baseline/program.py"])
def test_a_missing_file_is_named(name: str, example: Path) -> None:
    (example / name).unlink()
    with pytest.raises(TaskError, match=f"{name} does not exist"):
        load_task(example)


def test_files_that_do_not_define_what_is_called_are_refused(example: Path) -> None:
    judge = (example / "judge.py").read_text()
    (example / "judge.py").write_text("def score(): ...\n")
    with pytest.raises(TaskError, match="does not define judge"):
        load_task(example)
    (example / "judge.py").write_text("def judge(:\n")
    with pytest.raises(TaskError, match=r"judge\.py does not parse"):
        load_task(example)
    (example / "judge.py").write_text(judge)
    (example / "baseline" / "program.py").write_bytes(b"\xff\xfe")
    with pytest.raises(TaskError, match="UTF-8"):
        load_task(example)


def test_a_task_yaml_that_is_no_text_is_refused(example: Path) -> None:
    (example / "task.yaml").write_bytes(b"name: \xff\n")
    with pytest.raises(TaskError, match="cannot be read"):
        load_task(example)


CHANGES: dict[str, Callable[[Task], None]] = {
    "task.yaml": lambda task: append(task.root / "task.yaml"),
    "harness.py": lambda task: append(task.root / "harness.py"),
    "judge.py": lambda task: append(task.root / "judge.py"),
    "public/cities.json": lambda task: append(task.root / "public" / "cities.json"),
    "inputs/run/new.json": lambda task: write(task.root / "inputs" / "run" / "new.json"),
    "private/cities.json": lambda task: (task.root / "private" / "cities.json").unlink(),
    "private/deep/new.json": lambda task: write(task.root / "private" / "deep" / "new.json"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_decides_a_score_changes_the_version_and_is_noticed(name: str, example: Path) -> None:
    task = load_task(example)
    assert task.changed() == []
    CHANGES[name](task)
    assert task.changed() == [name]
    assert load_task(example).version != task.version


def test_the_version_is_of_contents_only(example: Path, tmp_path: Path) -> None:
    task: Task = load_task(example)
    copy = tmp_path / "elsewhere"
    shutil.copytree(example, copy)
    append(copy / "baseline" / "program.py")
    append(copy / "notes" / "ideas.md")
    write(copy / "public" / "__pycache__" / "x.pyc")
    assert load_task(copy).version == task.version
    assert len(task.version) == 16
    (copy / "public" / "cities.json").rename(copy / "public" / "towns.json")
    assert load_task(copy).version != task.version


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) >= 1, old
    path.write_text(text.replace(old, new, 1))


def append(path: Path) -> None:
    path.write_text(path.read_text() + "\n")


def write(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
