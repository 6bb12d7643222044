"""The model around the mixer: embedding, pre-norm blocks of mixer and MLP, and a linear head."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

MLP = 3
"""Hidden width of the MLP, in widths."""


def check_output(x: Tensor, mixed: object) -> None:
    """Raise ValueError unless this is a plain tensor of the shape of x: others could act on what is done with them."""
    if type(mixed) is not Tensor:
        raise ValueError(f"the mixer returned a {type(mixed).__name__}, not a plain tensor")
    if mixed.shape != x.shape:
        raise ValueError(f"the mixer turned shape {tuple(x.shape)} into {tuple(mixed.shape)}")


class Block(nn.Module):
    """Mixer, then MLP, each on the normalised stream and added to it."""

    def __init__(self, width: int, mixer: nn.Module) -> None:
        super().__init__()
        self.before_mixer, self.before_mlp = nn.RMSNorm(width), nn.RMSNorm(width)
        self.mixer = mixer
        self.mlp = nn.Sequential(nn.Linear(width, MLP * width), nn.GELU(), nn.Linear(MLP * width, width))

    def forward(self, x: Tensor) -> Tensor:
        mixed = self.mixer(self.before_mixer(x))
        check_output(x, mixed)
        x = x + mixed
        return x + self.mlp(self.before_mlp(x))


class LanguageModel(nn.Module):
    """Logits of the next token. Everything but the mixers begins alike for every candidate, given the seed."""

    def __init__(
        self,
        vocabulary: int,
        width: int,
        layers: int,
        heads: int,
        make_mixer: Callable[..., nn.Module],
        seed: int,
        *,
        tied: bool = False,
    ) -> None:
        super().__init__()
        mixers = []
        for layer in range(layers):
            torch.manual_seed(1000 * seed + layer)
            mixers.append(make_mixer(width, heads, layer))
        torch.manual_seed(1000 * seed + 999)
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, mixer) for mixer in mixers)
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        if tied:
            # Recall is learnt several times as fast.
            self.head.weight = self.embedding.weight
        else:
            nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.head.weight, std=width**-0.5)
        for block in self.blocks:
            nn.init.zeros_(block.mlp[2].weight)

    def forward(self, tokens: Tensor, last: int = 0) -> Tensor:
        """tokens (batch, length) -> logits (batch, length or `last`, vocabulary)."""
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, -last:]))
