"""RL algorithm: problems and policy, the objective's process, the judge's refusals, cheats in the sandbox."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.trial import run_trial
from evolver.sandbox import Sandbox, open_sandbox
from evolver.tasks import Task, load_task

TASK = load_task("rl-algorithm")
PUBLIC = TASK.root / "public"
TEXT = TASK.baseline().files["program.py"]
NOTES = sorted((TASK.root / "notes").glob("*.md"))


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Import a module of the task's public folder by name."""
    monkeypatch.syspath_prepend(str(PUBLIC))
    names = ("policy", "pretraining", "objective", "training")

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def policies(modules: Callable[[str], ModuleType]) -> Any:
    return modules("policy")


# Problems and policy


def test_held_out_problems_are_never_drawn_for_training(policies: Any) -> None:
    generator = torch.Generator().manual_seed(0)
    shown = policies.draw(policies.TRAINING, 3000, generator, hidden=False)
    hidden = policies.draw(policies.TRAINING, 3000, generator, hidden=True)
    assert not policies.held_out(shown).any()
    assert policies.held_out(hidden).all()
    counts = (hidden != policies.ABSENT).sum(1)
    assert {int(count) for count in counts} == {3, 4, 5}
    assert int(hidden.max()) > 9
    anything = torch.randint(100, (20_000, policies.MOST_OPERANDS), generator=generator)
    assert 0.18 < float(policies.held_out(anything).float().mean()) < 0.22


def test_the_reward_is_for_the_last_two_digits_before_the_stop(policies: Any) -> None:
    stop, pad = policies.STOP, policies.PAD
    rows = [
        ([4, 7, stop], 1.0),
        ([1, 2, 4, 7, stop], 1.0),
        ([9, 4, 7, stop], 1.0),
        ([4, 8, stop], 0.0),
        ([7, stop], 0.0),
        ([stop], 0.0),
        ([4, 7], 0.0),
        ([policies.EQUALS, 7, stop], 0.0),
        ([4, 7, stop, 4, 8, stop], 1.0),
        ([4, 7] * 6, 0.0),
    ]
    responses = torch.tensor([row + [pad] * (policies.RESPONSE - len(row)) for row, _ in rows])
    assert policies.rewards(responses, torch.tensor(47)).tolist() == [reward for _, reward in rows]
    assert policies.lengths(responses).tolist()[:3] == [3, 5, 4]


def test_sampling_and_training_see_the_same_probabilities(policies: Any) -> None:
    torch.manual_seed(0)
    policy = policies.Policy(policies.Shape(16, 2, 2))
    generator = torch.Generator().manual_seed(0)
    problem = policies.draw(policies.TRAINING, 1, generator, hidden=False)
    prompt = policies.prompts(problem)
    responses = policy.sample(prompt, 20_000, generator)
    first, counts = torch.unique(responses[0, :, 0], return_counts=True)
    logp, entropy = policy(prompt, first[None, :, None])
    assert torch.allclose(logp[0, :, 0].exp(), counts / 20_000, atol=0.015)
    assert torch.allclose(-(logp.exp() * logp).sum(), entropy[0, 0, 0], atol=1e-4)
    # Later tokens: the cached columns of sampling against one pass over the whole response.
    second = responses[0][responses[0, :, 0] == first[0]]
    seen, counts = torch.unique(second[:, 1], return_counts=True)
    pairs = torch.stack([first[0].expand(len(seen)), seen], 1)[None]
    assert torch.allclose(policy(prompt, pairs)[0][0, :, 1].exp(), counts / len(second), atol=0.05)


def test_padding_of_a_prompt_is_not_seen(policies: Any) -> None:
    policy = policies.Policy(policies.Shape(16, 2, 2))
    prompt = policies.prompts(torch.tensor([[1, 2, 3, -1, -1, -1]]))
    responses = torch.tensor([[[0, 3, 0, 6, policies.STOP]]])
    before = policy(prompt, responses)[0]
    with torch.no_grad():
        policy.token.weight[policies.PAD] += 1.0
    assert torch.allclose(before, policy(prompt, responses)[0])


def test_demonstrations_are_as_good_as_their_crowd(policies: Any, modules: Callable[[str], ModuleType]) -> None:
    pretraining = modules("pretraining")
    generator = torch.Generator().manual_seed(0)
    problems = policies.draw(((4, 2),), 2000, generator, hidden=False)
    right = policies.answers(problems)
    clean = pretraining.demonstrations(problems, pretraining.CLEAN, generator)
    assert policies.rewards(clean, right).mean() == 1.0
    flawed = pretraining.demonstrations(problems, pretraining.CARELESS, generator)
    running = policies.lengths(flawed) > 3
    assert 0.25 < float(running.float().mean()) < 0.35
    assert 0.66 < float(policies.rewards(flawed, right)[running].mean()) < 0.80
    assert 0.25 < float(policies.rewards(flawed, right)[~running].mean()) < 0.35


