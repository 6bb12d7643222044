"""Gated DeltaNet (Yang et al., 2024): the delta rule, and a decay that each token sets for each head."""

import torch
import torch.nn.functional as F
from torch import nn

KERNEL = 4
"""Tokens that the short convolutions see."""
CHUNK = 32
"""Tokens that are handled by matrix products at once; changes the cost, not the result."""
STRENGTH = 1.0
"""Largest write strength."""
DECAYS = (-3.0, -0.5)
"""Decimal logarithms of the slowest and the fastest head's decay a token at first."""
SMALL = 1e-6


class ShortConvolution(nn.Module):
    """Each channel mixed over the last KERNEL tokens, then SiLU."""

    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, 1, KERNEL) * KERNEL**-0.5)

    def forward(self, x):
        padded = F.pad(x.transpose(1, 2), (KERNEL - 1, 0))
        return F.silu(F.conv1d(padded, self.weight, groups=x.shape[2])).transpose(1, 2)


class Inputs(nn.Module):
    """x (batch, length, width) -> queries, keys, values (batch, heads, length, width of a head)."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project = nn.ModuleList(nn.Linear(width, width, bias=False) for _ in range(3))
        self.mix = nn.ModuleList(ShortConvolution(width) for _ in range(3))

    def forward(self, x):
        q, k, v = (split(mix(project(x)), self.heads) for project, mix in zip(self.project, self.mix, strict=True))
        return q, k, v


class GatedDeltaMemory(nn.Module):
    """The gated delta rule: write strength and decay that each token sets for each head."""

    def __init__(self, width, heads):
        super().__init__()
        self.strength = nn.Linear(width, heads, bias=False)
        self.forget = nn.Linear(width, heads, bias=False)
        self.rate = nn.Parameter(torch.zeros(heads))
        self.bias = nn.Parameter(torch.logspace(*DECAYS, heads).expm1().log())

    def forward(self, x, q, k, v):
        beta = STRENGTH * torch.sigmoid(self.strength(x)).transpose(1, 2)
        step = F.softplus(self.forget(x).float() + self.bias)
        decay = -(self.rate.float().exp() * step).transpose(1, 2)
        return gated_delta_rule(q, k, v, beta, decay)


class Output(nn.Module):
    """Each head's reading normalised, then projected."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm = nn.RMSNorm(width // heads, eps=SMALL)
        self.project = nn.Linear(width, width, bias=False)

    def forward(self, x, o):
        return self.project(merge(self.norm(o)))


def make_inputs(width, heads):
    """The module that makes q, k and v of x."""
    inputs = Inputs(width, heads)
    return inputs


def make_memory(width, heads):
    """The module that stores k -> v and reads with q."""
    memory = GatedDeltaMemory(width, heads)
    return memory


def make_output(width, heads):
    """The module that turns readings o, shaped as v, into the mixer's output."""
    output = Output(width, heads)
    return output


def split(x, heads):
    """(batch, length, width) -> (batch, heads, length, width of a head)."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


def merge(x):
    """The reverse of split."""
    return x.transpose(1, 2).flatten(2)


def scale_keys(q, k):
    """Queries and keys of length one; queries shrunk as in attention."""
    k = F.normalize(k, dim=-1, eps=SMALL)
    q = F.normalize(q, dim=-1, eps=SMALL) * q.shape[-1] ** -0.5
    return q, k


def in_chunks(x, length):
    """(batch, heads, length, ...) -> (batch, heads, chunks, CHUNK, ...), padded with zeros."""
    rest = -length % CHUNK
    if rest:
        x = F.pad(x, (*(0, 0) * (x.ndim - 3), 0, rest))
    return x.unflatten(2, (-1, CHUNK))


def gated_delta_rule(q, k, v, beta, decay):
    """State S <- exp(decay) S, then the delta rule; decay (batch, heads, length) <= 0.

    As without decay, but products of tokens i and j within a chunk are weighted by the decay between them.
    """
    length = q.shape[2]
    with torch.autocast(q.device.type, enabled=False):
        q, k, v, beta, decay = (in_chunks(part.float(), length) for part in (q, k, v, beta, decay))
        total = decay.cumsum(dim=-1)
        between = (total.unsqueeze(-1) - total.unsqueeze(-2)).tril().exp().tril()
        fading = total.exp().unsqueeze(-1)
        weighted = k * beta.unsqueeze(-1)
        system = (weighted @ k.transpose(-1, -2) * between).tril(-1)
        right = torch.cat([v * beta.unsqueeze(-1), weighted * fading], dim=-1)
        solved = torch.linalg.solve_triangular(system, right, upper=False, unitriangular=True)
        new, old = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
        within = (q @ k.transpose(-1, -2) * between).tril()
        left = k * (total[..., -1:] - total).exp().unsqueeze(-1)
        return read(q * fading, left, new, old, within, fading[..., -1:, :])[:, :, :length]


def read(q, k, new, old, within, kept):
    """The chunks one after another, each handing its state to the next; (batch, heads, length, width of a head)."""
    state = torch.zeros(*k.shape[:2], k.shape[-1], new.shape[-1], device=k.device)
    outputs = []
    # unbind, because the gradient of an indexed chunk is as large as all chunks together.
    chunks = zip(*(part.unbind(2) for part in (q, k, new, old, within, kept)), strict=True)
    for query, key, fresh, stale, inside, decay in chunks:
        change = fresh - stale @ state
        outputs.append(query @ state + inside @ change)
        state = decay * state + key.transpose(-1, -2) @ change
    return torch.cat(outputs, dim=2)


class Mixer(nn.Module):
    """x (batch, length, width) -> the same shape; no output depends on later tokens."""

    def __init__(self, width, heads, layer):
        super().__init__()
        self.inputs = make_inputs(width, heads)
        self.memory = make_memory(width, heads)
        self.output = make_output(width, heads)

    def forward(self, x):
        q, k, v = self.inputs(x)
        q, k = scale_keys(q, k)
        o = self.memory(x, q, k, v)
        y = self.output(x, o.to(x.dtype))
        return y
