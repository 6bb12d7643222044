"""REINFORCE as Williams (1992) begins: the log-probability of a response times its reward."""

import torch


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """The rewards themselves, shape (groups, samples)."""
    return rewards


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: weighed for the second update, no clip, no reference."""
    ratio = torch.exp(logp - old_logp)
    return -(ratio * advantages * mask).sum(2).mean()
