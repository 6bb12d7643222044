"""Trains the candidate's mixer in two small models, text and recall; then the trained models answer hidden questions.

Phase `train` checks the source and the fresh mixer, trains, and saves the weights. Phase `predict` rebuilds the models
in a new process and predicts the byte after each hidden window, which is not shown, and the values of hidden keys.
With `accelerate` in the stage both run on as many processes and in the precision that it says.
"""

import dataclasses
import json
import lzma
import os
import resource
import sys
from pathlib import Path
from typing import Any

import torch
from evolver_trial import Trial, folder
from safetensors.torch import load_file, save_file

sys.path.insert(1, str(folder("public")))

from language_model import LanguageModel
from plain_torch import faults
from probes import FEW_LENGTHS, LENGTHS, check_alone, check_mixer, check_size, growth
from training import BYTES, RECALL, fit, predict, recall_batches, text_batches

SOURCE = "mixer.py"
TRAINED_TOLERANCE = 0.02
"""Share of the logits' size that may change when later tokens do; wide, because GPUs round by the batch's shape."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """How one model of a stage is built, trained and asked; public/settings.json has them all."""

    width: int
    layers: int
    heads: int
    batch: int
    steps: int
    rate: float
    length: int = 0
    """Tokens of text at once, in training and when asked."""
    keys: int = 0
    bindings: int = 0
    asked: tuple[tuple[str, int], ...] = ()
    """Hidden questions: file in inputs/predict and how many rows of it, which the seed picks."""


def run(trial: Trial) -> None:
    if found := faults((trial.program / SOURCE).read_text(encoding="utf-8")):
        raise ValueError(f"{SOURCE}, {found[0]}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
    settings = json.loads((trial.public / "settings.json").read_text())
    stages = {stage: {name: Plan(**plan) for name, plan in plans.items()} for stage, plans in settings.items()}
    plans = stages[trial.stage]
    accelerator = open_accelerator() if "EVOLVER_PROCESSES" in os.environ else None
    make = trial.load(SOURCE).Mixer
    if trial.phase == "train":
        # What passes smoke is trained at the other sizes next, so all of them are asked there.
        report = probe_sizes(make, stages if trial.stage == "smoke" else {trial.stage: plans}, trial.seed,
                             growing=trial.stage == "smoke")
        train(trial, plans, make, accelerator, report)
    else:
        answer(trial, plans, make, accelerator)
    if accelerator:
        accelerator.wait_for_everyone()
        accelerator.end_training()


def open_accelerator() -> Any:
    """Accelerate with the precision and devices of the launch."""
    from accelerate import Accelerator, DistributedDataParallelKwargs

    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    return Accelerator(kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])


def build(name: str, plan: Plan, make: Any, seed: int) -> LanguageModel:
    vocabulary = BYTES if name == "text" else RECALL
    return LanguageModel(vocabulary, plan.width, plan.layers, plan.heads, make, seed, tied=name == "recall")


def probe_sizes(make: Any, stages: dict[str, dict[str, Plan]], seed: int, *, growing: bool) -> dict[str, float]:
    """Check the mixers of every size and layer that these stages build; the largest growth of each cost, if asked.

    Raises ValueError if one breaks a rule.
    """
    layers: dict[tuple[int, int], int] = {}
    for name, plan in (item for plans in stages.values() for item in plans.items()):
        check_size(build(name, plan, make, seed), plan.layers, plan.width, plan.heads)
        layers[plan.width, plan.heads] = max(plan.layers, layers.get((plan.width, plan.heads), 0))
    report: dict[str, float] = {}
    for (width, heads), count in sorted(layers.items()):
        for layer in range(count):
            check_mixer(make, width, heads, seed, layer, LENGTHS if layer == 0 else FEW_LENGTHS)
            if growing:
                grown = growth(make, width, heads, seed, layer)
                report = {name: max(factor, report.get(name, 0.0)) for name, factor in grown.items()}
    return report


def train(trial: Trial, plans: dict[str, Plan], make: Any, accelerator: Any, report: dict[str, float]) -> None:
    models = {name: build(name, plan, make, trial.seed) for name, plan in plans.items()}
    for name, plan in plans.items():
        model = models.pop(name)
        if name == "text":
            batches = text_batches(trial.public / "train.txt.xz", plan.batch, plan.length, trial.seed)
        else:
            batches = recall_batches(plan.batch, plan.keys, plan.bindings, trial.seed, plan.steps)
        fitted = fit(model, batches, plan.steps, plan.rate, accelerator)
        held = check_size(model, plan.layers, plan.width, plan.heads)
        report |= {"parameters": held} if name == "text" else {}
        report |= {f"train_{name}_bits": fitted["bits"], f"{name}_tokens_per_second": fitted["tokens_per_second"]}
        if trial.is_main:
            weights = {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
            save_file(weights, trial.out / f"{name}.safetensors")
    trial.save_json("report.json", report | {"peak_memory_mib": peak_memory()})


def peak_memory() -> float:
    """MiB that this process has used at most: of the GPU if it has one, else of the machine."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def answer(trial: Trial, plans: dict[str, Plan], make: Any, accelerator: Any) -> None:
    answers = {}
    for name, plan in plans.items():
        model = build(name, plan, make, trial.seed)
        check_size(model, plan.layers, plan.width, plan.heads)
        model.load_state_dict(load_file(trial.artifacts / f"{name}.safetensors"))
        model.eval().requires_grad_(False)
        if accelerator:
            model.to(accelerator.device)
        for number, (asked, count) in enumerate(plan.asked):
            tokens = questions(trial.inputs, asked)
            tokens = tokens[picked(len(tokens), count, trial.seed)]
            if name == "text":
                tokens = tokens[:, -plan.length:]
                answers[asked] = predict(model, tokens, 1, lambda logits: logits[:, 0], 64, accelerator)
            else:
                keys = int((tokens.flip(1) < RECALL // 2).long().cumprod(1).sum(1).min())
                answers[asked] = predict(model, tokens, keys, lambda logits: logits.argmax(2), 64, accelerator)
            if number == 0:
                check_trained(model, tokens[:4].long(), accelerator)
    trial.save_npz("answers.npz", **{name: found.numpy() for name, found in answers.items()})
    report = json.loads((trial.artifacts / "report.json").read_text())
    trial.save_json("report.json", report)


def questions(inputs: Path, name: str) -> torch.Tensor:
    """Hidden rows of tokens, shape (n, length); the file's name tells the length."""
    (path,) = inputs.glob(f"{name}.*.xz")
    length = int(path.name.split(".")[1])
    return torch.frombuffer(bytearray(lzma.decompress(path.read_bytes())), dtype=torch.uint8).view(-1, length)


def picked(total: int, count: int, seed: int) -> torch.Tensor:
    """The rows that this seed is asked, as the judge knows them."""
    import numpy

    return torch.from_numpy(numpy.random.default_rng(seed).permutation(total)[:count])


def check_trained(model: LanguageModel, tokens: torch.Tensor, accelerator: Any) -> None:
    """Raise ValueError if the trained model looks ahead or remembers other inputs."""
    device = accelerator.device if accelerator else torch.device("cpu")
    lengths = (33, min(100, tokens.shape[1]))
    check_alone(model, lambda length: tokens[:, :length].to(device), lambda x: (x + 7) % 64, lengths, TRAINED_TOLERANCE)
