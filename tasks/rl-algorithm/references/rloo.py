"""RLOO (Kool et al., 2019; Ahmadian et al., 2024): each response counts against the mean of the others."""

import torch


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """Rewards against the mean of the group's other samples, shape (groups, samples)."""
    samples = rewards.shape[1]
    others = (rewards.sum(1, keepdim=True) - rewards) / (samples - 1)
    return rewards - others


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: weighed for the second update, no clip, no reference."""
    ratio = torch.exp(logp - old_logp)
    return -(ratio * advantages * mask).sum(2).mean()
