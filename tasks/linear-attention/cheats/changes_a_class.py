"""Lends torch's own class of tensors to a method that sets attributes of self."""

import torch
from torch import nn


class Changer:
    def change(self, count):
        self.numel = count

    change(torch.Tensor, lambda tensor: 0)


class Mixer(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        self.mix = nn.Linear(width, 40 * width)

    def forward(self, x):
        return self.mix(x)[..., : x.shape[2]]
