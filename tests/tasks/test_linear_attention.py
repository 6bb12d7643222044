"""Linear attention: the rules of the mixers, the judge's arithmetic, and every cheat run in the sandbox."""

from __future__ import annotations

import json
import lzma
import math
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evolver.contracts import Program, Trial, TrialStatus
from evolver.evaluation.trial import run_trial
from evolver.sandbox import open_sandbox
from evolver.tasks import Task, load_task

TASK = load_task("linear-attention")
ROOT = TASK.root
SETTINGS = json.loads((ROOT / "public" / "settings.json").read_text())
ASKED = json.loads((ROOT / "private" / "asked.json").read_text())
LoadFile = Callable[[Path], ModuleType]


@pytest.fixture
def public(load_file: LoadFile, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a file of the task's public folder."""
    monkeypatch.syspath_prepend(str(ROOT / "public"))
    return lambda name: load_file(ROOT / "public" / f"{name}.py")


# The data


def test_judge_and_harness_know_the_same_questions() -> None:
    with np.load(ROOT / "private" / "answers.npz") as answers:
        for stage, plans in SETTINGS.items():
            rows = {name: count for plan in plans.values() for name, count in plan["asked"]}
            assert rows == ASKED[stage]["rows"]
            assert all(len(answers[name]) >= count for name, count in rows.items())


def hidden(name: str) -> np.ndarray[Any, Any]:
    (path,) = (ROOT / "inputs" / "predict").glob(f"{name}.*.xz")
    length = int(path.name.split(".")[1])
    return np.frombuffer(lzma.decompress(path.read_bytes()), np.uint8).reshape(-1, length)


def test_no_hidden_window_is_trained_on() -> None:
    text = lzma.decompress((ROOT / "public" / "train.txt.xz").read_bytes())
    with np.load(ROOT / "private" / "answers.npz") as answers:
        for name in ("text", "unseen"):
            rows = [(*row, answer) for row, answer in zip(hidden(name), answers[name], strict=True)]
            assert not any(bytes(row[-48:]) in text for row in rows)
            shown = b"\0".join(row.tobytes() for row in hidden(name))
            assert not any(bytes(row[-48:]) in shown for row in rows), "an answer stands in another window"


def test_recall_answers_are_the_latest_values() -> None:
    with np.load(ROOT / "private" / "answers.npz") as answers:
        for name in ("recall_small", "recall_large"):
            wanted = answers[name][:5]
            for row, latest in zip(hidden(name)[:5].tolist(), wanted.tolist(), strict=True):
                bound = dict(zip(row[: -len(latest) : 2], row[1 : -len(latest) : 2], strict=True))
                assert [bound[key] for key in row[-len(latest) :]] == latest


def test_training_recall_has_the_form_of_the_hidden_one(public: Callable[[str], ModuleType]) -> None:
    batches = public("training").recall_batches(4, 24, 48, seed=3)
    tokens, targets = next(batches)
    assert tokens.shape == (4, 120)
    for row, latest in zip(tokens.tolist(), targets.tolist(), strict=True):
        bound = dict(zip(row[:96:2], row[1:96:2], strict=True))
        assert len(bound) == 24
        assert [bound[key] for key in row[96:]] == latest


# The memories


def recurrent(q: Any, k: Any, v: Any, beta: Any, decay: Any, *, delta: bool) -> Any:
    """The definition, token by token; `decay` is per head (3 axes) or per channel (4)."""
    import torch

    state = torch.zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
    outputs = []
    for t in range(q.shape[2]):
        factor = decay[:, :, t].exp()
        state = state * (factor[..., None, None] if decay.ndim == 3 else factor[..., None])
        new = v[:, :, t]
        if delta:
            new = beta[:, :, t, None] * (new - (state.transpose(-1, -2) @ k[:, :, t, :, None])[..., 0])
        state = state + k[:, :, t, :, None] * new[:, :, None]
        outputs.append((state.transpose(-1, -2) @ q[:, :, t, :, None])[..., 0])
    return torch.stack(outputs, dim=2)


@pytest.mark.parametrize("length", [1, 31, 32, 77])
def test_chunked_memories_are_their_recurrences(length: int, load_file: LoadFile) -> None:
    import torch

    torch.manual_seed(0)
    q, k, v, decay = (torch.randn(2, 3, length, 8) for _ in range(4))
    k, decay, beta = torch.nn.functional.normalize(k, dim=-1), -decay.abs(), torch.rand(2, 3, length)
    baseline = load_file(ROOT / "baseline" / "mixer.py")
    found = baseline.delta_rule(q, k, v, beta)
    torch.testing.assert_close(found, recurrent(q, k, v, beta, 0 * beta, delta=True), atol=1e-5, rtol=1e-4)
    gated = load_file(ROOT / "references" / "gated_delta_net.py")
    found = gated.gated_delta_rule(q, k, v, beta, decay[..., 0])
    torch.testing.assert_close(found, recurrent(q, k, v, beta, decay[..., 0], delta=True), atol=1e-5, rtol=1e-4)
    gla = load_file(ROOT / "references" / "gated_linear_attention.py")
    found = gla.gated_sum(q, k, v, decay)
    torch.testing.assert_close(found, recurrent(q, k, v, beta, decay, delta=False), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("width", "heads"), [(32, 2), (64, 2), (128, 4)])
def test_the_budget_counts_the_baseline_rightly(
    width: int, heads: int, load_file: LoadFile, public: Callable[[str], ModuleType]
) -> None:
    mixer = load_file(ROOT / "baseline" / "mixer.py").Mixer(width, heads, 0)
    count = sum(parameter.numel() for parameter in mixer.parameters())
    assert count == public("probes").baseline_parameters(width, heads)


@pytest.mark.parametrize("name", ["baseline", *TASK.references()])
def test_baseline_and_references_keep_the_rules(
    name: str, load_file: LoadFile, public: Callable[[str], ModuleType]
) -> None:
    path = ROOT / ("baseline/mixer.py" if name == "baseline" else f"references/{name}.py")
    assert public("plain_torch").faults(path.read_text()) == []
    probes, model = public("probes"), public("language_model")
    mixer = load_file(path).Mixer
    probes.check_mixer(mixer, 32, 2, seed=0)
    for plans in SETTINGS.values():
        for plan in plans.values():
            width, layers, heads = plan["width"], plan["layers"], plan["heads"]
            probes.check_size(model.LanguageModel(256, width, layers, heads, mixer, 0), layers, width, heads)
    if name == "softmax":
        with pytest.raises(ValueError, match=r"FLOPs grow 1[2-6]"):
            probes.growth(mixer, 32, 2, seed=0)
    else:
        for width, heads in ((32, 2), (384, 6)):
            assert probes.growth(mixer, width, heads, seed=0)["flops_growth"] < 4.5


def test_backward_cost_counts_too(public: Callable[[str], ModuleType]) -> None:
    """A gradient that is written whole for every chunk is quadratic, though forward is linear."""
    import torch

    class Indexing(torch.nn.Module):
        def __init__(self, width: int, heads: int, layer: int) -> None:
            super().__init__()

        def forward(self, x: Any) -> Any:
            chunks = x.unflatten(1, (-1, 16))
            return torch.stack([chunks[:, number].cumsum(1) for number in range(chunks.shape[1])], 1).flatten(1, 2)

    with pytest.raises(ValueError, match="bytes written grow"):
        public("probes").growth(Indexing, 32, 2, seed=0)


def counting(counts: Callable[[int], int]) -> Any:
    """A mixer that counts in plain Python, which no count of operations sees; `counts` takes the length."""
    import torch

    class Counting(torch.nn.Module):
        def __init__(self, width: int, heads: int, layer: int) -> None:
            super().__init__()

        def forward(self, x: Any) -> Any:
            for _ in range(counts(x.shape[1])):
                pass
            return 1.0 * x

    return Counting


def test_quadratic_time_is_seen_where_no_operation_is_counted(public: Callable[[str], ModuleType]) -> None:
    with pytest.raises(ValueError, match=r"CPU time grow \d"):
        public("probes").growth(counting(lambda length: length * length // 4), 32, 2, seed=0)


def test_a_slow_moment_of_the_machine_fails_no_mixer(public: Callable[[str], ModuleType]) -> None:
    pauses = iter([0, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000])

    def counts(length: int) -> int:
        return next(pauses, 0) if length == 2048 else 0

    probes = public("probes")
    assert probes.growth(counting(counts), 32, 2, seed=0)["time_growth"] <= probes.TIME_GROWTH


# What a source may contain


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import numpy",
        "from torch import os",
        "from torch import *",
        "from torch.nn import modules",
        "import torch\ntorch.load('x')",
        "import torch\ntorch.os.system('x')",
        "import torch\ntorch.ops.aten",
        "import torch.nn.functional as F\nF.torch.load",
        "import torch\nt = torch",
        "import torch\ntorch.Tensor.add_ = 1",
        "from torch import nn\nnn.Module.forward = 1",
        "def f(x):\n    x.numpy().tofile('x')",
        "def f(self):\n    self.__class__",
        "def f(self):\n    self.state_dict = 1",
        "def f(self):\n    self._parameters",
        "class A:\n    def parameters(self):\n        pass",
        "class A:\n    state_dict = 1",
        "class A:\n    def __torch_function__(self):\n        pass",
        "open('x')",
        "f'{().__class__}'",
        "getattr(f, 'x')",
        "(x for x in y).gi_frame",
        "#" * 50_000,
        # Ways to a class or a module as a value, and to change one.
        "from math import pi\ndef f(g):\n    return g(math)\nimport math",
        "import torch\ndef f(torch):\n    return torch.nn",
        "import torch\nf = lambda torch: torch.nn",
        "import torch\nkept = torch.Tensor",
        "import torch\ndef f(kind=torch.Tensor):\n    return kind",
        "import torch\nclass A:\n    def f(self, g):\n        self.numel2 = g\n    f(torch.Tensor, 1)",
        "from collections import defaultdict\nimport torch\nd = defaultdict(list)\ndef f(x: d[torch.Tensor]):\n    pass",
        "import torch\ndef isinstance(a, b):\n    return b\nisinstance(1, torch.Tensor)",
        "from torch import nn\nfor kind in [nn.Module]:\n    pass",
        "import torch\ntorch.Tensor.data = 1",
        "from torch import Tensor\nTensor.data = 1",
        "def super():\n    return 1",
        # Classes that the harness would take for torch's own.
        "import torch\nclass A(torch.Tensor):\n    pass",
        "import torch\nBase = torch.Tensor\nclass A(Base):\n    pass",
        "from torch import nn\nclass A(nn.Parameter):\n    pass",
        "class B:\n    pass\ndef f(B):\n    class A(B):\n        pass",
        "def f(x, kind):\n    return x.as_subclass(kind)",
        "class A:\n    if True:\n        def parameters(self):\n            return []",
        "class A:\n    from math import pi as state_dict",
        "class A:\n    class __torch_function__:\n        pass",
        "class A:\n    try:\n        x = 1\n    except ValueError as parameters:\n        pass",
        "class A:\n    def f(self):\n        for self.state_dict in [1]:\n            pass",
        "class A:\n    def f(self):\n        self.add_module('__torch_function__', 1)",
        "class A:\n    def f(self, name):\n        self.add_module(name, 1)",
        "class A:\n    def f(self):\n        return self.register_buffer",
        "from torch import nn\nnn.ParameterDict()",
        "from torch import nn\nnn.ModuleDict()",
        "from torch import nn\nnn.LazyLinear(3)",
        # Attributes by another way than a dot, and of what leads out.
        "'{0.x}'.format(1)",
        "class A:\n    def format(self):\n        return 1",
        "class A:\n    gi_frame = 1",
        "class A:\n    next_functions = 1",
        "def f(self):\n    return self.gi_frame",
        "def f(x):\n    return x.grad_fn",
        "def f(ctx):\n    return ctx._saved_indices",
        "def f(x):\n    x.register_hook(print)",
        "def f(self):\n    self.register_state_dict_post_hook(print)",
        "match 1:\n    case object(real=x):\n        pass",
        # Code from text, and functions that run, load or look up more than tensors.
        "def f(x: 'exec(1)'):\n    pass",
        "import typing\ntyping.get_type_hints",
        "import functools\nfunctools.update_wrapper",
        "import functools\nfunctools.wraps",
        "from functools import singledispatch",
        "from collections import namedtuple",
        "import dataclasses\ndataclasses.make_dataclass",
        "list(map(getattr, [1], ['x']))",
        "import torch.nn.functional as F\nF.handle_torch_function",
        "import torch.nn.functional as F\nF.importlib",
        "import torch\ntorch.compile",
        "import torch\ntorch.vmap",
        "import torch\ntorch.set_grad_enabled(False)",
        "import torch\ntorch.is_inference_mode_enabled()",
        "import torch\ntorch.sparse_csr_tensor",
        "import torch\ntorch.fbgemm_linear_int8_weight",
        "def f():\n    import torch",
    ],
)
def test_ways_into_the_harness_are_refused(source: str, public: Callable[[str], ModuleType]) -> None:
    assert public("plain_torch").faults(source)


def test_plain_tensor_code_is_allowed(public: Callable[[str], ModuleType]) -> None:
    source = (
        "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import Tensor, nn\n"
        "class A(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.x = nn.Linear(1, 1)\n"
        "        self.x.weight.data *= math.pi\n    def forward(self, x):\n        with torch.no_grad():\n"
        "            y = F.softmax(torch.fft.rfft(x).abs(), -1)\n        return self.x(y)\n"
    )
    assert public("plain_torch").faults(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "from __future__ import annotations\nfrom typing import Optional, Tuple\nimport torch\nfrom torch import Tensor, nn\n"
        "class A(nn.Linear):\n    def __init__(self, width: int, other: Optional[Tensor] = None) -> None:\n"
        "        super().__init__(width, width)\n        self._kept, self.norm = 3, nn.LayerNorm(width)\n"
        "        self.register_buffer('decay', torch.ones(3), persistent=False)\n"
        "    def _step(self, x: torch.Tensor) -> Tuple[Tensor, Tensor]:\n        assert isinstance(x, torch.Tensor)\n"
        "        return x * self._kept, self.decay.view(1, -1)\n    @torch.no_grad()\n    def forward(self, x):\n"
        "        return torch.einsum('btc,cd->btd', x, self.weight).clamp(max=torch.finfo(x.dtype).max)\n",
        "import torch\nclass Square(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
        "        ctx.save_for_backward(x)\n        ctx.times = 2\n        return x * x\n    @staticmethod\n"
        "    def backward(ctx, gradient):\n        (x,) = ctx.saved_tensors\n        return ctx.times * x * gradient\n"
        "square = Square.apply\n",
        "from dataclasses import dataclass\nfrom functools import partial, reduce\nimport torch.nn.functional as F\n"
        "@dataclass\nclass Sizes:\n    rank: int = 8\nact = partial(F.softplus, beta=Sizes().rank)\n"
        "total = reduce(max, [1, 2])\n",
        "from torch import nn\nclass Mine(nn.Module):\n    pass\nMixer = Mine\n",
    ],
)
def test_usual_style_is_allowed(source: str, public: Callable[[str], ModuleType]) -> None:
    assert public("plain_torch").faults(source) == []


