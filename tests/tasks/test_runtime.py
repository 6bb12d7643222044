"""The files that are mounted at /evolver: the harness's and the judge's way in, and readers that trust nothing."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evolver.tasks import RUNTIME

HARNESS = """
def run(trial):
    value = trial.load("program.py").main()
    trial.save_json("value.json", value)
"""
JUDGE = """
from evolver_trial import safe_json

def judge(out, private, stage, seed):
    return {"value": safe_json(out / "value.json"), "seed": seed}
"""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A task that scores the number that main() returns."""
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "harness.py").write_text(HARNESS)
    (folder / "judge.py").write_text(JUDGE)
    return folder


@pytest.fixture
def runtime(load_file: Callable[[Path], ModuleType]) -> ModuleType:
    return load_file(RUNTIME / "evolver_trial.py")


# The harness's side


def test_a_program_is_run_and_judged(run_trial: Callable[..., Any], task: Path) -> None:
    ran = run_trial(task, {"program.py": "def main():\n    return 2.5\n"}, seed=7)
    assert ran.answer == {"metrics": {"value": 2.5, "seed": 7.0}}


@pytest.mark.parametrize(
    ("program", "last"),
    [
        ("def main():\n    return unknown\n", "NameError: name 'unknown' is not defined"),
        ("def main(:\n", "SyntaxError: invalid syntax"),
        ("import no_such_module\n", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\n", "AttributeError: module 'program' has no attribute 'main'"),
        (
            "import sys\ndef main():\n    sys.exit(0)\n",
            "SystemExit: the program ended itself (sys.exit(0)) instead of returning",
        ),
        ("def main():\n    return object()\n", "TypeError: Object of type object is not JSON serializable"),
    ],
)
def test_a_failing_program_leaves_its_traceback(
    program: str, last: str, run_trial: Callable[..., Any], task: Path
) -> None:
    ran = run_trial(task, {"program.py": program})
    assert ran.status == 1
    assert ran.log.strip().splitlines()[-1] == last
    assert "run_harness" not in ran.log
    assert ran.answer == {}


def test_a_missing_program_file_is_named(run_trial: Callable[..., Any], task: Path) -> None:
    ran = run_trial(task, {"other.py": ""})
    assert (ran.status, "the program has no Python file program.py" in ran.log) == (1, True)


@pytest.mark.parametrize("draw", ["random.random()", "float(numpy.random.rand())"])
def test_the_seed_decides_random_numbers(draw: str, run_trial: Callable[..., Any], task: Path) -> None:
    module = draw.partition(".")[0].removeprefix("float(")
    program = {"program.py": f"import {module}\ndef main():\n    return {draw}\n"}
    one, same, other = (run_trial(task, program, seed=seed).metrics["value"] for seed in (3, 3, 4))
    assert one == same != other


def test_a_program_of_several_files_can_import_its_parts(run_trial: Callable[..., Any], task: Path) -> None:
    program = {"program.py": "from part import VALUE\ndef main():\n    return VALUE\n", "part.py": "VALUE = 4\n"}
    assert run_trial(task, program).metrics["value"] == 4.0


def test_a_phase_sees_what_the_one_before_left(run_trial: Callable[..., Any], task: Path) -> None:
    (task / "harness.py").write_text("""
def run(trial):
    program = trial.load("program.py")
    if trial.phase == "train":
        trial.save_npy("model.npy", program.main())
    else:
        import numpy
        trial.save_json("value.json", numpy.load(trial.artifacts / "model.npy").tolist()[0])
""")
    program = {"program.py": "def main():\n    return [6.0]\n"}
    (task / "judge.py").write_text("def judge(out, private, stage, seed):\n    return {'value': 0}\n")
    trained = run_trial(task, program, phase="train")
    (task / "judge.py").write_text(JUDGE)
    assert run_trial(task, program, phase="predict", artifacts=trained.outputs).metrics["value"] == 6.0


# The clock


def test_time_left_counts_from_the_start_of_the_process() -> None:
    code = (
        "import sys, time; time.sleep(0.5); sys.path.insert(0, sys.argv[1]); "
        "import evolver_trial; print(evolver_trial.time_left())"
    )
    left = float(
        subprocess.run(
            [sys.executable, "-c", code, RUNTIME],
            env={"EVOLVER_SECONDS": "5", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    # 10 % of the limit is kept back.
    assert 2.5 < left < 4.05


def test_what_is_waited_for_a_cpu_is_no_time_of_the_trial() -> None:
    code = """
import os, sys, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.path.insert(0, sys.argv[1])
import evolver_trial
left, wall, waited = evolver_trial.time_left(), time.monotonic(), evolver_trial._waited()
while time.process_time() < float(sys.argv[2]):
    pass
print(left - evolver_trial.time_left(), time.monotonic() - wall, evolver_trial._waited() - waited)
"""
    environment = {"EVOLVER_SECONDS": "60", "EVOLVER_CPUS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    beside, mine = (
        subprocess.Popen([sys.executable, "-c", code, RUNTIME, seconds], env=environment, stdout=-1, text=True)
        for seconds in ("30", "0.4")
    )
    used, wall, waited = map(float, mine.communicate()[0].split())
    beside.kill()
    beside.communicate()
    assert waited > 0.05
    assert used == pytest.approx(wall - waited, abs=0.02)


def test_time_left_keeps_a_second_back_at_most(runtime: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    left = []
    for seconds in (100.0, 1000.0):
        monkeypatch.setattr(runtime, "_SECONDS", seconds)
        left.append(runtime.time_left())
    assert left[1] - left[0] == pytest.approx(900.0, abs=0.1)


# The judge's side


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise Invalid('no good')", "no good"),
        ("raise KeyError('lost')", "the judge failed on this output: KeyError: 'lost'"),
        ("sys.exit(0)", "SystemExit"),
        ("return None", "the judge returned NoneType, not a dict"),
        ("return {}", "not a dict of metrics"),
        ("return {'value': float('nan')}", "value is nan, not a finite number"),
        ("return {'value': float('-inf')}", "value is -inf, not a finite number"),
        ("return {'value': '1'}", "'value': str, not a number by name"),
        ("return {'value': True}", "'value': bool, not a number by name"),
        ("return {3: 1.0}", "3: float, not a number by name"),
        ("return {'value': 10**400}", "OverflowError"),
        ("raise ValueError('x' * 9000)", "xxx"),
    ],
)
def test_a_judge_that_gives_no_score_says_why(body: str, said: str, run_trial: Callable[..., Any], task: Path) -> None:
    (task / "judge.py").write_text(
        f"import sys\nfrom evolver_trial import Invalid\ndef judge(out, private, stage, seed):\n    {body}\n"
    )
    answer = run_trial(task, {"program.py": "def main():\n    return 0\n"}).answer
    assert set(answer) - {"feedback"} == {"invalid"}, "no score; an error's traceback is feedback"
    assert said in answer["invalid"]
    assert len(answer["invalid"]) <= 2000
    assert len(str(answer.get("feedback", ""))) <= 20_000


def test_a_judge_may_return_numpy_numbers(run_trial: Callable[..., Any], task: Path) -> None:
    (task / "judge.py").write_text(
        "import numpy\ndef judge(out, private, stage, seed):\n"
        "    return {'a': numpy.float32(0.5), 'b': numpy.int64(2)}\n"
    )
    assert run_trial(task, {"program.py": "def main():\n    return 0\n"}).metrics == {"a": 0.5, "b": 2.0}


# Readers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("NaN", "NaN is not a number"),
        ("[Infinity]", "Infinity is not a number"),
        ("[1e400]", "1e400 is too large"),
        ('{"a": 1, "a": 2}', "a key occurs twice"),
        ('{"a": {"b": 1, "b": 1}}', "a key occurs twice"),
        ("[1, 2", "not usable JSON"),
        ("", "not usable JSON"),
        ("[" * 100_000, "not usable JSON"),
        ("1" * 5000, "not usable JSON"),
        ('"\ud800"', "not usable JSON"),
    ],
)
def test_json_that_is_not_strict_is_refused(text: str, said: str, runtime: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(runtime.Invalid, match=said):
        runtime.safe_json(path)


def test_strict_json_is_read(runtime: ModuleType, tmp_path: Path) -> None:
    value = {"a": [1, 0.1, -2e-300, None, True, "é"]}
    (tmp_path / "value.json").write_text(json.dumps(value))
    assert runtime.safe_json(tmp_path / "value.json") == value


def test_only_plain_files_of_bounded_size_are_read(runtime: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "big.json").write_text("[" + "1," * 600 + "1]")
    (tmp_path / "link.json").symlink_to(tmp_path / "big.json")
    (tmp_path / "folder.json").mkdir()
    os.mkfifo(tmp_path / "pipe.json")
    for name, said in (
        ("big.json", "more than 1000"),
        ("link.json", "cannot be read"),
        ("folder.json", "not a plain file"),
        ("pipe.json", "not a plain file"),
        ("none.json", "the program left no none.json"),
    ):
        with pytest.raises(runtime.Invalid, match=said):
            runtime.safe_json(tmp_path / name, 1000)


def test_arrays_come_back_as_they_were_saved(runtime: ModuleType, tmp_path: Path) -> None:
    for number, array in enumerate(
        (
            np.arange(6.0).reshape(2, 3),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.zeros((0, 3)),
            np.array([[1, 2, 3]], dtype=np.int32),
        )
    ):
        path = tmp_path / f"{number}.npy"
        np.save(path, array)
        read = runtime.safe_npy(path, shape=(None, 3), dtype=array.dtype.name)
        np.testing.assert_array_equal(read, array)


def test_arrays_of_another_kind_are_refused(runtime: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "array.npy"

    def refused(said: str) -> None:
        with pytest.raises(runtime.Invalid, match=said):
            runtime.safe_npy(path, shape=(2, None), limit=10_000)

    for array, said in (
        (np.zeros(2), "has shape"),
        (np.zeros((3, 2)), "has shape"),
        (np.zeros((2, 2), np.float32), "holds float32"),
        (np.array([[1.0, np.nan]] * 2), "not finite"),
        (np.array([[np.inf, 0.0]] * 2), "not finite"),
        (np.zeros((2, 5000)), "more than 10000"),
    ):
        np.save(path, array)
        refused(said)
    np.save(path, np.array([[{}, []]] * 2, dtype=object), allow_pickle=True)
    refused("holds object")
    np.savez(path, a=np.zeros(2))
    (tmp_path / "array.npy.npz").rename(path)
    refused("not a usable npy file")
    path.write_bytes(b"")
    refused("not a usable npy file")


def test_a_header_that_lies_about_its_size_takes_no_memory(runtime: ModuleType, tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 10000000000), }\n"
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 16)
    with pytest.raises(runtime.Invalid, match="does not fit shape"):
        runtime.safe_npy(tmp_path / "array.npy", shape=(2, None))


def test_a_header_is_data_not_code(runtime: ModuleType, tmp_path: Path) -> None:
    header = b"__import__('os').abort()\n"
    (tmp_path / "array.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(runtime.Invalid, match="not a usable npy file"):
        runtime.safe_npy(tmp_path / "array.npy", shape=(2,))
