"""What must hold of every mixer: finite gradients, causality, independence, a parameter budget, growing cost."""

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from language_model import check_output
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

LENGTHS = (1, 2, 7, 33, 64, 97, 150)
"""Tokens; several are no multiple of any likely chunk."""
FEW_LENGTHS = (33, 150)
"""For the second and later layers of a size."""
SHORT, LONG = 512, 2048
"""Lengths whose costs are compared."""
GROWTH, TIME_GROWTH = 6.0, 10.0
"""Most that a cost may grow by over these four times as many tokens: linear is 4, quadratic 16."""
SHORT_TIMINGS, TIMINGS = 3, 8
"""How often the short length is timed, and the long one at most; the fastest count, for other work only slows."""
TIMED, COARSE = 0.03, 0.004
"""CPU seconds that are timed at least, because the clocks of some kernels advance by COARSE at once."""
ALLOWANCE = 1.05
"""Parameters and buffers of the whole model, in those of the same model with the baseline's mixer."""
TOLERANCE = 1e-3
"""Share of the outputs' size that rounding may change."""


def baseline_parameters(width: int, heads: int) -> int:
    """Parameters of one layer of the baseline: four projections, three convolutions, write strength, norm."""
    return 4 * width * width + 3 * 4 * width + width * heads + width // heads


def check_size(model: nn.Module, layers: int, width: int, heads: int) -> int:
    """Numbers that the model holds, buffers included; raises ValueError if it holds too many.

    A number of more than four bytes counts as several.
    """
    held = {id(tensor): numbers(tensor) for tensor in (*model.parameters(), *model.buffers())}
    mixers = [block.mixer for block in model.blocks]
    for mixer in mixers:
        if not isinstance(mixer, nn.Module):
            raise ValueError(f"the mixer is a {type(mixer).__name__}, not a torch.nn.Module")
    mixed = {id(t): numbers(t) for mixer in mixers for t in (*mixer.parameters(), *mixer.buffers())}
    total, others = sum(held.values()), sum(held.values()) - sum(mixed.values())
    most = int(ALLOWANCE * (others + layers * baseline_parameters(width, heads)))
    if total > most:
        raise ValueError(f"the model holds {total} parameters and buffers, at most {most} are allowed "
                         f"({sum(mixed.values())} in the mixers, at most {most - others})")
    return total


