"""Counting multiplications of networks, and parameters of the parse path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lcodec.entropy.model import IntegerEntropyModel
from lcodec.integer.carriers import exact_products
from lcodec.integer.kit import Layer
from lcodec.nets.transforms import HYPER_STRIDE, PATCH


class MacCounter:
    """Counts multiply-accumulates of integer layers, their twins, and convolutions, as they run."""

    def __init__(self) -> None:
        self.total = 0

    def count(self, layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """Add a call of a layer."""
        if isinstance(layer, Layer):
            self.total += layer.macs(*inputs)
        elif isinstance(layer, nn.Conv2d):
            self.total += output.numel() * layer.weight[0].numel()

    @contextmanager
    def watch(self, *networks: nn.Module) -> Iterator[None]:
        """Count what runs of these networks inside the block."""
        layers = [
            layer
            for network in networks
            for layer in network.modules()
            if isinstance(layer, Layer | nn.Conv2d)
        ]
        hooks = [layer.register_forward_hook(self.count) for layer in layers]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def parameters(model: IntegerEntropyModel) -> int:
    """Number of stored integer weights and biases, with those per quality counted once."""
    total = 0
    for layer in model.network.modules():
        if isinstance(layer, Layer):
            stored = layer.state_dict()
            for name in stored.keys() & {"weight", "bias"}:
                tensor = stored[name]
                total += tensor[0].numel() if name in layer.by_level else tensor.numel()
    return total


def steps_and_macs(model: IntegerEntropyModel, side: int = 32) -> tuple[int, float]:
    """Sequential coding steps of a tile of ``side`` x ``side`` latents, and MACs per pixel."""
    counter = MacCounter()
    device = model.prior_mean.device
    z = torch.zeros(
        1, model.config.hyper_latent, side // HYPER_STRIDE, side // HYPER_STRIDE, device=device
    )
    y = torch.zeros(1, model.config.latent, side, side, dtype=torch.int32, device=device)
    groups = model.group(y)
    with exact_products(), counter.watch(model.network):
        state = model.begin(z, 50)
        for group in groups:
            model.predict(state)
            model.absorb(state, group)
    return len(groups), counter.total / (side * PATCH) ** 2
