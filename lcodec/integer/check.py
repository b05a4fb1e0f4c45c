"""Check that stored integers keep the bounds of exact arithmetic (docs/FORMAT.md, "Bounds").

Weights that break them would still load, but carriers would then disagree.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lcodec.errors import WeightsError
from lcodec.integer import profile as P
from lcodec.integer.exact import (
    ExactDepthwise,
    ExactHead,
    ExactLevelTable,
    ExactLinear,
    ExactTable,
)
from lcodec.integer.exactattention import ExactAttention


def check_layers(module: nn.Module) -> None:
    """Check every integer layer below ``module``.

    Raises:
        WeightsError: naming the first one that breaks a bound.
    """
    for name, layer in module.named_modules():
        match layer:
            case ExactLinear():
                _check_sums(name, layer, layer.input.bound)
            case ExactDepthwise() | ExactHead():
                _check_sums(name, layer, P.ACT_LIMIT)
            case ExactTable() | ExactLevelTable():
                check_range(f"{name}.weight", layer.weight, -P.RESIDUAL_LIMIT, P.RESIDUAL_LIMIT)
            case ExactAttention():
                check_range(f"{name}.bias", layer.bias, -P.SCORE_LIMIT, P.SCORE_LIMIT)
                check_finite(f"{name}.multiplier", layer.multiplier)


def check_range(name: str, values: Tensor, low: int, high: int) -> None:
    """Raise WeightsError unless all integers lie in ``low``..``high``."""
    least, most = (int(value) for value in torch.aminmax(values))
    if least < low or most > high:
        raise WeightsError(f"{name}: {least if least < low else most} is not in {low}..{high}")


def check_finite(name: str, values: Tensor) -> None:
    """Raise WeightsError unless all floating-point numbers are finite."""
    if not all(bool(value.isfinite()) for value in torch.aminmax(values)):
        raise WeightsError(f"{name}: not all numbers are finite")


def _check_sums(name: str, layer: Any, bound: int) -> None:
    check_range(f"{name}.weight", layer.weight, -P.WEIGHT_LIMIT, P.WEIGHT_LIMIT)
    check_finite(f"{name}.multiplier", layer.multiplier)
    sums = layer.weight.flatten(1).abs().sum(1, dtype=torch.int64) * bound
    bias = layer.bias.to(torch.int64).abs()
    worst = int((sums + (bias if bias.dim() == 1 else bias.amax(0))).max())
    if worst >= P.FLOAT32_EXACT:
        raise WeightsError(f"{name}: a sum can reach {worst}, the exact limit is 2^24")
