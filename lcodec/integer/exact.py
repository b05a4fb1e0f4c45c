"""Integer layers of the parse path: the deployed form of the twins.

See `lcodec.integer.kit` for what the layers do. Tensors hold integers in the carrier's type. Each
layer ends in one rescaling: a single float32 multiplication by a stored constant, round half to
even, clamp. Nothing here depends on the order of summation, on fused operations or on the
library's choice of algorithm.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.format import QUALITY_LEVELS
from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier
from lcodec.integer.condition import Condition
from lcodec.integer.exactattention import ExactAttention, ExactMemory, ExactRecall
from lcodec.integer.kit import (
    ACT,
    HYPER,
    LATENT,
    RELU,
    RESIDUAL,
    Depthwise,
    Format,
    Head,
    LevelTable,
    Linear,
    Norm,
    Table,
)
from lcodec.integer.prepared import Prepared, rescale, store

_MEAN = Format(P.MEAN_SCALE, -P.HEAD_MEAN_LIMIT, P.HEAD_MEAN_LIMIT)
_INDEX = Format(1, 0, P.SCALE_LEVELS - 1)


class ExactLinear(Linear, Prepared):
    """See `Linear`: int8 weight, int32 bias, float32 multiplier."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(
        self, carrier: Carrier, n_in: int, n_out: int, output: Format, input: Format = ACT
    ) -> None:
        super().__init__(n_in, n_out, output, input)
        self.carrier = carrier
        store(self, "weight", (n_out, n_in), torch.int8)
        store(self, "bias", (n_out,), torch.int32)
        store(self, "multiplier", (n_out,), torch.float32)

    def prepare(self) -> None:
        self._weight = self.carrier.prepare(self.weight)
        self._bias = self.bias.to(self.carrier.dtype)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.reshape(-1, x.shape[-1])
        product = self.carrier.wide_linear if self.input.wide else self.carrier.linear
        total = product(flat, self._weight) + self._bias
        y = rescale(total, self.multiplier, self.output, self.carrier.dtype)
        return y.view(*x.shape[:-1], -1)


class ExactDepthwise(Depthwise, Prepared):
    """See `Depthwise`: a sum of shifted products."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__(width)
        self.carrier = carrier
        store(self, "weight", (width, 3, 3), torch.int8)
        store(self, "bias", (width,), torch.int32)
        store(self, "multiplier", (width,), torch.float32)

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
        return rescale(total, self.multiplier, RELU, self.carrier.dtype)


class ExactNorm(Norm):
    """See `Norm`: exact integer sum of squares, exact integer root, one division."""

    PRECISION = 4096  # the sum is scaled by this before its root is taken

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__(width)
        self.carrier = carrier
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
        return rescale(x, gain, ACT, self.carrier.dtype)


class ExactTable(Table, Prepared):
    """See `Table`: 16-bit vectors."""

    weight: Tensor

    def __init__(self, carrier: Carrier, rows: int, width: int) -> None:
        super().__init__()
        self.carrier = carrier
        store(self, "weight", (rows, width), torch.int16)

    def prepare(self) -> None:
        self._weight = self.weight.to(self.carrier.dtype)

    def forward(self, index: Tensor | slice) -> Tensor:
        return self._weight[index]


class ExactLevelTable(LevelTable, Prepared):
    """See `LevelTable`: a row for every level."""

    weight: Tensor

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__()
        self.carrier = carrier
        store(self, "weight", (QUALITY_LEVELS, width), torch.int16)

    def prepare(self) -> None:
        self._weight = self.weight.to(self.carrier.dtype)

    def forward(self, quality: Tensor) -> Tensor:
        return self._weight[quality]


class ExactHead(Head, Prepared):
    """See `Head`."""

    weight: Tensor
    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, n_in: int, channels: slice) -> None:
        super().__init__(n_in, channels)
        self.carrier = carrier
        by_level = (QUALITY_LEVELS, 2 * self.n_out)
        store(self, "weight", (2 * self.n_out, n_in), torch.int8)
        store(self, "bias", by_level, torch.int32)
        store(self, "multiplier", by_level, torch.float32)

    def prepare(self) -> None:
        self._weight = self.carrier.prepare(self.weight)

    def forward(self, x: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        level = condition.level
        total = self.carrier.linear(x.reshape(-1, x.shape[-1]), self._weight)
        total = total + self.bias[level].to(total.dtype)
        mean, index = total.view(*x.shape[:-1], -1).chunk(2, dim=-1)
        mean_factor, index_factor = self.multiplier[level].chunk(2)
        return (
            rescale(mean, mean_factor, _MEAN, torch.int32),
            rescale(index, index_factor, _INDEX, torch.int32),
        )


class ExactKit:
    """Makes integer layers over one carrier; see `Kit`."""

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier

    def linear(self, n_in: int, n_out: int, output: Format, input: Format = ACT) -> ExactLinear:
        return ExactLinear(self.carrier, n_in, n_out, output, input)

    def closing(self, n_in: int, n_out: int) -> ExactLinear:
        return self.linear(n_in, n_out, RESIDUAL)

    def embedding(self, n_in: int, n_out: int) -> ExactLinear:
        return self.linear(n_in, n_out, RESIDUAL, LATENT)

    def depthwise(self, width: int) -> ExactDepthwise:
        return ExactDepthwise(self.carrier, width)

    def norm(self, width: int) -> ExactNorm:
        return ExactNorm(self.carrier, width)

    def table(self, rows: int, width: int) -> ExactTable:
        return ExactTable(self.carrier, rows, width)

    def quality_table(self, width: int) -> ExactLevelTable:
        return ExactLevelTable(self.carrier, width)

    def attention(self, heads: int, head_width: int, entries: int) -> ExactAttention:
        return ExactAttention(self.carrier, heads, head_width, entries)

    def memory(self) -> ExactMemory:
        return ExactMemory(self.carrier)

    def recall(self) -> ExactRecall:
        return ExactRecall(self.carrier)

    def head(self, n_in: int, channels: slice) -> ExactHead:
        return ExactHead(self.carrier, n_in, channels)

    def hyper_input(self, z_hat: Tensor) -> Tensor:
        return z_hat.to(self.carrier.dtype).clamp(HYPER.low, HYPER.high)

    def latent_input(self, symbols: Tensor, multiplier: Tensor) -> Tensor:
        """Convert symbols (..., M) to 12-bit units of their deviation, by ``multiplier`` (M,)."""
        return rescale(symbols, multiplier, LATENT, self.carrier.dtype)

    def add(self, stream: Tensor, update: Tensor) -> Tensor:
        return (stream + update).clamp_(RESIDUAL.low, RESIDUAL.high)
