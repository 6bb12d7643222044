"""The policy, the problems that it answers, and the reward; for the trainer and for the judge.

A problem is a sum of two to six numbers of one or two digits, asked for modulo 100. Every number is two digit tokens:
`47 05 28 =` is answered by digits and a full stop, and the two digits before the stop are the answer. A policy may
answer at once (`80.`) or write running sums first (`52 80.`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

EQUALS, STOP, PAD = 10, 11, 12
"""Tokens after the ten digits."""
VOCABULARY = 13
MOST_OPERANDS = 6
PROMPT = 2 * MOST_OPERANDS + 1
"""Columns of a prompt: operands from the left, padding, and `=` in the last column."""
RESPONSE = 2 * MOST_OPERANDS
"""Most tokens of a response, its full stop included."""
HELD_OUT = 5
"""One problem in so many, chosen by a hash, is never shown in training."""
ABSENT = -1
"""In the place of an operand that a problem does not have."""
Kind = tuple[int, int]
"""Number of operands, and most digits of each."""
TRAINING: tuple[Kind, ...] = tuple((operands, digits) for operands in (3, 4, 5) for digits in (1, 2))
"""Kinds of problems that are trained on, all equally often."""
DIFFICULTIES: dict[str, tuple[Kind, ...]] = {
    "sums_of_two": ((2, 1), (2, 2)),
    "short_sums": ((3, 1),),
    "medium_sums": ((4, 1), (5, 1)),
    "two_digit_sums": ((3, 2),),
    "long_two_digit_sums": ((4, 2), (5, 2)),
    "longer_than_trained": ((6, 1), (6, 2)),
}
"""What the trained policy is examined in, by the name of the metric; the first and the last are never trained on."""


@dataclass(frozen=True)
class Shape:
    """Size of a policy."""

    width: int
    layers: int
    heads: int


@dataclass(frozen=True)
class Setting:
    """What a stage trains, and for how long."""

    shape: Shape
    starts: int
    """Policies to start from, in turn by the trial's seed."""
    shipped: bool
    """Whether they lie in policies/; otherwise a trial begins by training its own."""
    pretraining: int
    """Steps of it."""
    pretraining_batch: int
    pretraining_rate: float
    rates: tuple[float, ...]
    """Learning rates that every objective is tried at."""
    steps: int
    """Batches of responses that are sampled."""
    groups: int
    """Problems in a batch, over all processes."""
    kept: int
    """Most of them that are trained on."""
    samples: int
    """Responses to each problem."""
    updates: int
    """Of the weights, with each batch."""
    checkpoints: int
    """Evenly spaced; the last one is the trained policy."""
    judged: int
    """Problems that the judge has each checkpoint answer, and the trained policy for each difficulty."""


def setting_of(stage: str) -> Setting:
    """What settings.json beside this file says of a stage."""
    said = json.loads(Path(__file__).with_name("settings.json").read_text())[stage]
    return Setting(**{**said, "shape": Shape(**said["shape"]), "rates": tuple(said["rates"])})


# Problems


def held_out(problems: Tensor) -> Tensor:
    """Whether each problem is one of those that training never shows, shape (problems,)."""
    weights = torch.tensor([1_000_003, 998_244_353, 19_260_817, 7_368_787, 2_750_159, 15_485_863])
    mixed = ((problems + 2) * weights).sum(-1)
    return ((mixed ^ (mixed >> 13)) * 2_654_435_761 % 2**32 >> 12) % HELD_OUT == 0


def draw(kinds: Sequence[Kind], count: int, generator: torch.Generator, *, hidden: bool) -> Tensor:
    """Problems of the given kinds in turn, shape (count, MOST_OPERANDS): operands, and ABSENT where there are no more.

    `hidden` says whether they are held-out ones.
    """
    chosen = torch.tensor([kinds[number % len(kinds)] for number in range(count)])
    absent = torch.arange(MOST_OPERANDS) >= chosen[:, :1]
    largest = 10 ** chosen[:, 1:]
    problems = torch.full((count, MOST_OPERANDS), ABSENT)
    missing = torch.ones(count, dtype=torch.bool)
    while bool(missing.any()):
        drawn = (torch.rand(count, MOST_OPERANDS, generator=generator, dtype=torch.float64) * largest).long()
        problems = torch.where(missing[:, None], drawn.masked_fill(absent, ABSENT), problems)
        missing = held_out(problems) != hidden
    return problems


def answers(problems: Tensor) -> Tensor:
    """The sums modulo 100, shape (problems,)."""
    return problems.clamp(min=0).sum(-1) % 100


