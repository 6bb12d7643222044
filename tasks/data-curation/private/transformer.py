"""A byte transformer for the full stage, on a GPU if there is one."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

BYTES = 256
START = 10
"""A line break, which stands before every text."""


@dataclass(frozen=True)
class Size:
    """Model and training; the training text is seen batch * context * steps / its length times."""

    layers: int
    width: int
    heads: int
    context: int
    batch: int
    steps: int
    rate: float = 1e-3
    dropout: float = 0.1


FULL = Size(layers=6, width=384, heads=6, context=256, batch=64, steps=1200)
"""10.8 million parameters; 20 million bytes, about a dozen times the budget."""


class Block(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.heads, self.dropout = size.heads, size.dropout
        self.before, self.between = nn.LayerNorm(size.width), nn.LayerNorm(size.width)
        self.mix, self.out = nn.Linear(size.width, 3 * size.width), nn.Linear(size.width, size.width)
        self.feed = nn.Sequential(nn.Linear(size.width, 4 * size.width), nn.GELU(),
                                  nn.Linear(4 * size.width, size.width), nn.Dropout(size.dropout))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        parts = self.mix(self.before(x)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        rate = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=rate, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.feed(self.between(x))


class Network(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.embed, self.place = nn.Embedding(BYTES, size.width), nn.Embedding(size.context, size.width)
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.layers)))
        self.last = nn.LayerNorm(size.width)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Scores of the next byte, (batch, length) -> (batch, length, 256); input and output share their table."""
        x = self.embed(tokens) + self.place.weight[: tokens.shape[1]]
        return self.last(self.blocks(x)) @ self.embed.weight.T


class ByteTransformer:
    """Trained when it is made; then asked for the probability of bytes."""

    def __init__(self, data: bytes, seed: int, size: Size) -> None:
        """Train on random stretches of the data, which is repeated if it is shorter than one."""
        torch.manual_seed(seed)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._size = size
        self._network = Network(size).to(self._device)
        data = bytes([START]) + data
        while len(data) <= size.context:
            data += bytes([START]) + data
        self._train(torch.frombuffer(bytearray(data), dtype=torch.uint8))

    def _train(self, data: torch.Tensor) -> None:
        size, network = self._size, self._network
        optimiser = torch.optim.AdamW(network.parameters(), lr=size.rate, weight_decay=0.1, betas=(0.9, 0.95))
        warm = max(size.steps // 20, 1)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(
            (step + 1) / warm, 0.1 + 0.45 * (1.0 + np.cos(np.pi * min(step / size.steps, 1.0)))))
        chooser = torch.Generator().manual_seed(int(torch.initial_seed()))
        network.train()
        for _ in range(size.steps):
            starts = torch.randint(len(data) - size.context, (size.batch, 1), generator=chooser)
            rows = data[starts + torch.arange(size.context + 1)].long().to(self._device)
            with self._precision():
                loss = functional.cross_entropy(network(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
        network.eval()

    def log2(self, data: bytes) -> np.ndarray:
        """log2 of each byte's probability given at least half a context before it, where there is so much."""
        size, half = self._size.context, self._size.context // 2
        tokens = np.frombuffer(bytes([START]) + data, dtype=np.uint8)
        result = np.zeros(len(data))
        starts = range(0, max(len(data) - half, 1), half)
        rows = np.zeros((len(starts), size + 1), dtype=np.uint8)
        for row, start in enumerate(starts):
            piece = tokens[start:start + size + 1]
            rows[row, : len(piece)] = piece
        scores = self._scores(rows)
        for row, start in enumerate(starts):
            first = half if row else 0
            end = min(start + size, len(data))
            result[start + first:end] = scores[row, first:end - start]
        return result

    def log2_of_ends(self, fragments: list[tuple[bytes, bytes]]) -> np.ndarray:
        """log2 of the probability of the second part of each fragment given the first, shape (len(fragments),)."""
        texts = [(bytes([START]) + before + end)[-self._size.context - 1:] for before, end in fragments]
        rows = np.zeros((len(texts), max(map(len, texts))), dtype=np.uint8)
        for row, text in enumerate(texts):
            rows[row, : len(text)] = np.frombuffer(text, dtype=np.uint8)
        scores = self._scores(rows)
        return np.array([scores[row, len(text) - 1 - len(end):len(text) - 1].sum()
                         for row, (text, (_, end)) in enumerate(zip(texts, fragments, strict=True))])

    @torch.no_grad()
    def _scores(self, rows: np.ndarray) -> np.ndarray:
        """log2 of the probability of each byte of each row but the first."""
        parts = []
        for at in range(0, len(rows), 256):
            tokens = torch.from_numpy(rows[at:at + 256].astype(np.int64)).to(self._device)
            with self._precision():
                logits = self._network(tokens[:, :-1])
            chosen = logits.float().log_softmax(dim=-1).gather(2, tokens[:, 1:, None])[..., 0]
            parts.append((chosen / np.log(2.0)).cpu().numpy())
        return np.concatenate(parts)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self._device, dtype=torch.bfloat16, enabled=self._device == "cuda")
