"""Softmax attention with rotary positions (Su et al., 2021), norms on queries and keys: quadratic, for information."""

import torch
import torch.nn.functional as F
from torch import nn

KERNEL = 4
BASE = 10_000.0


def rotate(x):
    """Each pair of channels turned by an angle that grows with the position (batch, heads, length, channels)."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[2], device=x.device).unsqueeze(1) * BASE ** (
        -torch.arange(half, device=x.device) / half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


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
        self.inputs = Inputs(width, heads)
        self.norm_q, self.norm_k = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        q, k, v = self.inputs(x)
        q, k = rotate(self.norm_q(q)), rotate(self.norm_k(k))
        o = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.out(o.transpose(1, 2).flatten(2))
