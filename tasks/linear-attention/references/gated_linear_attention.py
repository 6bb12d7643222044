"""Gated linear attention (Yang et al., 2023): every key channel forgets by a gate that the token sets."""

import torch
import torch.nn.functional as F
from torch import nn

KERNEL = 4
CHUNK = 16
RANK = 8
"""Width of the bottleneck that makes the gates."""
TEMPERATURE = 16.0
"""Gates are sigmoids to the power of 1 / TEMPERATURE: near 1, so that memories last."""
FLOOR = -2.0
"""Smallest logarithm of a gate, so that CHUNK of them stay within float32."""
SMALL = 1e-6


def gated_sum(q, k, v, decay):
    """State S <- diag(exp(decay)) S + k v^T, read as S^T q, in chunks; decay (batch, heads, length, channels) <= 0."""
    length = q.shape[2]
    rest = -length % CHUNK
    q, k, v, decay = (F.pad(part, (0, 0, 0, rest)).unflatten(2, (-1, CHUNK)) for part in (q, k, v, decay))
    total = decay.cumsum(dim=3)
    last = total[:, :, :, -1:]
    q, fading = q * total.exp(), k * (last - total).exp()
    within = (q @ (k * (-total).exp()).transpose(-1, -2)).tril() @ v
    added, kept = fading.transpose(-1, -2) @ v, last.exp().transpose(-1, -2)
    state, outputs = torch.zeros_like(added[:, :, 0]), []
    for query, inside, factor, new in zip(*(part.unbind(2) for part in (q, within, kept, added)), strict=True):
        outputs.append(query @ state + inside)
        state = factor * state + new
    return torch.cat(outputs, dim=2)[:, :, :length]


class Inputs(nn.Module):
    """The baseline's short convolutions, so that only the memory differs."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.weight = nn.Parameter(torch.randn(3 * width, 1, KERNEL) * KERNEL**-0.5)

    def forward(self, x):
        wide = F.pad(self.project(x).transpose(1, 2), (KERNEL - 1, 0))
        mixed = F.silu(F.conv1d(wide, self.weight, groups=wide.shape[1])).transpose(1, 2)
        return (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in mixed.chunk(3, dim=2))


class Mixer(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        self.heads = heads
        self.inputs = Inputs(width, heads)
        self.gate = nn.Sequential(nn.Linear(width, RANK, bias=False), nn.Linear(RANK, width))
        self.shown = nn.Sequential(nn.Linear(width, RANK, bias=False), nn.Linear(RANK, width))
        self.norm = nn.RMSNorm(width // heads, eps=SMALL)
        self.out = nn.Linear(width, width, bias=False)

    def split(self, x):
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def forward(self, x):
        q, k, v = self.inputs(x)
        with torch.autocast(x.device.type, enabled=False):
            decay = (F.logsigmoid(self.split(self.gate(x.float())).float()) / TEMPERATURE).clamp(min=FLOOR)
            o = gated_sum(q.float() * q.shape[-1] ** -0.5, k.float(), v.float(), decay)
        o = self.norm(o).to(x.dtype).transpose(1, 2).flatten(2)
        return self.out(o * F.silu(self.shown(x)))
