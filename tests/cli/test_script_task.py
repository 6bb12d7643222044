"""`evolver task new --from`: from a script that prints its metric to a campaign, with the commands of the docs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolver.evaluation.trial import run_trial
from evolver.sandbox import open_sandbox
from evolver.tasks import load_task
from evolver.tasks.script_task import script_task
from tests.conftest import ROOT
from tests.support.foreign_folders import write_folder

TRAIN = """\"\"\"Trains a line; prints its validation score.\"\"\"

import argparse
import json
import random

import yaml

RATE = 0.02


def fit(rate, epochs, momentum):
    weight = 0.0
    for epoch in range(epochs):
        weight += rate * (1.0 + momentum) * (2.0 - weight)
        print(f"epoch {epoch} val_acc={1.0 - abs(2.0 - weight) / 2.0:.6f}")
    return weight


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=3)
    words = parser.parse_args()
    random.seed(words.seed)
    momentum = yaml.safe_load(open("config.yaml"))["momentum"]
    weight = fit(RATE, words.epochs, momentum)
    with open("data/target.txt") as file:
        assert file.read().strip() == "2.0"
    json.dump({"final": {"weight": weight}}, open("out.json", "w"))


if __name__ == "__main__":
    main()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {"train.py": TRAIN, "config.yaml": "momentum: 0.0\n", "data/target.txt": "2.0\n", "big.bin": "x" * 100}
    return write_folder(tmp_path, files)


def test_the_commands_of_the_docs_find_an_improvement(project: Path, cli: Callable[..., Any]) -> None:
    page = (ROOT / "docs/importing.md").read_text()
    block = re.search(r"<!-- script -->\n+((?:    .*\n)+)", page)
    assert block is not None
    commands = [shlex.split(line.strip().removeprefix("evolver ")) for line in block[1].strip().splitlines()]
    made, checked, ran = (cli(*words, check=None) for words in commands)
    assert made.returncode == 0, made.stderr
    assert "the score can be forged" in made.stderr
    assert "predict" in (project / "my-line/README.md").read_text()
    assert "Task my-line is ready." in checked.stdout, checked.stdout
    summary = json.loads(ran.stdout.strip().splitlines()[-1])
    assert summary["metric"] == "val_acc"
    assert summary["best"]["mean"] > summary["baseline"]["mean"]
    shown = cli("show", summary["campaign"], 0).stdout
    assert "  curve " in shown and " at step 1, " in shown and "\x1e" not in shown
    assert "[curve]" in shown and "could forge its score" in ran.stderr


EVENTS = """\"\"\"Writes its validation score as TensorBoard events.\"\"\"

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

BEST = 0.75

writer = EventFileWriter("runs/first")
for step, value in enumerate((0.25, BEST, 0.5)):
    said = Summary(value=[Summary.Value(tag="val/acc", simple_value=value), Summary.Value(tag="loss", simple_value=9.0)])
    writer.add_event(Event(step=10 * (step + 1), wall_time=step + 1.0, summary=said))
writer.close()
"""


@pytest.mark.parametrize(("take", "score"), [("last", 0.5), ("best", 0.75), ("mean:2", 0.625)])
async def test_a_metric_is_read_from_tensorboard_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: str, score: float
) -> None:
    monkeypatch.chdir(write_folder(tmp_path, {"train.py": EVENTS}))
    script_task(tmp_path / "made", "made", "train.py", "python train.py", "runs/:val/acc", take=take)
    task = load_task(str(tmp_path / "made"))
    assert (task.metric.name, task.spec.requires) == ("val_acc", ("tensorboard",))
    sandbox = open_sandbox("bubblewrap", 1, hidden=(tmp_path,))
    try:
        trial = await run_trial(sandbox, task, task.baseline(), "full", 0, tmp_path / "trial", experiment="x")
    finally:
        await sandbox.close()
    assert trial.metrics == {"val_acc": score}
    assert trial.curve == ((10, 0.25), (20, 0.75), (30, 0.5))


@pytest.mark.parametrize(
    ("metric", "more", "score"),
    [
        ("out.json:final.weight", [], 0.117616),
        (r"val_acc=([\d.]+)", ["--take", "best"], 0.058808),
        (r"val_acc=([\d.]+)", ["--take", "mean:2"], 0.049204),
    ],
)
def test_a_metric_is_read_from_a_file_or_from_several_values(
    project: Path, cli: Callable[..., Any], metric: str, more: list[str], score: float
) -> None:
    run = ["--from", "train.py", "--run", "python train.py --epochs 3", "--files", "config.yaml", "--data", "data"]
    cli("task", "new", "other", *run, "--metric", metric, *more)
    said = cli("task", "check", "./other", "--json")
    [baseline] = [f for f in json.loads(said.stdout)["findings"] if f["what"] == "baseline at stage full"]
    assert float(re.search(r"(-?[\d.]+),", baseline["said"])[1]) == pytest.approx(score, abs=1e-5)  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "absent.py", "--run", "python absent.py", "--metric", "a=(.*)"], "there is no such file"),
        (["--from", "train.py", "--run", "python train.py", "--metric", "a="], "put the number into one group"),
        (["--from", "train.py", "--run", "python train.py", "--metric", "a=("], "no regular expression"),
        (["--from", "train.py", "--metric", "a=(.*)"], "--run is missing"),
        (["--from", "train.py", "--run", "x", "--metric", "a=(.*)", "--files", "*.toml"], "no file fits"),
        (["--from", "train.py", "--run", "x", "--metric", "a=(.*)", "--data", "nowhere"], "name a file or a folder"),
        (["--from", "train.py", "--run", "x", "--metric", "a=(.*)", "--take", "first"], "write last, best or mean:K"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    project: Path, cli: Callable[..., Any], words: list[str], said: str
) -> None:
    assert said in cli("task", "new", "other", *words, check=2).stderr
