"""Integer layers of the parse path: the deployed form of the twins.

Tensors hold integers in the carrier's type. Each layer ends in one rescaling: a single float32
multiplication by a stored constant, round half to even, clamp. Nothing here depends on the order
of summation, on fused operations or on the library's choice of algorithm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier
from lcodec.integer.condition import Condition

LIMITS = {
    "act": (-P.ACT_LIMIT, P.ACT_LIMIT),
    "relu": (0, P.ACT_LIMIT),
    "residual": (-P.RESIDUAL_LIMIT, P.RESIDUAL_LIMIT),
}


def rescale(total: Tensor, multiplier: Tensor, low: int, high: int, dtype: torch.dtype) -> Tensor:
    """One float32 multiplication, round half to even, clamp."""
    return torch.round(total.to(torch.float32) * multiplier).clamp_(low, high).to(dtype)


class Prepared(nn.Module):
    """A layer that derives working tensors from its stored integers after loading."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__()
        self.carrier = carrier

    def prepare(self) -> None:
        """Derive the working tensors; called once after loading and moving to a device."""

    def _store(self, name: str, shape: Sequence[int], dtype: torch.dtype) -> None:
        self.register_buffer(name, torch.zeros(tuple(shape), dtype=dtype))


class ExactLinear(Prepared):
    """Integer linear layer over the last axis: int8 weight, int32 bias, float32 multiplier."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(
        self, carrier: Carrier, n_in: int, n_out: int, kind: str, wide: bool = False
    ) -> None:
        super().__init__(carrier)
        self.limits = LIMITS[kind]
        self.wide = wide
        self._store("weight", (n_out, n_in), torch.int8)
        self._store("bias", (n_out,), torch.int32)
        self._store("multiplier", (n_out,), torch.float32)

    def prepare(self) -> None:
        self._weight = self.carrier.prepare(self.weight)
        self._bias = self.bias.to(self.carrier.dtype)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        product = self.carrier.wide_linear if self.wide else self.carrier.linear
        total = product(flat, self._weight) + self._bias
        y = rescale(total, self.multiplier, *self.limits, self.carrier.dtype)
        return y.view(*x.shape[:-1], -1)


class ExactDepthwise(Prepared):
    """3x3 depthwise convolution over (B, h, w, C) as a sum of shifted products, rectified."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__(carrier)
        self._store("weight", (width, 3, 3), torch.int8)
        self._store("bias", (width,), torch.int32)
        self._store("multiplier", (width,), torch.float32)

    def prepare(self) -> None:
        self._taps = self.weight.permute(1, 2, 0).to(self.carrier.dtype)
        self._bias = self.bias.to(self.carrier.dtype)

    def forward(self, x: Tensor) -> Tensor:
        h, w = x.shape[1:3]
        padded = F.pad(x, (0, 0, 1, 1, 1, 1))
        total = self._bias.expand(x.shape)
        for row in range(3):
            for column in range(3):
                shifted = padded[:, row : row + h, column : column + w]
                total = total + shifted * self._taps[row, column]
        return rescale(total, self.multiplier, 0, P.ACT_LIMIT, self.carrier.dtype)


class ExactNorm(Prepared):
    """Root-mean-square norm: exact integer sum of squares, exact integer root, one division."""

    PRECISION = 4096  # the sum is scaled by this before its root is taken

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__(carrier)
        self.epsilon = round(P.NORM_EPSILON * P.RESIDUAL_SCALE**2) * width
        self.numerator = P.ACT_SCALE * math.sqrt(self.PRECISION) * math.sqrt(width)

    def forward(self, x: Tensor) -> Tensor:
        squares = x.to(torch.float64).square().sum(-1, keepdim=True)
        scaled = (squares + self.epsilon) * self.PRECISION  # below 2^52
        root = torch.floor(torch.sqrt(scaled))
        # Whatever the last bit of the library's square root, this is the integer root.
        root = root - (root * root > scaled).to(torch.float64)
        root = root + ((root + 1) * (root + 1) <= scaled).to(torch.float64)
        # A scalar divided by a tensor would be a reciprocal and a product, two roundings.
        gain = torch.div(torch.full_like(root, self.numerator), root).to(torch.float32)
        return rescale(x, gain, -P.ACT_LIMIT, P.ACT_LIMIT, self.carrier.dtype)


class ExactTable(Prepared):
    """Rows of 16-bit vectors in the residual stream."""

    weight: Tensor

    def __init__(self, carrier: Carrier, rows: int, width: int) -> None:
        super().__init__(carrier)
        self._store("weight", (rows, width), torch.int16)

    def prepare(self) -> None:
        self._weight = self.weight.to(self.carrier.dtype)

    def forward(self, index: Tensor | slice) -> Tensor:
        return self._weight[index]


class ExactAttention(Prepared):
    """Integer softmax attention: scores in 1/32 octaves, weights from a table, one division.

    See `TwinAttention` for the shapes.
    """

    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, heads: int, entries: int) -> None:
        super().__init__(carrier)
        self._store("bias", (heads, entries), torch.int32)
        self._store("multiplier", (1,), torch.float32)

    def prepare(self) -> None:
        self._bias = self.bias.to(torch.float32)
        self._table = torch.tensor(
            P.score_table(), dtype=self.carrier.dtype, device=self.multiplier.device
        )

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, index: Tensor, mask: Tensor | None
    ) -> Tensor:
        dtype = self.carrier.dtype
        products = torch.matmul(q, k.transpose(-1, -2))
        scores = rescale(products, self.multiplier, -P.SCORE_LIMIT, P.SCORE_LIMIT, torch.float32)
        scores = scores + self._bias[:, index.flatten()].view(-1, *index.shape)
        if mask is not None:
            scores = scores.masked_fill(~mask, -4.0 * P.SCORE_LIMIT)
        below = scores.amax(dim=-1, keepdim=True) - scores
        steps = below.clamp_(max=P.SCORE_TABLE_SIZE - 1).to(torch.int32)
        weights = self._table[steps]
        total = weights.sum(-1, keepdim=True, dtype=dtype).to(torch.float32)
        mixed = torch.matmul(weights, v).to(torch.float32)
        return torch.round(mixed / total).to(dtype)


