"""Parts of DAPO (Yu et al., 2025): a higher upper clip, dynamic sampling, a mean over tokens, and no reference.

Its penalty on overlong responses is left out: nothing here is cut off for its length.
"""

import torch

CLIP_LOW, CLIP_HIGH = 0.2, 0.28
SMALL = 1e-4


def select(rewards, lengths, count):
    """Numbers of the groups to train on: those in which some responses are right and some wrong, while they last."""
    mixed = rewards.amax(1) > rewards.amin(1)
    return torch.argsort((~mixed).int(), stable=True)[:count].tolist()


def advantages(rewards, mask):
    """Rewards against the group's mean, in units of its standard deviation, shape (groups, samples)."""
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + SMALL)


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller: every token of the batch weighs the same."""
    ratio = torch.exp(logp - old_logp)
    clipped = ratio.clamp(1.0 - CLIP_LOW, 1.0 + CLIP_HIGH)
    values = -torch.minimum(ratio * advantages, clipped * advantages)
    return (values * mask).sum() / mask.sum()
