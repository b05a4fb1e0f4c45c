"""Base of the integer layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lcodec.integer.kit import Format

_LARGEST = 1 << 26  # numbers in a tensor, many times what released models have


def rescale(total: Tensor, multiplier: Tensor, form: Format, dtype: torch.dtype) -> Tensor:
    """One float32 multiplication, round half to even, clamp to a format."""
    return torch.round(total.to(torch.float32) * multiplier).clamp_(form.low, form.high).to(dtype)


class Prepared:
    """A layer that derives working tensors from its stored integers after loading."""

    def prepare(self) -> None:
        """Derive the working tensors; called once after loading and moving to a device."""


def store(layer: nn.Module, name: str, shape: Sequence[int], dtype: torch.dtype) -> None:
    """Give a layer a stored tensor; raises ValueError if it is too large."""
    if math.prod(shape) > _LARGEST:
        raise ValueError(f"a tensor of {'x'.join(map(str, shape))} is too large")
    layer.register_buffer(name, torch.zeros(tuple(shape), dtype=dtype))


def prepare_all(module: nn.Module) -> None:
    """Prepare every integer layer below ``module``."""
    for child in module.modules():
        if isinstance(child, Prepared):
            child.prepare()
