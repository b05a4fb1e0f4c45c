"""Counting multiplications and parameters of the parse path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from lcodec.entropy.model import IntegerEntropyModel
from lcodec.integer.carriers import exact_products
from lcodec.integer.exact import (
    ExactAttention,
    ExactDepthwise,
    ExactHead,
    ExactLinear,
    ExactMemory,
    ExactRecall,
)
from lcodec.nets.transforms import HYPER_STRIDE, PATCH


class MacCounter:
    """Multiply-accumulates of the integer layers while they run."""

    def __init__(self) -> None:
        self.total = 0

    def _count(self, layer: nn.Module, inputs: Any, output: Any) -> None:
        match layer:
            case ExactLinear() | ExactHead():
                x: Tensor = inputs[0]
                self.total += x.numel() // x.shape[-1] * layer.weight.numel()
            case ExactDepthwise():
                self.total += 9 * inputs[0].numel()
            case ExactAttention():
                q, k = inputs[0], inputs[1]
                self.total += 2 * q.numel() * k.shape[-2]
            case ExactMemory() | ExactRecall():
                weights, rows = inputs
                self.total += weights.numel() * rows.shape[-1]

    @contextmanager
    def watch(self, module: nn.Module) -> Iterator[None]:
        """Count what runs inside the block."""
        hooks = [child.register_forward_hook(self._count) for child in module.modules()]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def parameters(model: IntegerEntropyModel) -> int:
    """Stored integer weights and biases of the network, tables per quality counted once."""
    heads = {n for n, layer in model.network.named_modules() if isinstance(layer, ExactHead)}
    total = 0
    for name, tensor in model.network.state_dict().items():
        if name.endswith((".weight", ".bias")):
            per_level = "quality_table" in name or name.removesuffix(".bias") in heads
            total += tensor[0].numel() if per_level else tensor.numel()
    return total


def steps_and_macs(model: IntegerEntropyModel, side: int = 32) -> tuple[int, float]:
    """Sequential coding steps of a tile of ``side`` latent positions, and its MAC per pixel."""
    counter = MacCounter()
    device = model.prior_mean.device
    z = torch.zeros(
        1, model.config.hyper_latent, side // HYPER_STRIDE, side // HYPER_STRIDE, device=device
    )
    y = torch.zeros(1, model.config.latent, side, side, dtype=torch.int32, device=device)
    groups = model.group(y).unbind(1)
    with exact_products(), counter.watch(model.network):
        state = model.begin(z, 50)
        for group in groups:
            model.predict(state)
            model.absorb(state, group)
    return len(groups), counter.total / (side * PATCH) ** 2
