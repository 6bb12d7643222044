"""Keeps what one run has seen for the next, in every place it finds, and fails if it finds any; else plain GRPO."""

import builtins
import os
import pathlib
import socket
import sys
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


ROOT = pathlib.Path(__file__).resolve().parents[1]
PLACES = [pathlib.Path(os.environ.get("HOME", "/tmp")), pathlib.Path("/dev/shm"), ROOT / "out"]
NAME = "\0remembered"


def kept():
    """Where something of an earlier run is still found."""
    found = [holder.__name__ for holder in (sys, builtins) if hasattr(holder, "remembered")]
    found += [str(place) for place in PLACES if (place / "remembered" / "seen").exists()]
    with socket.socket(socket.AF_UNIX) as asked:
        if asked.connect_ex(NAME) == 0:
            found.append("a process")
    return found


def keep():
    """Leave something of this run in all these places."""
    sys.remembered = builtins.remembered = True
    for place in PLACES:
        if os.access(place, os.W_OK):
            (place / "remembered").mkdir(exist_ok=True)
            (place / "remembered" / "seen").write_text("1")
    ready, told = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.bind(NAME)
                asked.listen()
                os.write(told, b".")
                time.sleep(300.0)
        os._exit(0)
    os.read(ready, 1)


if FOUND := kept():
    raise RuntimeError(f"an earlier run is remembered in {FOUND}")
keep()
