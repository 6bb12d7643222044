"""Trains a copy of the start policy by the answers of an objective, in one process or several."""

from __future__ import annotations

import copy
import hashlib
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import policy as policies
import torch
from objective import Objective, empty
from pretraining import start_policy
from torch import Tensor

if TYPE_CHECKING:
    from evolver_trial import Trial

BETAS = (0.9, 0.95)
LARGEST_NORM = 1.0
"""Gradients are scaled down to this norm."""
WARM_UP = 3
"""Batches in which the learning rate rises."""


def derived_seed(trial: Trial, purpose: str) -> int:
    """A seed of this trial's own for one purpose, another one in each process."""
    text = f"{purpose} {trial.seed} {trial.rank}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


@dataclass
class Run:
    """Training at one learning rate: share of right answers in every batch, and weights along the way."""

    rate: float
    rewards: list[float] = field(default_factory=list)
    checkpoints: list[dict[str, Tensor]] = field(default_factory=list)
    seconds: float = 0.0
    """Wall time."""

    @property
    def reward(self) -> float:
        """Mean over all batches: the area under the curve."""
        return sum(self.rewards) / len(self.rewards)


class Trainer:
    """The start policy of a trial, and how any objective trains a copy of it."""

    def __init__(self, trial: Trial, setting: policies.Setting) -> None:
        self._trial, self._setting = trial, setting
        if self._trial.processes > 1 and (setting.groups % trial.processes or setting.kept % trial.processes):
            raise ValueError(f"{trial.processes} processes cannot share {setting.groups} groups, {setting.kept} kept")
        self._accelerator = _accelerator()
        self._device = self._accelerator.device if self._accelerator else torch.device("cpu")
        began = time.monotonic()
        self._start = start_policy(setting, trial.seed, trial.public / "policies", self._device)
        self._reference = copy.deepcopy(self._start).requires_grad_(False)
        weights = sum(value.numel() for value in self._start.parameters())
        self.said = f"{weights} weights on {self._device}; start policy after {time.monotonic() - began:.1f} s"
        """In words, for the log."""
        self._steps = 0
        """Of all runs so far."""

    def train(self, objective: Objective, rate: float) -> Run:
        """One run, from the start policy and with the same problems and random numbers at every rate."""
        setting, processes, run = self._setting, self._trial.processes, Run(rate)
        problems = torch.Generator().manual_seed(derived_seed(self._trial, "problems"))
        drawing = torch.Generator(self._device).manual_seed(derived_seed(self._trial, "responses"))
        policy = copy.deepcopy(self._start)
        optimiser: Any = torch.optim.Adam(policy.parameters(), lr=rate, betas=BETAS)
        model: Any = policy
        if self._accelerator:
            model, optimiser = self._accelerator.prepare(policy, optimiser)
        # All processes, because the objectives of one could keep what those of another have seen.
        objective.stop()
        self.wait()
        if self._trial.is_main:
            objective.forget()
        self.wait()
        objective.begin()
        began = time.monotonic()
        for step in range(setting.steps):
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (step + 1) / WARM_UP)
            asked = policies.draw(policies.TRAINING, setting.groups // processes, problems, hidden=False)
            prompt = policies.prompts(asked).to(self._device)
            with self._precision():
                responses = policy.sample(prompt, setting.samples, drawing)
            reward = policies.rewards(responses, policies.answers(asked).to(self._device)[:, None])
            run.rewards.append(self._mean(reward))
            self._steps += 1
            self._trial.report(self._steps, run.reward)
            # What the objective is told is 1 or -1, so that a baseline means something.
            told = 2.0 * reward - 1.0
            chosen = objective.select(_numbers(told), _numbers(policies.lengths(responses)), setting.kept // processes)
            self._update(model, optimiser, objective, prompt[chosen], responses[chosen], told[chosen])
            if (step + 1) * setting.checkpoints // setting.steps > step * setting.checkpoints // setting.steps:
                run.checkpoints.append({name: value.detach().float().cpu().clone()
                                        for name, value in policy.state_dict().items()})
        run.seconds = time.monotonic() - began
        if self._accelerator:
            self._accelerator.free_memory()
        return run

    def _update(self, model: Any, optimiser: Any, objective: Objective, prompt: Tensor, responses: Tensor,
                reward: Tensor) -> None:
        """Change the weights with one batch, as often as the setting says."""
        length = policies.lengths(responses)
        responses = responses[..., : int(length.max())]
        mask = torch.arange(responses.shape[-1], device=self._device) < length[..., None]
        with torch.no_grad(), self._precision():
            reference = self._reference(prompt, responses)[0] * mask
        objective.advantages(_numbers(reward), _numbers(mask))
        old: Tensor | None = None
        for _ in range(self._setting.updates):
            with self._precision():
                logp, entropy = (value * mask for value in model(prompt, responses))
            old = logp.detach() if old is None else old
            found = objective.gradient(*(_numbers(value.detach()) for value in (logp, old, reference, entropy)))
            by_logp, by_entropy = (torch.from_numpy(part.copy()).to(self._device) * mask for part in found)
            # Its gradient is the objective's, by the chain rule.
            stand_in = (by_logp * logp + by_entropy * entropy).sum()
            optimiser.zero_grad()
            self._accelerator.backward(stand_in) if self._accelerator else stand_in.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), LARGEST_NORM)
            optimiser.step()

    def save(self, run: Run) -> None:
        """Leave the checkpoints for the judge, and nothing else."""
        from safetensors.torch import save_file

        empty(self._trial.out)
        for number, weights in enumerate(run.checkpoints):
            save_file(weights, self._trial.out / f"checkpoint-{number}.safetensors")

    def wait(self) -> None:
        """Wait until all processes have come as far as this one."""
        if self._accelerator:
            self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """Leave the group of processes, if there is one."""
        self.wait()
        if self._accelerator:
            self._accelerator.end_training()

    def _precision(self) -> Any:
        return self._accelerator.autocast() if self._accelerator else torch.autocast("cpu", enabled=False)

    def _mean(self, reward: Tensor) -> float:
        mean = reward.mean()
        return float(self._accelerator.reduce(mean, "mean") if self._accelerator else mean)


def _accelerator() -> Any:
    """Where Accelerate started this process, its object; None where plain Python did."""
    if "EVOLVER_PROCESSES" not in os.environ:
        torch.set_num_threads(1)
        return None
    from accelerate import Accelerator

    return Accelerator()


def _numbers(values: Tensor) -> Any:
    return values.float().cpu().numpy()