def test_what_is_no_plain_tensor_is_refused_while_running(public: Callable[[str], ModuleType]) -> None:
    import torch

    class Disguised(torch.Tensor):
        pass

    class Returning(torch.nn.Module):
        def __init__(self, width: int, heads: int, layer: int) -> None:
            super().__init__()

        def forward(self, x: Any) -> Any:
            return x.as_subclass(Disguised)

    probes = public("probes")
    with pytest.raises(ValueError, match="returned a Disguised"):
        probes.check_mixer(Returning, 32, 2, seed=0)
    with pytest.raises(ValueError, match="holds a Disguised"):
        probes.numbers(torch.zeros(3).as_subclass(Disguised))
    assert probes.numbers(torch.zeros(3, dtype=torch.complex64)) == 6


# The judge


@pytest.fixture
def judge(load_file: LoadFile, tmp_path: Path) -> Callable[..., dict[str, float]]:
    """Judge arrays of a smoke stage's shapes, changed as said, on seed 5; raises Invalid."""
    module = load_file(ROOT / "judge.py")
    rows = ASKED["smoke"]["rows"]

    def run(change: Callable[[dict[str, Any], dict[str, Any]], object], report: object = ()) -> dict[str, float]:
        with np.load(ROOT / "private" / "answers.npz") as stored:
            order = {n: np.random.default_rng(5).permutation(len(stored[n]))[:count] for n, count in rows.items()}
            truth = {name: stored[name][order[name]] for name in rows}
        said = {
            name: np.zeros((len(t), 256), np.float32) if t.ndim == 1 else np.zeros(t.shape, np.int64)
            for name, t in truth.items()
        }
        change(said, truth)
        np.savez(tmp_path / "answers.npz", allow_pickle=False, **said)
        (tmp_path / "report.json").write_text(json.dumps(dict(report)))  # type: ignore[call-overload]
        metrics: dict[str, float] = module.judge(tmp_path, ROOT / "private", "smoke", 5)
        return metrics

    run.invalid = module.Invalid  # type: ignore[attr-defined]
    return run


