"""Adds tensors to what is saved of the model by a hook, beyond the parameters that are counted."""

import torch
from torch import nn


class Mixer(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        self.mix = nn.Linear(width, width)
        self.register_state_dict_post_hook(add)
        self.register_load_state_dict_pre_hook(take)

    def forward(self, x):
        return self.mix(x)


def add(module, state, prefix, metadata):
    state[prefix + "more"] = torch.randn(1000, 1000)


def take(module, state, prefix, *more):
    state.pop(prefix + "more")
