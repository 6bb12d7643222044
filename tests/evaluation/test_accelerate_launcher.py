"""The words that start a stage's harness, and what is read from a launcher's report of a failure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evolver.evaluation.accelerate_launcher import failure, launch_of, program_log
from evolver.sandbox import PYTHON
from evolver.tasks.loading import RUNTIME
from evolver.tasks.spec import AccelerateSpec

HARNESS = "/evolver/run_harness.py"


def words(processes: int, gpus: int, precision: str = "no") -> str:
    spec = AccelerateSpec.model_validate({"processes": processes, "gpus": gpus, "mixed_precision": precision})
    return " ".join(launch_of(spec, 4).command)


def test_without_accelerate_it_is_plain_python() -> None:
    launch = launch_of(None, 4)
    assert launch.command == (PYTHON, HARNESS)
    assert (launch.environment, launch.ranks, launch.gpus, launch.requires) == ({}, 1, 0, ())


def test_one_process_or_gpus_go_through_accelerate() -> None:
    said = "--num_machines 1 --mixed_precision {} --dynamo_backend no{} " + HARNESS
    start = f"{PYTHON} /evolver/run_launcher.py accelerate.commands.launch "
    assert words(1, 0, "bf16") == start + "--cpu --num_processes 1 " + said.format("bf16", "")
    assert words(1, 1, "fp16") == start + "--num_processes 1 " + said.format("fp16", "")
    several = " --multi_gpu --main_process_port 0"
    assert words(4, 4, "bf16") == start + "--num_processes 4 " + said.format("bf16", several)


def test_several_processes_on_the_cpu_go_through_torchrun() -> None:
    start = f"{PYTHON} /evolver/run_launcher.py torch.distributed.run "
    assert words(2, 0) == start + f"--standalone --nproc-per-node 2 {HARNESS}"


def test_accelerate_knows_every_option_that_it_is_given() -> None:
    from accelerate.commands.launch import launch_command_parser  # type: ignore[import-untyped]

    for processes, gpus, precision in ((1, 0, "bf16"), (1, 1, "fp16"), (4, 4, "no")):
        options = launch_command_parser().parse_args(words(processes, gpus, precision).split()[3:])
        assert (options.num_processes, options.mixed_precision) == (processes, precision)
        assert (options.cpu, options.multi_gpu, options.training_script) == (not gpus, processes > 1, HARNESS)


@pytest.mark.parametrize(("cpus", "processes", "threads"), [(4, 2, "2"), (4, 3, "1"), (1, 2, "1"), (6, 1, "6")])
def test_processes_share_the_cpus(cpus: int, processes: int, threads: str) -> None:
    environment = launch_of(AccelerateSpec(processes=processes), cpus).environment
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == threads
    assert environment["EVOLVER_PROCESSES"] == str(processes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("raise ValueError('bad')", "rank 1 failed: ValueError: bad"),
        ("os._exit(3)", "rank 1 ended with status 3"),
        ("os.kill(os.getpid(), 11)", "rank 1 ended with status -11"),
    ],
)
def test_a_failure_is_found_in_what_torchrun_really_prints(code: str, why: str, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, time\nprint('a word of the program', flush=True)\n"
        "if os.environ['RANK'] == '1':\n    try:\n"
        f"        {code}\n"
        "    except ValueError as error:\n"
        "        print(f'rank 1 failed: ValueError: {error}', file=sys.stderr)\n        sys.exit(1)\n"
        "time.sleep(30)\n"
    )
    command = launch_of(AccelerateSpec(processes=2), 2).command
    ran = subprocess.run(
        [sys.executable, str(RUNTIME / "run_launcher.py"), *command[2:-1], script],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    log = ran.stdout + ran.stderr
    assert ran.returncode == 1
    assert failure(log) == why
    assert "a word of the program" in program_log(log)
    assert "torch/distributed" not in program_log(log)


def test_a_launcher_is_closed_to_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "launched.py").write_text(
        "import ctypes, sys\nprint(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), sys.argv[1:], __name__, sys.path)\n"
    )
    words = [sys.executable, str(RUNTIME / "run_launcher.py"), "launched", "--option"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=400, check=True)
    assert ran.stdout.startswith("0 ['--option'] __main__ ")
    assert str(RUNTIME) not in ran.stdout


def test_a_plain_log_stays_as_it_is() -> None:
    assert failure("Traceback ...\nValueError: no") == ""
    assert program_log("one\ntwo\n") == "one\ntwo\n"