def test_knowing_nothing_costs_eight_bits(judge: Callable[..., dict[str, float]]) -> None:
    metrics = judge(lambda said, truth: None, {"parameters": 7})
    assert metrics["bits_per_byte"] == pytest.approx(8.0)
    assert (metrics["recall"], metrics["parameters"]) == (0.0, 7)
    assert metrics["fitness"] < 0.3


def test_knowing_all_is_worth_what_the_formula_says(judge: Callable[..., dict[str, float]]) -> None:
    def know(said: dict[str, Any], truth: dict[str, Any]) -> None:
        for name, values in truth.items():
            if values.ndim == 1:
                said[name][np.arange(len(values)), values] = 100.0
            else:
                said[name] = values.astype(np.int64)

    metrics = judge(know)
    assert metrics["bits_per_byte"] == pytest.approx(0.0, abs=1e-9)
    assert (metrics["recall"], metrics["longer_recall"]) == (1.0, 1.0)
    known = json.loads((TASK.root / "private" / "asked.json").read_text())["smoke"]
    parts = known["bits"] / 0.1, (1.0 - known["recall"]) / 0.2
    assert metrics["fitness"] == pytest.approx(sum(1.0 / (1.0 + math.exp(-part)) for part in parts) / 2.0, abs=1e-9)