class ExactLinearAttention(Prepared):
    """What both halves of linear attention share: weights from the table, exact divisions.

    Sums over positions exceed 2^24, so they are taken in a type that is exact up to 2^53.
    """

    table: Tensor
    STEPS = P.OCTAVE // P.ACT_SCALE  # of the table for one unit of an activation

    def __init__(self, carrier: Carrier) -> None:
        super().__init__(carrier)
        self.wide = torch.float64 if carrier.dtype.is_floating_point else torch.int64
        table = torch.tensor(P.score_table(), dtype=self.wide)
        self.register_buffer("table", table, persistent=False)

    def _weights(self, scores: Tensor, axis: int) -> Tensor:
        below = scores.amax(dim=axis, keepdim=True) - scores
        steps = (below * self.STEPS).clamp_(max=P.SCORE_TABLE_SIZE - 1)
        return self.table[steps.to(torch.int32)]

    def _quotient(self, total: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
        return torch.round(total.to(torch.float64) / weight.to(torch.float64)).to(dtype)


class ExactMemory(ExactLinearAttention):
    """See `TwinMemory`. The memory stays in the wide type."""

    def forward(self, k: Tensor, v: Tensor) -> Tensor:
        weights = self._weights(k, -2)
        total = torch.matmul(weights.transpose(-1, -2), v.to(self.wide))
        total = total * (P.RESIDUAL_SCALE // P.ACT_SCALE)
        return self._quotient(total, weights.sum(-2)[..., None], self.wide)


class ExactRecall(ExactLinearAttention):
    """See `TwinRecall`."""

    def forward(self, q: Tensor, memory: Tensor) -> Tensor:
        weights = self._weights(q, -1)
        total = torch.matmul(weights, memory)
        return self._quotient(total, weights.sum(-1, keepdim=True), self.carrier.dtype)


class ExactHead(Prepared):
    """Activations -> mean in sixteenths of a step, and scale index; constants per quality."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, n_in: int, n_out: int, levels: int) -> None:
        super().__init__(carrier)
        self._store("weight", (2 * n_out, n_in), torch.int8)
        self._store("bias", (levels, 2 * n_out), torch.int32)
        self._store("multiplier", (levels, 2 * n_out), torch.float32)

    def prepare(self) -> None:
        self._weight = self.carrier.prepare(self.weight)

    def forward(self, x: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """(..., n_in) -> int32 mean and index (..., n_out)."""
        level = condition.level
        total = self.carrier.linear(x.reshape(-1, x.shape[-1]), self._weight)
        total = total + self.bias[level].to(total.dtype)
        mean, index = total.view(*x.shape[:-1], -1).chunk(2, dim=-1)
        mean_factor, index_factor = self.multiplier[level].chunk(2)
        return (
            rescale(mean, mean_factor, -P.MEAN_LIMIT, P.MEAN_LIMIT, torch.int32),
            rescale(index, index_factor, 0, P.SCALE_LEVELS - 1, torch.int32),
        )


class ExactKit:
    """Constructors of the integer layers over one carrier."""

    def __init__(self, carrier: Carrier, levels: int = 101) -> None:
        self.carrier = carrier
        self.levels = levels

    def linear(
        self,
        n_in: int,
        n_out: int,
        kind: str,
        input_scale: int = P.ACT_SCALE,
        closed: bool = False,
    ) -> ExactLinear:
        return ExactLinear(self.carrier, n_in, n_out, kind)

    def depthwise(self, width: int) -> ExactDepthwise:
        return ExactDepthwise(self.carrier, width)

    def norm(self, width: int) -> ExactNorm:
        return ExactNorm(self.carrier, width)

    def embedding(self, n_in: int, n_out: int) -> ExactLinear:
        return ExactLinear(self.carrier, n_in, n_out, "residual", wide=True)

    def table(self, rows: int, width: int) -> ExactTable:
        return ExactTable(self.carrier, rows, width)

    def quality_table(self, anchors: int, width: int) -> ExactTable:
        return ExactTable(self.carrier, self.levels, width)

    def attention(self, heads: int, head_width: int, entries: int) -> ExactAttention:
        return ExactAttention(self.carrier, heads, entries)

    def memory(self) -> ExactMemory:
        return ExactMemory(self.carrier)

    def recall(self) -> ExactRecall:
        return ExactRecall(self.carrier)

    def head(self, n_in: int, first: int, n_out: int) -> ExactHead:
        return ExactHead(self.carrier, n_in, n_out, self.levels)

    def hyper_input(self, z_hat: Tensor) -> Tensor:
        """Hyper-latents as 8-bit integers."""
        return z_hat.to(self.carrier.dtype).clamp(-P.HYPER_LIMIT, P.HYPER_LIMIT)

    def add(self, stream: Tensor, update: Tensor) -> Tensor:
        """Add to the 16-bit residual stream."""
        return (stream + update).clamp_(-P.RESIDUAL_LIMIT, P.RESIDUAL_LIMIT)


def prepare_all(module: nn.Module) -> None:
    """Prepare every integer layer below ``module``."""
    for child in module.modules():
        if isinstance(child, Prepared):
            child.prepare()