def numbers(tensor: Tensor) -> int:
    """How many numbers of up to four bytes a tensor holds; raises ValueError if it is of some other class."""
    if type(tensor) not in (Tensor, nn.Parameter, nn.Buffer):
        raise ValueError(f"the model holds a {type(tensor).__name__}; parameters and buffers must be torch's own")
    return tensor.numel() * -(-tensor.element_size() // 4)


def check_mixer(make: Callable[..., nn.Module], width: int, heads: int, seed: int, layer: int = 0,
                lengths: tuple[int, ...] = LENGTHS) -> None:
    """Raise ValueError unless a fresh mixer keeps shapes, passes finite gradients, and never looks ahead."""
    torch.manual_seed(seed)
    mixer = make(width, heads, layer)
    for length in lengths:
        x = torch.randn(2, length, width, requires_grad=True)
        y = mixer(x)
        check_output(x, y)
        (y * torch.randn_like(y)).sum().backward()
        for name, gradient in (("its input", x.grad), *((n, p.grad) for n, p in mixer.named_parameters())):
            if gradient is not None and not torch.isfinite(gradient).all():
                raise ValueError(f"the gradient of {name} is not finite at length {length}")
        if not torch.isfinite(y).all():
            raise ValueError(f"the output is not finite at length {length}")
    check_alone(mixer.eval(), lambda length: torch.randn(3, length, width), lambda x: 3.0 * torch.randn_like(x),
                lengths)


def check_alone(model: Callable[[Tensor], Tensor], draw: Callable[[int], Tensor], other: Callable[[Tensor], Tensor],
                lengths: tuple[int, ...] = LENGTHS, tolerance: float = TOLERANCE) -> None:
    """Raise ValueError if an output depends on later tokens, on the length, on other rows, or on earlier calls.

    `draw(length)` gives inputs (batch, length, ...) and `other(inputs)` different ones.
    """
    with torch.no_grad():
        for length in lengths:
            x = draw(length)
            y = model(x)
            scale = tolerance * (1e-3 + y.abs().max().item())

            def same(found: Tensor, wanted: Tensor, what: str, scale: float = scale, length: int = length) -> None:
                off = (found - wanted).abs().max().item()
                if not off <= scale:
                    raise ValueError(f"at length {length} an output depends on {what} (changes by {off:.2g})")

            same(model(x), y, "earlier calls")
            for place in sorted({0, length // 3, length // 2, length - 2} & set(range(length - 1))):
                changed = torch.cat([x[:, :place + 1], other(x[:, place + 1:])], dim=1)
                same(model(changed)[:, :place + 1], y[:, :place + 1], f"tokens after position {place}")
                same(model(x[:, :place + 1]), y[:, :place + 1], "how many tokens follow")
            same(model(torch.cat([x[:1], other(x[1:])]))[:1], y[:1], "other rows of the batch")


def growth(make: Callable[..., nn.Module], width: int, heads: int, seed: int, layer: int = 0) -> dict[str, float]:
    """By what factors forward and backward cost grows from SHORT to LONG tokens; raises ValueError if by too much.

    Counted are multiplications (FLOPs of matrix products and convolutions) and bytes written by all operations, which
    bounds memory; both are exact. Fused attention is taken apart for that. CPU time is measured, so its bound is wide,
    and a busy machine gets several tries. In a second or later layer the pass that counts is timed first: if that grows
    by little, so does all that it calls.
    """
    torch.manual_seed(seed)
    mixer = make(width, heads, layer)
    inputs = [torch.randn(1, length, width, requires_grad=True) for length in (SHORT, LONG)]
    costs, counting = [], []
    for x in inputs:
        began = time.process_time()
        counted, written = FlopCounterMode(display=False), _Written()
        with sdpa_kernel(SDPBackend.MATH), counted, written:
            mixer(x).sum().backward()
        counting.append(max(COARSE, time.process_time() - began))
        costs.append((max(1, counted.get_total_flops()), max(1, written.bytes)))
    at = f" at width {width}, layer {layer}"
    factors = [long / short for short, long in zip(*costs, strict=True)]
    for name, factor in zip(("FLOPs", "bytes written"), factors, strict=True):
        check_growth(name, factor, GROWTH, at)
    if layer > 0 and (grown := counting[1] / counting[0]) <= TIME_GROWTH:
        return {"flops_growth": factors[0], "memory_growth": factors[1], "time_growth": grown}
    # The short pass must not be lucky in being slow: only the long one is tried again until it is fast enough.
    short, long = min(cpu_seconds(mixer, inputs[0]) for _ in range(SHORT_TIMINGS)), math.inf
    for _ in range(TIMINGS):
        long = min(long, cpu_seconds(mixer, inputs[1]))
        if (grown := long / short) <= TIME_GROWTH:
            break
    check_growth("CPU time", grown, TIME_GROWTH, at)
    return {"flops_growth": factors[0], "memory_growth": factors[1], "time_growth": grown}


def cpu_seconds(mixer: nn.Module, x: Tensor) -> float:
    """CPU seconds of this process for one pass forward and backward, of as many as a coarse clock can tell apart."""
    passes, began = 0, time.process_time()
    while (taken := time.process_time() - began) < TIMED:
        mixer(x).sum().backward()
        passes += 1
    return taken / passes


def check_growth(name: str, factor: float, most: float, at: str = "") -> None:
    """Raise ValueError if a cost grew by more than it may."""
    if factor > most:
        raise ValueError(f"{name} grow {factor:.1f}-fold from {SHORT} to {LONG} tokens{at}, at most {most:g}-fold is "
                         "allowed: the cost must grow clearly less than with the square of the length")


class _Written(TorchDispatchMode):
    """Counts the bytes of all results that are no views."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        seen = {leaf.untyped_storage()._cdata for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.untyped_storage()._cdata not in seen:
                self.bytes += leaf.nbytes
        return result