def test_probabilities_add_up_whatever_is_claimed(judge: Callable[..., dict[str, float]]) -> None:
    def boast(said: dict[str, Any], truth: dict[str, Any]) -> None:
        said["text"] += np.float32(1e30)

    assert judge(boast)["bits_per_byte"] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("change", "report", "why"),
    [
        (lambda said, truth: said["text"].__setitem__((0, 0), np.nan), {}, "not finite"),
        (lambda said, truth: said["text"].__setitem__((0, 0), np.inf), {}, "not finite"),
        (lambda said, truth: said.update(text=said["text"][:-1]), {}, "has shape"),
        (lambda said, truth: said.update(recall_small=said["recall_small"].astype("float32")), {}, "holds float32"),
        (lambda said, truth: said.pop("unseen"), {}, "holds"),
        (lambda said, truth: None, {"fitness": 1.0}, "other names"),
        (lambda said, truth: None, {"parameters": "1"}, "no number"),
    ],
)
def test_what_is_no_answer_gets_no_score(
    change: Callable[[dict[str, Any], dict[str, Any]], object],
    report: dict[str, object],
    why: str,
    judge: Callable[..., dict[str, float]],
) -> None:
    with pytest.raises(judge.invalid, match=why):  # type: ignore[attr-defined]
        judge(change, report)


