"""Softmax attention with rotary positions (Su et al., 2021), norms on queries and keys: quadratic, for information."""

import torch
import torch.nn.functional as F
from torch import nn

BASE = 10_000.0


def rotate(x):
    """Each pair of channels turned by an angle that grows with the position (batch, heads, length, channels)."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[2], device=x.device).unsqueeze(1) * BASE ** (
        -torch.arange(half, device=x.device) / half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Mixer(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width, bias=False)
        self.norm_q, self.norm_k = nn.RMSNorm(width // heads), nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        q, k, v = self.project(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotate(self.norm_q(q)), rotate(self.norm_k(k))
        o = F.scaled_dot_product_attention(q.to(v.dtype), k.to(v.dtype), v, is_causal=True)
        return self.out(o.transpose(1, 2).flatten(2))
