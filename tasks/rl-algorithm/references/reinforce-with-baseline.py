"""REINFORCE with a baseline (Williams, 1992): rewards count against the mean of the batch."""

import torch


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """Rewards against the mean of all of them, shape (groups, samples)."""
    return rewards - rewards.mean()


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: weighed for the second update, no clip, no reference."""
    ratio = torch.exp(logp - old_logp)
    return -(ratio * advantages * mask).sum(2).mean()