# Programs, in the sandbox

Attempt = Callable[..., Any]


@pytest.fixture
async def attempt(tmp_path: Path) -> AsyncIterator[Attempt]:
    """attempt(program, task=TASK, stage="smoke") -> Trial."""
    sandbox = open_sandbox("bubblewrap", 1, hidden=(ROOT,))

    async def run(program: Program, task: Task = TASK, stage: str = "smoke") -> Trial:
        folder, seconds = tmp_path / "trial" / "0", 550.0  # the stage's own are wall time, and the machine may be busy
        return await run_trial(sandbox, task, program, stage, 0, folder, experiment="test", seconds=seconds)

    yield run
    await sandbox.close()


@pytest.mark.slow
async def test_the_baseline_scores(attempt: Attempt) -> None:
    trial = await attempt(TASK.baseline())
    assert trial.status is TrialStatus.OK, f"{trial.reason}\n{trial.log_tail}"
    assert 3.0 < trial.metrics["bits_per_byte"] < 7.0
    assert trial.metrics["flops_growth"] < 4.5
    assert set(trial.sealed) == {"unseen_bits_per_byte", "longer_recall"}


REFUSED = {
    "answers_in_disguise": "derives from torch.Tensor",
    "asks_the_files": "imports json",
    "changes_a_class": "the class torch.Tensor as a value",
    "evaluates_a_hint": "annotates with text",
    "hides_parameters": "derives from nn.Parameter",
    "holds_too_much_when_wide": "parameters and buffers, at most",
    "is_quadratic": "FLOPs grow",
    "is_quadratic_in_one_layer": "at width 384, layer 3",
    "is_quadratic_when_wide": "at width 64, layer 0",
    "looks_ahead": "depends on tokens after position",
    "mixes_the_batch": "depends on other rows",
    "reads_by_format": "uses .format",
    "remembers_calls": "depends on earlier calls",
    "replaces_torch": "uses functools.update_wrapper",
    "saves_more": "uses .register_state_dict_post_hook",
    "smuggles_parameters": "parameters and buffers, at most",
    "takes_over_the_harness": r"uses .f_back",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REFUSED)
