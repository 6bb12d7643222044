"""Training the two models of a trial: text and recall, on one process or on several through Accelerate."""

import itertools
import lzma
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

KEYS = VALUES = 64
BYTES, RECALL = 256, KEYS + VALUES
"""Vocabularies: of text, and of recall, where keys come before values."""
WARMUP, FLOOR = 0.1, 0.05
"""Share of the steps over which the rate rises; share of the rate that is left at the end."""
EASY, FEWEST = 0.5, 2
"""Share of the steps over which recall questions grow to their size; keys in the first."""
DECAY, CLIP, BETAS = 0.1, 1.0, (0.9, 0.95)

Batch = tuple[Tensor, Tensor]
"""Tokens (batch, length) and targets (batch, asked): the next tokens of the last `asked` positions."""


def text_batches(path: Path, batch: int, length: int, seed: int) -> Iterator[Batch]:
    """Random stretches of the training text."""
    data = torch.frombuffer(bytearray(lzma.decompress(path.read_bytes())), dtype=torch.uint8)
    places = torch.arange(length + 1)
    random = torch.Generator().manual_seed(seed)
    while True:
        starts = torch.randint(len(data) - length, (batch, 1), generator=random)
        stretch = data[starts + places].long()
        yield stretch[:, :-1], stretch[:, 1:]


def recall_batches(batch: int, keys: int, bindings: int, seed: int, steps: int = 0) -> Iterator[Batch]:
    """Keys bound to values, some again and again, then every key once more: its latest value is asked for.

    With `steps`, keys and bindings grow from few to all over the first EASY of them: nothing learns to find one of many
    values at once in so few steps.
    """
    random = torch.Generator().manual_seed(seed)
    for step in itertools.count():
        share = min(1.0, step / (EASY * steps)) if steps else 1.0
        some = round(FEWEST + share * (keys - FEWEST))
        yield _recall(batch, some, round(some * bindings / keys), random)


def _recall(batch: int, keys: int, bindings: int, random: torch.Generator) -> Batch:
    rows = torch.arange(batch).unsqueeze(1)
    chosen = torch.rand(batch, KEYS, generator=random).argsort(dim=1)[:, :keys]
    again = torch.randint(keys, (batch, bindings - keys), generator=random)
    written = torch.cat([torch.arange(keys).expand(batch, keys), again], dim=1)
    written = written.gather(1, torch.rand(batch, bindings, generator=random).argsort(dim=1))
    values = torch.randint(VALUES, (batch, bindings), generator=random)
    order = (written.unsqueeze(2) == torch.arange(keys)) * torch.arange(1, bindings + 1).unsqueeze(1)
    latest = values.gather(1, order.amax(dim=1) - 1)
    asked = torch.rand(batch, keys, generator=random).argsort(dim=1)
    bound = torch.stack([chosen[rows, written], KEYS + values], dim=2).flatten(1)
    return torch.cat([bound, chosen[rows, asked]], dim=1), KEYS + latest[rows, asked]


def fit(
    model: nn.Module, batches: Iterator[Batch], steps: int, rate: float, accelerator: Any = None
) -> dict[str, float]:
    """Train in place; the last losses' mean in bits a token, and tokens a second over all processes.

    Every process draws the same batches and takes its own rows, so that the number of processes changes only rounding.
    Raises ValueError if the loss is not finite.
    """
    device = accelerator.device if accelerator else torch.device("cpu")
    model = model.to(device)
    optimizer = torch.optim.AdamW(_groups(model), lr=rate, betas=BETAS)
    prepared: Any = model
    if accelerator:
        prepared, optimizer = accelerator.prepare(model, optimizer)
    rank, world = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    model.train()
    losses, tokens, began = [], 0, time.perf_counter()
    for step in range(steps):
        inputs, targets = next(batches)
        tokens += inputs.numel()
        for group in optimizer.param_groups:
            group["lr"] = rate * _schedule(step, steps)
        inputs, targets = (part[rank::world].to(device, non_blocking=True) for part in (inputs, targets))
        logits = prepared(inputs, targets.shape[1])
        loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        if accelerator:
            accelerator.backward(loss)
            accelerator.clip_grad_norm_(prepared.parameters(), CLIP)
        else:
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        losses.append(loss.detach())
        if step % 200 == 199 or step == steps - 1:
            recent = torch.stack(losses[-50:]).mean().item() / math.log(2.0)
            if rank == 0:
                print(f"step {step + 1} of {steps}: {recent:.4f} bits, {time.perf_counter() - began:.1f} s", flush=True)
            if not math.isfinite(recent):
                raise ValueError(f"the loss is {recent} after {step + 1} steps")
    return {"bits": recent, "tokens_per_second": tokens / (time.perf_counter() - began)}


def _schedule(step: int, steps: int) -> float:
    """Share of the rate: linear rise, then a cosine fall."""
    warmup = max(1, int(WARMUP * steps))
    if step < warmup:
        return (step + 1) / warmup
    return FLOOR + (1.0 - FLOOR) * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _groups(model: nn.Module) -> list[dict[str, Any]]:
    """Matrices decay, vectors and scalars do not."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [{"params": [p for p in parameters if p.ndim >= 2], "weight_decay": DECAY},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0}]


def predict(model: nn.Module, tokens: Tensor, last: int, choose: Callable[[Tensor], Tensor], size: int,
            accelerator: Any = None) -> Tensor:
    """`choose(logits of the last positions)` for every row of tokens, in order; processes share the rows."""
    device = accelerator.device if accelerator else torch.device("cpu")
    rank, world = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    padded = torch.cat([tokens, tokens[:(-len(tokens)) % world]])
    mine = padded[rank::world]
    parts = []
    for at in range(0, len(mine), size):
        with torch.inference_mode():
            if accelerator:
                with accelerator.autocast():
                    logits = model(mine[at:at + size].long().to(device), last)
            else:
                logits = model(mine[at:at + size].long(), last)
        parts.append(choose(logits.float()))
    found = torch.cat(parts)
    if world > 1:
        gathered = accelerator.gather(found)
        found = gathered.reshape(world, len(mine), *found.shape[1:]).transpose(0, 1).flatten(0, 1)
    return found[:len(tokens)].cpu()
