"""Dr. GRPO (Liu et al., 2025): no division by the group's spread or by the response's length, and no reference."""

import torch

CLIP = 0.2
LONGEST = 12


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """Rewards against the group's mean, shape (groups, samples)."""
    return rewards - rewards.mean(1, keepdim=True)


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: tokens are summed and divided by one constant."""
    ratio = torch.exp(logp - old_logp)
    values = -torch.minimum(ratio * advantages, ratio.clamp(1.0 - CLIP, 1.0 + CLIP) * advantages)
    return ((values * mask).sum(2) / LONGEST).mean()
