"""Discretised logistic likelihood: the float form of the frozen tables, for training."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.integer import profile as P

_SCALE_PER_SIGMA = math.sqrt(3.0) / math.pi  # logistic scale parameter per standard deviation
_NATS_TO_BITS = 1.0 / math.log(2.0)


def index_to_sigma(index: Tensor) -> Tensor:
    """Standard deviation in steps for a (real) scale index; indices clamp to 0..63.

    Beyond the ends, 1 % of the gradient passes, so that an index can return into the range.
    """
    clamped = index.clamp(0, P.SCALE_LEVELS - 1)
    leak = index - index.detach()  # zero, carries a gradient beyond the ends
    index = clamped + 0.01 * leak * (clamped != index)
    return torch.exp(P.LOG_SIGMA_MIN + index * P.LOG_SIGMA_STEP)


def sigma_to_index(sigma: Tensor) -> Tensor:
    """Real scale index of a standard deviation in steps, not clamped."""
    return (sigma.log() - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP


def logistic_bits(value: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """Bits of the unit bin around ``value`` under a logistic; all tensors of one shape."""
    inverse = 1.0 / (sigma * _SCALE_PER_SIGMA)
    distance = (value - mean).abs()
    upper = (0.5 - distance) * inverse
    lower = (-0.5 - distance) * inverse
    # F(u) - F(l) = e^u (1 - e^(l-u)) / ((1 + e^u)(1 + e^l)), stable in logarithms.
    nats = F.softplus(-upper) + F.softplus(lower) - torch.log(-torch.expm1(-inverse))
    return nats * _NATS_TO_BITS
