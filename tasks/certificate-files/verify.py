"""Checks the claim in claim.json with the standard library alone: `python verify.py`.

An exact claim is judged again from the data in outputs/, with tolerance 0. A statistical one is run again, seed by
seed, in plain processes with limits: what that cannot show is said. Exit status 0 if the claim holds, 1 if not, 2 if it
cannot be checked here.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ENOUGH_SECONDS = 50.0
"""After which no further replicate is begun, unless --all is said."""
T_99 = (63.66, 9.92, 5.84, 4.60, 4.03, 3.71, 3.50, 3.36, 3.25, 3.17)
"""Two-sided 99 % quantiles of Student's t for 1 to 10 degrees of freedom; the last stands for all beyond."""


class Refused(Exception):
    """The claim does not hold."""


class Unknown(Exception):
    """The claim cannot be checked here."""


def check_files(claim):
    """Raise Refused where a file is not the one that the claim is about, or one is there that it does not name."""
    for name, digest in claim["files"].items():
        path = HERE / name
        if not path.is_file():
            raise Refused(f"{name} is missing")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise Refused(f"{name} was changed: it is not the file that the claim is about")
    for folder in ("outputs", "runtime", "task", "program"):
        for path in (HERE / folder).rglob("*"):
            name = path.relative_to(HERE).as_posix()
            if path.is_file() and name not in claim["files"] and "__pycache__" not in path.parts:
                raise Refused(f"{name} does not belong to the claim")


def check_exactly(claim):
    """Judge the outputs again; raise Refused where any metric differs in its last digit."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(HERE / "runtime"))
    os.environ["EVOLVER_PARAMETERS"] = json.dumps(claim["parameters"])
    spec = importlib.util.spec_from_file_location("judge", HERE / "task" / "judge.py")
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    try:
        found = judge.judge(out=HERE / "outputs", private=HERE / "private", stage=claim["stage"], seed=claim["seed"])
    except Exception as error:
        raise Refused(f"the judge refuses the data: {error}") from None
    for name, value in claim["metrics"].items():
        if found.get(name) != value:
            raise Refused(f"{name} is {found.get(name)!r} by the data, and {value!r} was claimed")
    if claim["metrics"].get(claim["metric"]) != claim["value"]:
        raise Refused(f"the claim contradicts itself: {claim['value']!r} is not its metric {claim['metric']}")
    print(f"By the data in outputs/, exactly: {claim['metric']} = {found[claim['metric']]!r}.")
    said = found.get("feedback", {}).get("certificate")
    if said:
        print(said)
    return []


def check_by_running(claim, private, everything):
    """Run the replicates again; raise Refused where they contradict the claim. Returns what was not checked."""
    began, scores, then = time.monotonic(), {}, {int(seed): value for seed, value in claim["scores"].items()}
    missing = claim["hidden"] and private is None
    if missing:
        raise Unknown("the judge needs hidden data, which are not published with the claim: --private FOLDER")
    if not then or statistics.fmean(then.values()) != claim["value"]:
        raise Refused(f"the claimed value {claim['value']!r} is not the mean of its replicates")
    for seed, value in then.items():
        if everything or not scores or time.monotonic() - began < ENOUGH_SECONDS:
            scores[seed] = one_trial(claim, seed, private)
            print(f"  seed {seed}: then {value!r}, now {scores[seed]!r}")
    differences = [scores[seed] - then[seed] for seed in scores]
    if any(differences):
        spread = statistics.stdev(differences) / len(differences) ** 0.5 if len(differences) > 1 else 0.0
        reach = T_99[min(len(differences) - 1, len(T_99)) - 1] * spread if spread else 0.0
        low, high = claim["interval"]
        if abs(statistics.fmean(differences)) > max(reach, high - low):
            raise Refused(f"the replicates differ by {statistics.fmean(differences):+.4g} on average")
        print(f"{claim['metric']}: the mean differs by {statistics.fmean(differences):+.4g}, within the noise.")
    else:
        print(f"{claim['metric']}: every replicate gave the very same number.")
    left = [f"{len(then) - len(scores)} of {len(then)} replicates (--all runs them)"] if len(scores) < len(then) else []
    return [*left, "that the program reads nothing but its own data: it ran in plain processes, without a cage"]


def one_trial(claim, seed, private):
    """The metric of one replicate, all phases and then the judge, each in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="verify-") as scratch:
        root = Path(scratch)
        shutil.copytree(HERE / "runtime", root / "evolver")
        shutil.copytree(HERE / "program", root / "program")
        for name in ("task", "judge"):
            (root / name).mkdir()
            shutil.copy(HERE / "task" / ("harness.py" if name == "task" else "judge.py"), root / name)
        if (HERE / "task" / "public").is_dir():
            shutil.copytree(HERE / "task" / "public", root / "public")
        for phase in claim["phases"]:
            if (root / "outputs").is_dir():
                shutil.rmtree(root / "artifacts", ignore_errors=True)
                (root / "outputs").rename(root / "artifacts")
            shutil.rmtree(root / "inputs", ignore_errors=True)
            if (HERE / "task" / "inputs" / phase).is_dir():
                shutil.copytree(HERE / "task" / "inputs" / phase, root / "inputs")
            (root / "out").mkdir()
            run(claim, root, "run_harness.py", seed, phase)
            (root / "out").rename(root / "outputs")
        shutil.rmtree(root / "inputs", ignore_errors=True)
        for source, name in ((HERE / "task" / "inputs", "inputs"), (private, "private")):
            if source is not None and source.is_dir():
                shutil.copytree(source, root / name)
        (root / "out").mkdir()
        run(claim, root, "run_judge.py", seed, claim["phases"][-1])
        answer = json.loads((root / "out" / "metrics.json").read_text(encoding="utf-8"))
        if "metrics" not in answer:
            raise Refused(f"seed {seed}: {answer.get('invalid') or answer.get('failed')}")
        return answer["metrics"][claim["metric"]]


