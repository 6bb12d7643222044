"""Where a run starts: a policy that imitates flawed demonstrations, shipped in policies/ or trained at once.

First come clean sums, nearly all with running sums, so that the policy can add. Then come demonstrations as of a
careless crowd: most answer at once and are mostly wrong, some write running sums and slip now and then.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from policy import ABSENT, MOST_OPERANDS, PAD, RESPONSE, STOP, Kind, Policy, Setting, draw, prompts
from safetensors.torch import load_file
from torch import Tensor

KINDS: tuple[Kind, ...] = tuple((operands, digits) for operands in (2, 3, 4, 5, 6) for digits in (1, 2))
SLIPS = (-20, -10, -2, -1, 1, 2, 10, 20)
"""By how much a careless sum is off."""
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Crowd:
    """Who demonstrates: how often with running sums, how often each sum slips, how often a quick answer is wrong."""

    running: float
    slip: float
    wrong: float


CLEAN = Crowd(running=0.9, slip=0.0, wrong=0.0)
CARELESS = Crowd(running=0.3, slip=0.1, wrong=0.7)
CLEAN_SHARE = 0.75
"""Of the steps."""


def demonstrations(problems: Tensor, crowd: Crowd, generator: torch.Generator) -> Tensor:
    """A response to each problem, shape (problems, RESPONSE)."""
    count = len(problems)

    def off(*shape: int, chance: float) -> Tensor:
        slips = torch.tensor(SLIPS)[torch.randint(len(SLIPS), shape, generator=generator)]
        return torch.where(torch.rand(shape, generator=generator) < chance, slips, 0)

    terms = problems.clamp(min=0)
    quick = (terms.sum(-1) + off(count, chance=crowd.wrong)) % 100
    terms[:, 1:] += off(count, MOST_OPERANDS - 1, chance=crowd.slip)
    sums = torch.cat([terms.cumsum(-1)[:, 1:] % 100, torch.zeros(count, 1, dtype=torch.long)], 1)
    written = (problems != ABSENT).sum(-1, keepdim=True) - 1
    runs = torch.rand(count, 1, generator=generator) < crowd.running
    sums[:, :1] = torch.where(runs, sums[:, :1], quick[:, None])
    tokens = torch.stack([sums // 10, sums % 10], -1).flatten(1)
    ends = 2 * torch.where(runs, written, 1)
    place = torch.arange(RESPONSE)
    return torch.where(place < ends, tokens, torch.where(place == ends, STOP, PAD))


def pretrain(setting: Setting, seed: int, device: str = "cpu") -> Policy:
    """A policy after `setting.pretraining` steps; the same seed on the same machine gives the same policy."""
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    policy = Policy(setting.shape).to(device)
    steps, rate = setting.pretraining, setting.pretraining_rate
    optimiser = torch.optim.AdamW(policy.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        crowd = CLEAN if step < CLEAN_SHARE * steps else CARELESS
        problems = draw(KINDS, setting.pretraining_batch, generator, hidden=False)
        responses = demonstrations(problems, crowd, generator).to(device)
        logp, _ = policy(prompts(problems).to(device), responses[:, None])
        mask = responses[:, None] != PAD
        loss = -(logp * mask).sum() / mask.sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return policy


def start_policy(setting: Setting, seed: int, folder: Path, device: str = "cpu") -> Policy:
    """The shipped policy for this seed, if the setting has any; otherwise one that is trained now."""
    if setting.pretraining and not setting.shipped:
        return pretrain(setting, seed % setting.starts, device)
    policy = Policy(setting.shape)
    policy.load_state_dict(load_file(folder / f"start-{seed % setting.starts}.safetensors"))
    return policy.to(device)
