"""GSPO (Zheng et al., 2025): one ratio for the whole response, the geometric mean of its tokens', and a narrow clip."""

import torch

CLIP_LOW, CLIP_HIGH = 3e-4, 4e-4
SMALL = 1e-4


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """Rewards against the group's mean, in units of its standard deviation, shape (groups, samples)."""
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + SMALL)


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: every response weighs the same."""
    ratio = torch.exp(((logp - old_logp) * mask).sum(2) / mask.sum(2))
    advantage = advantages[:, :, 0]
    clipped = ratio.clamp(1.0 - CLIP_LOW, 1.0 + CLIP_HIGH)
    return -torch.minimum(ratio * advantage, clipped * advantage).mean()