def run(claim, root, script, seed, phase):
    """One process with limits, that knows nothing of this one's environment."""
    seconds = claim["seconds"]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(root),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "EVOLVER_ROOT": str(root),
        "EVOLVER_STAGE": claim["stage"],
        "EVOLVER_SEED": str(seed),
        "EVOLVER_PHASE": phase,
        "EVOLVER_SECONDS": str(seconds),
        "EVOLVER_METRIC": claim["metric"],
        "EVOLVER_IMPORTS": ":".join(claim["imports"]),
        "EVOLVER_PARAMETERS": json.dumps(claim["parameters"]),
    }

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (int(4 * seconds) + 60,) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    try:
        ended = subprocess.run(
            [sys.executable, str(root / "evolver" / script)], cwd=root, env=environment, preexec_fn=limit,
            capture_output=True, text=True, timeout=4 * seconds + 60, check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"seed {seed}: it did not end in {4 * seconds + 60:.0f} s") from None
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["no word"])[-1]
        if "ModuleNotFoundError" in last:
            raise Unknown(f"the program needs a package that is missing here: {last}")
        raise Refused(f"seed {seed}: it ended with status {ended.returncode}: {last}")


def main():
    """The exit status."""
    parser = argparse.ArgumentParser(description="Check the claim of this folder.")
    parser.add_argument("--private", type=Path, help="the task's hidden data, where the judge needs them")
    parser.add_argument("--all", action="store_true", help="run all replicates, however long that takes")
    said = parser.parse_args()
    claim = json.loads((HERE / "claim.json").read_text(encoding="utf-8"))
    given = "".join(f", {name} = {value}" for name, value in claim["parameters"].items())
    print(f"Claim: {claim['task']}{given}: {claim['metric']} = {claim['value']!r} ({claim['direction']}).")
    try:
        check_files(claim)
        exact = claim["kind"] == "exact"
        unchecked = check_exactly(claim) if exact else check_by_running(claim, said.private, said.all)
    except Refused as error:
        print(f"REFUSED: {error}")
        return 1
    except Unknown as error:
        print(f"NOT CHECKED: {error}")
        return 2
    print("Not checked: " + "; ".join([*unchecked, "how the campaign found it (evidence/ tells)"]) + ".")
    print("VERIFIED")
    return 0


if __name__ == "__main__":
    sys.exit(main())