def test_the_shipped_policies_can_be_read_and_are_small(policies: Any) -> None:
    from safetensors.torch import load_file

    setting = policies.setting_of("proxy")
    for number in range(setting.starts):
        path = PUBLIC / "policies" / f"start-{number}.safetensors"
        assert path.stat().st_size < 300_000
        policies.Policy(setting.shape).load_state_dict(load_file(path))


# The objective's process


GROUPS, SAMPLES, TOKENS = 3, 4, 5


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Put a program through one batch, in one process for all tests; gives the derivatives by logp and entropy."""
    spec = importlib.util.spec_from_file_location("objective_of_rl", PUBLIC / "objective.py")
    assert spec is not None and spec.loader is not None
    objective = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(objective)
    folder = tmp_path_factory.mktemp("program")
    writable = tmp_path_factory.mktemp("writable")
    served = [objective.Objective(folder, "program.py", 1, [writable])]
    generator = np.random.default_rng(0)
    rewards = np.where(generator.random((6, SAMPLES)) < 0.5, 1.0, -1.0).astype(np.float32)
    rewards[0] = [-1.0, 1.0, -1.0, 1.0]
    mask = np.ones((GROUPS, SAMPLES, TOKENS), np.float32)
    mask[:, ::2, 3:] = 0.0
    old = -generator.random(mask.shape).astype(np.float32) * mask
    logp = old + 0.3 * generator.normal(size=mask.shape).astype(np.float32) * mask
    # A likely gain between the usual upper clip and DAPO's.
    logp[0, 1, 0] = old[0, 1, 0] + np.log(1.25)
    entropy = generator.random(mask.shape).astype(np.float32) * mask

    def run(text: str) -> Any:
        (folder / "program.py").write_text(text)
        asked = served[0]
        asked.begin()
        groups = asked.select(rewards, np.full(rewards.shape, 3.0, np.float32), GROUPS)
        asked.advantages(rewards[groups], mask[: len(groups)])
        return asked.gradient(*(part[: len(groups)] for part in (logp, old, old - 0.2 * mask, entropy)))

    def again() -> None:
        served[0].end()
        served[0] = objective.Objective(folder, "program.py", 1, [writable])

    run.writable = writable  # type: ignore[attr-defined]
    run.objective = lambda: served[0]  # type: ignore[attr-defined]
    run.failed = objective.ObjectiveFailed  # type: ignore[attr-defined]
    run.again = again  # type: ignore[attr-defined]
    run.batch = (rewards, mask, logp, old)  # type: ignore[attr-defined]
    yield run
    served[0].end()


def replaced(text: str, code: str) -> str:
    """The program with each function of `code` in the place of the one that it has under that name."""
    names = re.findall(r"^def (\w+)\(", code, re.MULTILINE)
    for name in names:
        assert f"def {name}(" in text, name
        text = re.sub(rf"^def {name}\(.*?(?=^def |\Z)", "", text, flags=re.MULTILINE | re.DOTALL)
    return f"{text}\n{code}"


def fragments() -> list[Any]:
    """Every fence of the notes that replaces a function of the baseline."""
    found = []
    for path in NOTES:
        for number, code in enumerate(re.findall(r"```python\n(.*?)```", path.read_text(), re.DOTALL)):
            found.append(pytest.param(code, id=f"{path.stem}-{number}"))
    return found


def test_derivatives_of_grpo_are_those_of_its_formula(ask: Any) -> None:
    text = TEXT.replace("KL_WEIGHT = 0.04", "KL_WEIGHT = 0.0")
    by_logp, by_entropy = ask(text)
    rewards, mask, logp, old = ask.batch
    kept = rewards[:GROUPS]
    advantages = ((kept - kept.mean(1, keepdims=True)) / (kept.std(1, ddof=1, keepdims=True) + 1e-4))[..., None]
    ratio = np.exp(logp - old)
    held = np.where(advantages > 0, ratio < 1.2, ratio > 0.8)
    wanted = -advantages * ratio * held * mask / mask.sum(2, keepdims=True) / (GROUPS * SAMPLES)
    assert np.allclose(by_logp, wanted, atol=1e-5)
    assert not by_entropy.any()


def test_every_reference_gives_a_derivative(ask: Any) -> None:
    derivatives = {name: ask(program.files["program.py"])[0] for name, program in TASK.references().items()}
    assert len(derivatives) >= 5
    assert all(np.abs(values).sum() > 0 for values in derivatives.values())
    assert len({values.tobytes() for values in derivatives.values()}) == len(derivatives)


def test_every_fragment_of_the_notes_changes_the_baseline(ask: Any) -> None:
    before = [part.copy() for part in ask(TEXT)]
    for fragment in fragments():
        code = fragment.values[0]
        name = re.findall(r"^def (\w+)\(", code, re.MULTILINE)[-1]
        if f"def {name}(" in TEXT:
            text = replaced(TEXT, code)
        else:
            called = {
                "weigh_signs": "    advantages = weigh_signs(advantages)\n",
                "forking_tokens": "    mask = forking_tokens(entropy, mask)\n",
            }[name]
            text = code + TEXT.replace("    ratio = importance", called + "    ratio = importance")
        after = ask(text)
        assert all(np.isfinite(part).all() for part in after), fragment.id
        if name != "select":
            assert any(not np.array_equal(old, new) for old, new in zip(before, after, strict=True)), fragment.id


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("def select(rewards, lengths, count):\n    return [0] * 2\n", "repeat"),
        ("def select(rewards, lengths, count):\n    return [99]\n", "from 0 to 5"),
        ("def select(rewards, lengths, count):\n    return []\n", "0 groups"),
        ("def select(rewards, lengths, count):\n    return range(count + 1)\n", "4 groups"),
        ("def select(rewards, lengths, count):\n    return 'x'\n", "ValueError"),
        ("def advantages(rewards, mask):\n    return rewards[0]\n", "returned shape"),
        ("def advantages(rewards, mask):\n    return rewards * float('nan')\n", "not finite"),
        ("def loss(logp, old_logp, ref_logp, entropy, advantages, mask):\n    return logp\n", "one number"),
        ("def loss(logp, old_logp, ref_logp, entropy, advantages, mask):\n    return old_logp.sum()\n", "depend"),
        ("def loss(logp, old_logp, ref_logp, entropy, advantages, mask):\n    import os\n    os._exit(0)\n", "ended"),
    ],
)
def test_what_is_no_objective_is_refused_in_words(function: str, said: str, ask: Any) -> None:
    with pytest.raises(ask.failed, match=said):
        ask(replaced(TEXT, function))
    if said == "ended":
        ask.again()


def test_a_run_finds_nothing_of_those_before_it(ask: Any) -> None:
    """Neither in its interpreter, nor in a process that was left, nor in files."""
    left = ask.writable / "folder" / "left"
    text = (
        "import builtins, os, pathlib, sys, time\n"
        "assert not hasattr(sys, 'seen') and not hasattr(builtins, 'seen')\n"
        f"left = pathlib.Path({str(left)!r})\nassert not left.exists()\n"
        "sys.seen = builtins.seen = True\nleft.parent.mkdir()\nchild = os.fork()\n"
        "if child == 0:\n    os.setsid()\n    time.sleep(300)\n    os._exit(0)\n"
        "left.write_text(str(child))\nleft.parent.chmod(0o500)\n"
    )
    for _ in range(2):
        ask(f"{text}\n{TEXT}")
        lingering = Path(f"/proc/{left.read_text()}")
        assert lingering.exists()
        ask.objective().stop()
        assert not lingering.exists()
        ask.objective().forget()
        assert list(ask.writable.iterdir()) == []


def test_an_error_shows_the_program_s_own_lines_first(ask: Any) -> None:
    with pytest.raises(ask.failed) as caught:
        ask(TEXT.replace("    return list(range(count))", "    return 1 // 0"))
    lines = str(caught.value).splitlines()
    assert "program.py" in lines[1]
    assert lines[-1].startswith("ZeroDivisionError")


# Judge


@pytest.fixture
def judged(
    load_file: Callable[[Path], ModuleType], policies: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """Write checkpoints for the smoke stage, changed as wanted, and judge them."""
    from safetensors.torch import load_file as load_weights
    from safetensors.torch import save_file

    monkeypatch.setenv("EVOLVER_ROOT", str(TASK.root))
    module = load_file(TASK.root / "judge.py")
    start = load_weights(PUBLIC / "policies" / "start-0.safetensors")
    out = tmp_path / "out"
    out.mkdir()

    def judge(change: Callable[[dict[str, Any], Path], None] | None = None, seed: int = 0) -> dict[str, float]:
        for number in range(policies.setting_of("smoke").checkpoints):
            weights = {name: value.clone() for name, value in start.items()}
            if change is not None and number == 1:
                change(weights, out)
            save_file(weights, out / f"checkpoint-{number}.safetensors")
        metrics: dict[str, float] = module.judge(out, TASK.root / "private", "smoke", seed)
        return metrics

    judge.invalid = module.Invalid  # type: ignore[attr-defined]
    judge.out = out  # type: ignore[attr-defined]
    judge.module = module  # type: ignore[attr-defined]
    return judge


def test_the_start_policy_scores_as_the_readme_says(judged: Any, policies: Any) -> None:
    metrics = judged()
    assert 0.05 < metrics["area"] < 0.3
    assert metrics["score"] == pytest.approx((metrics["area"] + metrics["final"]) / 2)
    assert metrics["final"] == pytest.approx(sum(metrics[name] for name in policies.DIFFICULTIES) / 6)
    assert judged() == metrics
    assert judged(seed=1) != metrics
    assert set(TASK.spec.sealed) <= metrics.keys()


def _not_finite(weights: dict[str, Any], out: Path) -> None:
    weights["head.bias"][0] = float("nan")


def _huge(weights: dict[str, Any], out: Path) -> None:
    weights["head.bias"][0] = 1e30


def _double(weights: dict[str, Any], out: Path) -> None:
    weights["head.bias"] = weights["head.bias"].double()


def _wider(weights: dict[str, Any], out: Path) -> None:
    weights["head.bias"] = torch.zeros(14)


def _more(weights: dict[str, Any], out: Path) -> None:
    weights["answers"] = torch.zeros(1)


def _extra_file(weights: dict[str, Any], out: Path) -> None:
    (out / "metrics.json").write_text('{"score": 1.0}')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_not_finite, "not finite"),
        (_huge, "beyond"),
        (_double, "float64"),
        (_wider, "shape"),
        (_more, "answers"),
        (_extra_file, "beside"),
    ],
)
def test_what_is_no_checkpoint_is_refused(change: Any, said: str, judged: Any) -> None:
    with pytest.raises(judged.invalid, match=said):
        judged(change)


def test_a_missing_checkpoint_is_refused(judged: Any) -> None:
    with pytest.raises(judged.invalid, match=r"left no checkpoint-0"):
        judged.module.judge(judged.out, TASK.root / "private", "smoke", 0)


# Whole trials


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    opened = open_sandbox("bubblewrap", 1)
    yield opened
    await opened.close()


async def attempt(sandbox: Sandbox, at: Path, text: str, *, task: Task = TASK, stage: str = "smoke") -> Trial:
    return await run_trial(sandbox, task, Program(files={"program.py": text}), stage, 0, at / "t" / "0", experiment="x")


HONEST: dict[str, dict[str, float]] = {}


@pytest.mark.slow
async def test_grpo_trains_in_the_sandbox(sandbox: Sandbox, tmp_path: Path) -> None:
    trial = await attempt(sandbox, tmp_path, TEXT)
    assert trial.status is TrialStatus.OK, trial.reason
    HONEST["baseline"] = trial.metrics
    assert "longer_than_trained" not in trial.metrics
    assert "right in training" in trial.log_tail


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TASK.cheats()))
async def test_cheating_gains_nothing(name: str, sandbox: Sandbox, tmp_path: Path) -> None:
    trial = await attempt(sandbox, tmp_path, TASK.cheats()[name].files["program.py"])
    refused = {"boundless-gradient": "not finite", "larger-batch": "groups; return 1 to"}
    if name in refused:
        assert trial.status is TrialStatus.FAILED
        assert refused[name] in f"{trial.reason} {trial.log_tail}"
    else:
        assert trial.status is TrialStatus.OK, f"{trial.reason} {trial.log_tail}"
        if "baseline" in HONEST:
            # The same weights to the last bit: nothing that it did reached the trainer.
            assert trial.metrics == HONEST["baseline"]


@pytest.mark.slow
@pytest.mark.parametrize("cheat", ["extra-steps", "outlives-its-trainer"])
async def test_the_full_stage_rehearses_on_two_cpu_processes(cheat: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """With programs that do as the baseline if they do not reach the launcher, or the other process while it saves."""
    folder = tmp_path / "task"
    shutil.copytree(TASK.root, folder, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, folder / "rehearsal.py", "full"], check=True)
    spec = yaml.safe_load((folder / "task.yaml").read_text())
    full = next(stage for stage in spec["stages"] if stage["name"] == "full")
    full.update(seconds=100, accelerate={"processes": 2, "gpus": 0, "mixed_precision": "bf16"})
    full.update(resources={"cpus": 2, "memory": "4GiB", "processes": 128, "output": "16MiB"}, judge={"seconds": 60})
    (folder / "task.yaml").write_text(yaml.safe_dump(spec))
    text = TASK.cheats()[cheat].files["program.py"]
    trial = await attempt(sandbox, tmp_path, text, task=load_task(folder), stage="full")
    assert trial.status is TrialStatus.OK, f"{trial.reason} {trial.log_tail}"
    # Said by one of the two, for both.
    assert trial.log_tail.count("learning rate 0.001") == 1
