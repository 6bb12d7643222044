"""Linear attention with the feature map elu + 1 and a running normaliser (Katharopoulos et al., 2020)."""

import torch
import torch.nn.functional as F
from torch import nn

KERNEL = 4
CHUNK = 32
SMALL = 1e-6


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
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x):
        q, k, v = self.inputs(x)
        length = x.shape[1]
        with torch.autocast(x.device.type, enabled=False):
            q, k = F.elu(q.float()) + 1.0, F.elu(k.float()) + 1.0
            v = F.pad(v.float(), (0, 1), value=1.0)  # the last channel sums the weights
            rest = -length % CHUNK
            q, k, v = (F.pad(part, (0, 0, 0, rest)).unflatten(2, (-1, CHUNK)) for part in (q, k, v))
            added = k.transpose(-1, -2) @ v
            before = added.cumsum(dim=2) - added
            o = q @ before + (q @ k.transpose(-1, -2)).tril() @ v
            o = o.flatten(2, 3)[:, :, :length]
            o = o[..., :-1] / (o[..., -1:] + SMALL)
        return self.out(o.to(x.dtype).transpose(1, 2).flatten(2))