async def test_a_cheat_is_refused(name: str, attempt: Attempt) -> None:
    trial = await attempt(TASK.cheats()[name])
    assert (trial.status, trial.metrics) == (TrialStatus.FAILED, {})
    assert REFUSED[name] in trial.reason


@pytest.mark.slow
async def test_looking_ahead_in_training_alone_does_not_pay(attempt: Attempt, tmp_path: Path) -> None:
    """The loss that it trains with is splendid, and the withheld bytes are not told."""
    task = tmp_path / "linear-attention"
    shutil.copytree(ROOT, task)
    settings = json.loads((task / "public" / "settings.json").read_text())
    settings["smoke"]["text"] |= {"length": 128, "steps": 60, "batch": 8}
    (task / "public" / "settings.json").write_text(json.dumps(settings))
    cheat = (await attempt(TASK.cheats()["looks_ahead_while_training"], load_task(task))).metrics
    honest = (await attempt(TASK.baseline(), load_task(task))).metrics
    assert cheat["train_text_bits"] < honest["train_text_bits"] - 0.5
    assert cheat["bits_per_byte"] > honest["bits_per_byte"]
    assert cheat["fitness"] <= honest["fitness"]


def test_every_cheat_is_tried_here() -> None:
    assert set(TASK.cheats()) == {*REFUSED, "looks_ahead_while_training"}


@pytest.mark.slow
def test_the_full_stage_runs_in_two_processes(tmp_path: Path) -> None:
    """The path that GPUs take: Accelerate, bf16, rows shared by the processes; tiny, on the CPU."""
    script = Path(__file__).parents[2] / "benchmarks" / "full_stage.py"
    saved = tmp_path / "full.json"
    words = [str(script), "linear-attention", "--rehearse", "--sandbox", "bubblewrap", "--save", str(saved)]
    ran = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=550, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (trial,) = json.loads(saved.read_text())["trials"]
    assert trial["status"] == "ok"
    assert 0.0 < trial["metrics"]["bits_per_byte"] < 12.0


# The notes


def test_every_technique_of_the_notes_fits_the_baseline_and_keeps_the_rules(
    load_file: LoadFile, public: Callable[[str], ModuleType], tmp_path: Path
) -> None:
    from evolver.memory import read_notes
    from evolver.search import Operators, TechniqueLibrary

    library = TechniqueLibrary.from_notes(read_notes([ROOT / "notes"], TASK.name))
    operators = Operators(library, TASK.spec.program.entry, TASK.baseline())
    recipes = operators.techniques_for(TASK.baseline())
    offered = {str(recipe["technique"]) for recipe in recipes}
    assert {name for name in library.techniques if name.partition("@")[0] not in HELPERS} <= offered
    assert len(offered) >= 10
    probes, model, plain = public("probes"), public("language_model"), public("plain_torch")
    plan = SETTINGS["proxy"]["text"]
    size = {name: plan[name] for name in ("width", "layers", "heads")}
    for number, name in enumerate(sorted(offered)):
        recipe = next(recipe for recipe in recipes if recipe["technique"] == name)
        child = operators.apply(recipe, TASK.baseline(), {})
        assert operators.check(child) == []
        path = tmp_path / f"child{number}.py"
        path.write_text(child.files["mixer.py"])
        assert plain.faults(path.read_text()) == [], name
        mixer = load_file(path).Mixer
        probes.check_mixer(mixer, 32, 2, seed=0)
        probes.check_size(model.LanguageModel(256, make_mixer=mixer, seed=0, **size), **size)


HELPERS = {"decayed_delta_rule", "decayed_sum"}
"""Functions of the notes that only others call."""