def prompts(problems: Tensor) -> Tensor:
    """Tokens of the questions, shape (problems, PROMPT)."""
    digits = torch.stack([problems // 10, problems % 10], -1).flatten(1)
    absent = (problems == ABSENT).repeat_interleave(2, 1)
    return functional.pad(digits.masked_fill(absent, PAD), (0, 1), value=EQUALS)


def lengths(responses: Tensor) -> Tensor:
    """Tokens of each response up to and with its full stop; all of them if it has none."""
    stops = responses == STOP
    return torch.where(stops.any(-1), stops.int().argmax(-1) + 1, responses.shape[-1])


def rewards(responses: Tensor, right: Tensor) -> Tensor:
    """1.0 where the two digits before the full stop are the right answer, else 0.0; leading shape of `responses`."""
    length = lengths(responses)
    ends = torch.gather(responses, -1, (length - 1)[..., None])[..., 0] == STOP
    last = torch.gather(responses, -1, (length - 2).clamp(min=0)[..., None])[..., 0]
    first = torch.gather(responses, -1, (length - 3).clamp(min=0)[..., None])[..., 0]
    digits = (length >= 3) & (first < 10) & (last < 10)
    return (ends & digits & (10 * first + last == right)).float()


# Policy


class Block(nn.Module):
    """Attention and a feed-forward layer, each after a norm and around a residual."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_mixing = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.joined = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.wide, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, past: tuple[Tensor, Tensor] | None, mask: Tensor
                ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """x (rows, columns, width) -> the same, and keys and values of all columns so far.

        `mask` (rows or 1, 1, columns, all columns) is True where a query may look.
        """
        rows, columns, width = x.shape
        query, key, value = (
            self.attention(self.before_attention(x))
            .view(rows, columns, 3, self.heads, width // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        x = x + self.joined(seen.transpose(1, 2).reshape(rows, columns, width))
        x = x + self.narrow(functional.gelu(self.wide(self.before_mixing(x))))
        return x, (key, value)


class Policy(nn.Module):
    """A small causal transformer over a prompt of PROMPT columns and a response of at most RESPONSE."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, shape.width)
        self.place = nn.Embedding(PROMPT + RESPONSE, shape.width)
        self.blocks = nn.ModuleList(Block(shape.width, shape.heads) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width)
        self.head = nn.Linear(shape.width, VOCABULARY)

    def forward(self, prompt: Tensor, responses: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the sampled tokens and entropies of the distributions that they were drawn from.

        prompt (problems, PROMPT), responses (problems, samples, tokens) -> twice (problems, samples, tokens). The
        prompt is read once for all its samples.
        """
        problems, samples, tokens = responses.shape
        first, past = self.read(prompt)
        past = [(expanded(key, samples), expanded(value, samples)) for key, value in past]
        logits = expanded(first, samples)[:, None]
        if tokens > 1:
            rows = responses.reshape(problems * samples, tokens)[:, :-1]
            causal = torch.ones(tokens - 1, tokens - 1, dtype=torch.bool, device=rows.device).tril()
            seen = expanded(visible(prompt), samples)[:, :, None].expand(-1, 1, tokens - 1, -1)
            mask = torch.cat([seen, causal.expand(len(rows), 1, -1, -1)], 3)
            later, _ = self._columns(rows, PROMPT, past, mask)
            logits = torch.cat([logits, later], 1)
        logs = functional.log_softmax(logits.float(), -1).view(problems, samples, tokens, VOCABULARY)
        return logs.gather(-1, responses[..., None])[..., 0], -(logs.exp() * logs).sum(-1)

    def read(self, prompt: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        """Logits of the first token of a response, and every layer's keys and values."""
        causal = torch.ones(PROMPT, PROMPT, dtype=torch.bool, device=prompt.device).tril()
        own = torch.eye(PROMPT, dtype=torch.bool, device=prompt.device)
        logits, past = self._columns(prompt, 0, None, causal & visible(prompt)[:, :, None] | own)
        return logits[:, -1], past

    @torch.no_grad()
    def sample(self, prompt: Tensor, samples: int, generator: torch.Generator) -> Tensor:
        """Responses drawn at temperature 1, shape (problems, samples, RESPONSE), PAD after the full stop."""
        logits, past = self.read(prompt)
        past = [(expanded(key, samples), expanded(value, samples)) for key, value in past]
        logits, seen = expanded(logits, samples), expanded(visible(prompt), samples)
        going = torch.ones(len(logits), dtype=torch.bool, device=prompt.device)
        drawn = torch.full((len(logits), RESPONSE), PAD, device=prompt.device)
        for column in range(RESPONSE):
            # The Gumbel trick: one generator call a column, whatever has ended already.
            noise = torch.rand(logits.shape, generator=generator, device=prompt.device).clamp_(1e-20, 1.0)
            token = torch.where(going, (logits.float() - (-noise.log()).log()).argmax(-1), PAD)
            drawn[:, column] = token
            going = going & (token != STOP)
            if column + 1 == RESPONSE or not bool(going.any()):
                break
            seen = functional.pad(seen, (0, 1), value=True)
            logits, past = self._columns(token[:, None], PROMPT + column, past, seen[:, :, None])
            logits = logits[:, 0]
        return drawn.view(len(prompt), samples, RESPONSE)

    def _columns(self, tokens: Tensor, start: int, past: list[tuple[Tensor, Tensor]] | None, mask: Tensor
                 ) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
        x = self.token(tokens) + self.place.weight[start : start + tokens.shape[1]]
        present = []
        for layer, block in enumerate(self.blocks):
            x, kept = block(x, None if past is None else past[layer], mask)
            present.append(kept)
        return self.head(self.norm(x)), present


def visible(prompt: Tensor) -> Tensor:
    """Where a prompt is no padding, shape (problems, 1, PROMPT)."""
    return (prompt != PAD)[:, None]


def expanded(values: Tensor, samples: int) -> Tensor:
    """Each row repeated `samples` times, one after another."""
    return values.repeat_interleave(samples, 0)
