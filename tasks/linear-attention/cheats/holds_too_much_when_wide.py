"""Within the budget where it is small, twice the parameters at the widths of the stages that decide."""

from torch import nn

SMALL = 32


class Mixer(nn.Module):
    def __init__(self, width, heads, layer):
        super().__init__()
        inner = width if width <= SMALL else 4 * width
        self.mix = nn.Sequential(nn.Linear(width, inner), nn.SiLU(), nn.Linear(inner, width))

    def forward(self, x):
        return self.mix(x)
