"""Noticing changes of a task's files: whatever was done to hide them, and at no cost while there are none."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from evolver.errors import TaskError
from evolver.tasks import load_task
from evolver.tasks.integrity import JUDGED, SETTLED, TaskIntegrity


def settle(root: Path) -> None:
    """Wait until the files are old enough that their times can be believed, and have them hashed once more."""
    time.sleep(SETTLED / 1e9 + 0.1)
    assert TaskIntegrity(root).broken() == []


def test_a_change_that_hides_itself_is_found(example: Path) -> None:
    integrity, target = TaskIntegrity(example), example / "private" / "cities.json"
    settle(example)
    assert integrity.broken() == []
    before = target.stat()
    text = target.read_text()
    target.write_text(text.replace("0", "1", 1))
    os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (target.stat().st_size, target.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    assert integrity.broken() == ["private/cities.json"]
    target.write_text(text)
    assert integrity.broken() == []


def test_changes_within_one_tick_of_the_clock_are_found(example: Path) -> None:
    target = example / "private" / "cities.json"
    text = target.read_text()
    for number in range(50):
        target.write_text(text)
        integrity = TaskIntegrity(example)
        target.write_text(text.replace("0", "1", 1))
        assert integrity.broken() == ["private/cities.json"], number


def test_a_touch_is_no_change_and_a_missing_or_unreadable_file_is(example: Path) -> None:
    integrity = TaskIntegrity(example)
    (example / "judge.py").touch()
    shutil.copy(example / "harness.py", example / "other")
    (example / "other").replace(example / "harness.py")
    assert integrity.broken() == []
    (example / "judge.py").rename(example / "judge.old")
    (example / "judge.py").mkdir()
    (example / "public" / "link.json").symlink_to(example / "judge.old")
    assert integrity.broken() == ["judge.py", "public/link.json"]


def test_looking_costs_less_than_a_millisecond_of_cpu(example: Path) -> None:
    integrity = TaskIntegrity(example)
    settle(example)
    assert integrity.broken() == []
    took = []
    for _ in range(50):
        began = time.process_time()
        integrity.broken()
        took.append(time.process_time() - began)
    assert min(took) < 1e-3


def test_unchanged_files_are_not_read_again(example: Path) -> None:
    large = example / "public" / "large.bin"
    large.write_bytes(bytes(300 << 20))
    integrity = TaskIntegrity(example)
    time.sleep(SETTLED / 1e9 + 0.1)
    assert integrity.broken() == []
    began = time.process_time()
    assert integrity.broken() == []
    assert time.process_time() - began < 0.05, "hashing 300 MB takes several times as much"


def test_data_for_a_phase_that_is_not_there_is_refused(example: Path) -> None:
    assert "inputs" in JUDGED
    assert load_task(example).inputs("run") is None
    folder = example / "inputs"
    (folder / "run").mkdir(parents=True)
    assert load_task(example).inputs("run") == folder / "run"
    (folder / "predict").mkdir()
    with pytest.raises(TaskError, match=r"inputs/predict: task.yaml has no phase predict; its phases are run"):
        load_task(example)
    (folder / "predict").rmdir()
    (folder / "loose.json").write_text("1")
    with pytest.raises(TaskError, match=r"loose.json is shown in no phase; move it into .*inputs/PHASE"):
        load_task(example)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("{processes: 2, gpus: 1}", "2 processes cannot share 1 GPUs.*processes: 1, or gpus: 0"),
        ("{mixed_precision: fp16}", "fp16 needs a GPU; on the CPU write bf16 or no"),
        ("{mixed_precision: int8}", "'int8' is not possible; write 'no', 'fp16' or 'bf16'"),
        ("{proceses: 2}", "stages\\[0\\].accelerate.proceses: unknown field; did you mean processes"),
        ("{processes: 0}", "accelerate.processes: must be greater than or equal to 1, not 0"),
        ("{gpus: -1}", "accelerate.gpus: must be greater"),
    ],
)
def test_an_impossible_launch_is_refused_in_words(said: str, words: str, example: Path) -> None:
    _accelerate(example, said)
    with pytest.raises(TaskError, match=words):
        load_task(example)


def test_a_stage_may_ask_for_processes(example: Path) -> None:
    _accelerate(example, "{processes: 2, mixed_precision: no}")
    spec = load_task(example).stages[0].accelerate
    assert spec is not None
    assert (spec.processes, spec.mixed_precision, spec.gpus) == (2, "no", 0)


def _accelerate(task: Path, said: str) -> None:
    path = task / "task.yaml"
    path.write_text(path.read_text().replace("    replicates: 1 ", f"    accelerate: {said}\n    replicates: 1 ", 1))
