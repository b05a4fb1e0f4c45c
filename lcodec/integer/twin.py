"""Trainable float twins of the integer layers (fake quantisation, straight-through gradients).

Activations are carried in the units of the integer form (1/16), the residual stream in real units.
`lcodec.integer.exact` computes the same in integers. Both kits offer the same constructors,
so a network's topology is written once over a kit. `TwinKit(rounding=False)` gives the float
network without quantisation, for measuring what the integers cost.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lcodec.integer import profile as P
from lcodec.integer.condition import Condition
from lcodec.nets.quality import QualityTable

_LN2 = math.log(2.0)


class _Round(torch.autograd.Function):
    """Round and clamp; the gradient passes where the value lies inside the range."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        rounded = torch.round(value)
        ctx.save_for_backward((rounded >= low) & (rounded <= high))
        return rounded.clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None


class _Rescale(torch.autograd.Function):
    """``clamp(round(total * factor + bias))`` over the last axis, in the type of ``total``."""

    @staticmethod
    def forward(
        ctx: Any, total: Tensor, factor: Tensor, bias: Tensor, low: float, high: float
    ) -> Tensor:
        rounded = torch.addcmul(bias, total.float(), factor).round_()
        ctx.save_for_backward((rounded >= low) & (rounded <= high), factor)
        return rounded.clamp_(low, high).to(total.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, None, None]:
        inside, factor = ctx.saved_tensors
        grad = grads[0] * inside
        to_total = grad * factor.to(grad.dtype)
        return to_total, None, grad.flatten(0, -2).sum(0).float(), None, None


class Rounding:
    """Switch shared by all layers of one network."""

    def __init__(self, enabled: bool) -> None:
        self.enabled = enabled

    def __call__(self, value: Tensor, low: int, high: int) -> Tensor:
        """Round to whole numbers in ``[low, high]``."""
        if not self.enabled:
            return value
        result: Tensor = _Round.apply(value, low, high)  # type: ignore[no-untyped-call]
        return result


def weight_steps(weight: Tensor, input_limit: int = P.ACT_LIMIT) -> Tensor:
    """Step per output channel (first axis) that brings the largest weight to the 7-bit limit.

    It is coarser where so many inputs, up to ``input_limit``, could add up to an inexact sum.
    """
    rows = weight.detach().flatten(1).abs()
    steps = rows.amax(dim=1).clamp(min=P.WEIGHT_LIMIT * P.MIN_WEIGHT_STEP) / P.WEIGHT_LIMIT
    if rows.shape[1] * P.WEIGHT_LIMIT * input_limit < P.FLOAT32_EXACT:
        return steps
    # A tenth is left to the bias; each rounding may add a half.
    most = 0.9 * P.FLOAT32_EXACT / input_limit - 0.5 * rows.shape[1]
    return torch.maximum(steps, rows.sum(dim=1) / most)


def quantised_weight(weight: Tensor, steps: Tensor) -> Tensor:
    """Integer-valued weights with straight-through gradient (scaled by 1 / steps)."""
    scaled = weight / steps.reshape(-1, *([1] * (weight.dim() - 1)))
    return scaled + (torch.round(scaled) - scaled).detach()


class TwinLinear(nn.Module):
    """``x @ w + b`` over the last axis; see `ExactLinear` for the integer form.

    ``kind`` of the output: ``act`` signed 8 bit, ``relu`` rectified 8 bit, ``residual`` 16 bit.
    """

    def __init__(
        self,
        rounding: Rounding,
        n_in: int,
        n_out: int,
        kind: str,
        input_scale: int = P.ACT_SCALE,
        closed: bool = False,
    ) -> None:
        super().__init__()
        self.rounding = rounding
        self.kind = kind
        self.input_scale = input_scale
        start = 0.0 if closed else 1.0 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * start)
        self.bias = nn.Parameter(torch.zeros(n_out))

    @property
    def input_limit(self) -> int:
        """The largest input's size."""
        return P.LATENT_LIMIT + 1 if self.input_scale == P.LATENT_SCALE else P.ACT_LIMIT

    def product(self, x: Tensor) -> Tensor:
        """The output in real units, not rounded."""
        if not self.rounding.enabled:
            return F.linear(x, self.weight / self.input_scale, self.bias)
        steps = weight_steps(self.weight, self.input_limit)
        # Integers up to 255 are exact in bfloat16, so autocast keeps this product faithful.
        total = F.linear(x, quantised_weight(self.weight, steps))
        return torch.addcmul(self.bias, total.float(), steps / self.input_scale)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "residual":
            return self.product(x)
        low = 0 if self.kind == "relu" else -P.ACT_LIMIT
        ratio = P.ACT_SCALE / self.input_scale
        if not self.rounding.enabled:
            y = F.linear(x, self.weight * ratio, self.bias * P.ACT_SCALE)
            return F.relu(y) if self.kind == "relu" else y
        steps = weight_steps(self.weight, self.input_limit)
        total = F.linear(x, quantised_weight(self.weight, steps))
        bias = self.bias * P.ACT_SCALE
        result: Tensor = _Rescale.apply(  # type: ignore[no-untyped-call]
            total, steps * ratio, bias, low, P.ACT_LIMIT
        )
        return result


class TwinDepthwise(nn.Module):
    """3x3 depthwise convolution over (B, h, w, C), zero padding, rectified 8-bit output."""

    def __init__(self, rounding: Rounding, width: int) -> None:
        super().__init__()
        self.rounding = rounding
        self.weight = nn.Parameter(torch.randn(width, 3, 3) / 3.0)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if self.rounding.enabled:
            steps = weight_steps(weight)
            weight = quantised_weight(weight, steps) * steps[:, None, None]
        bias = self.bias * P.ACT_SCALE
        y = F.conv2d(
            x.permute(0, 3, 1, 2), weight[:, None], bias, padding=1, groups=weight.shape[0]
        )
        return self.rounding(F.relu(y.permute(0, 2, 3, 1)), 0, P.ACT_LIMIT)


class TwinNorm(nn.Module):
    """Root-mean-square norm of the residual stream over the last axis, to 8-bit activations."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.rounding = rounding

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        gain = P.ACT_SCALE * torch.rsqrt(x.square().mean(-1, keepdim=True) + P.NORM_EPSILON)
        return self.rounding(x * gain, -P.ACT_LIMIT, P.ACT_LIMIT)


class TwinEmbedding(nn.Module):
    """Linear map of 12-bit latents (in units of their deviation) into the residual stream."""

    def __init__(self, rounding: Rounding, n_in: int, n_out: int) -> None:
        super().__init__()
        self.linear = TwinLinear(rounding, n_in, n_out, "residual", P.LATENT_SCALE)

    def forward(self, x: Tensor) -> Tensor:
        # 12-bit operands do not fit bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            return self.linear(x.float())


class TwinTable(nn.Module):
    """Rows of learned vectors in the residual stream."""

    def __init__(self, rows: int, width: int, deviation: float = 0.02) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, width) * deviation)

    def forward(self, index: Tensor | slice) -> Tensor:
        return self.weight[index]


class TwinAttention(nn.Module):
    """Softmax attention with a learned bias per head and entry of a table.

    ``forward(q, k, v, index, mask)``: q (N, heads, n, e), k and v (N, heads, m, e); ``index``
    (n, m) names the table's entry of each pair; ``mask`` broadcasts to (N, heads, n, m), true
    where a key is seen (at least one for each query). Output (N, heads, n, e), 8 bit.
    """

    def __init__(self, rounding: Rounding, heads: int, head_width: int, entries: int) -> None:
        super().__init__()
        self.rounding = rounding
        self.head_width = head_width
        self.bias = nn.Parameter(torch.zeros(heads, entries))

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, index: Tensor, mask: Tensor | None
    ) -> Tensor:
        bias = self.bias[:, index.flatten()].view(-1, *index.shape)
        factor = 1.0 / (P.ACT_SCALE**2 * math.sqrt(self.head_width))
        scores = torch.matmul(q, k.transpose(-1, -2)).float() * factor + bias
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        mixed = torch.matmul(torch.softmax(scores, dim=-1), v)
        return self.rounding(mixed, -P.ACT_LIMIT, P.ACT_LIMIT)


class TwinLinearAttention(nn.Module):
    """What both halves of linear attention share: softmax to the base 2, not normalised.

    Attention in time and memory linear in the positions (Shen et al., arXiv 1812.01243): keys
    are softmaxed over positions, queries over their channels. Sums run over thousands of
    products, too many for bfloat16, hence no autocast.
    """

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.rounding = rounding

    def _weights(self, scores: Tensor, axis: int) -> Tensor:
        scores = scores.float()
        below = scores.detach().amax(dim=axis, keepdim=True) - scores
        weights = P.SCORE_WEIGHT_MAX * torch.exp2(below * (-1.0 / P.ACT_SCALE))
        if not self.rounding.enabled:
            return weights
        return weights + (torch.round(weights) - weights).detach()


class TwinMemory(TwinLinearAttention):
    """Mean of the values under each channel of the keys.

    ``forward(k, v)``: k (N, heads, m, e), v (N, heads, m, c), both 8 bit -> (N, heads, e, c) in
    the units of the residual stream.
    """

    def forward(self, k: Tensor, v: Tensor) -> Tensor:
        with torch.autocast(k.device.type, enabled=False):
            weights = self._weights(k, -2)
            total = torch.matmul(weights.transpose(-1, -2), v.float())
            return total / (weights.sum(-2)[..., None] * P.ACT_SCALE)


class TwinRecall(TwinLinearAttention):
    """What queries find in a memory: its rows, mixed by the query's channels.

    ``forward(q, memory)``: q (N, heads, n, e), 8 bit; memory (N, heads, e, c) -> (N, heads, n, c)
    in the residual stream.
    """

    def forward(self, q: Tensor, memory: Tensor) -> Tensor:
        with torch.autocast(q.device.type, enabled=False):
            weights = self._weights(q, -1)
            return torch.matmul(weights, memory) / weights.sum(-1, keepdim=True)


class TwinHead(nn.Module):
    """Activations -> mean in steps and real scale index, for latents first..first + n_out."""

    def __init__(self, rounding: Rounding, n_in: int, first: int, n_out: int) -> None:
        super().__init__()
        self.rounding = rounding
        self.channels = slice(first, first + n_out)
        self.linear = TwinLinear(rounding, n_in, 2 * n_out, "residual")
        nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """``x`` (B, ..., n_in) -> two (B, ..., n_out)."""
        mean, index = self.linear.product(x).float().chunk(2, dim=-1)
        deviation = condition.deviation[:, self.channels]
        shape = (deviation.shape[0], *([1] * (x.dim() - 2)), deviation.shape[1])
        spread = deviation.view(shape)
        mean = self.rounding(mean * spread * P.MEAN_SCALE, -P.MEAN_LIMIT, P.MEAN_LIMIT)
        mean = mean / P.MEAN_SCALE
        offset = (spread.log() - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP
        return mean, index * P.HEAD_INDEX_GAIN + offset


class TwinKit:
    """Constructors of the trainable layers."""

    def __init__(self, rounding: bool = True) -> None:
        self.rounding = Rounding(rounding)

    def linear(
        self,
        n_in: int,
        n_out: int,
        kind: str,
        input_scale: int = P.ACT_SCALE,
        closed: bool = False,
    ) -> TwinLinear:
        """A linear layer; ``closed`` starts it at zero, so that its block starts as identity."""
        return TwinLinear(self.rounding, n_in, n_out, kind, input_scale, closed)

    def depthwise(self, width: int) -> TwinDepthwise:
        return TwinDepthwise(self.rounding, width)

    def norm(self, width: int) -> TwinNorm:
        return TwinNorm(self.rounding)

    def embedding(self, n_in: int, n_out: int) -> TwinEmbedding:
        return TwinEmbedding(self.rounding, n_in, n_out)

    def table(self, rows: int, width: int) -> TwinTable:
        return TwinTable(rows, width)

    def quality_table(self, anchors: int, width: int) -> QualityTable:
        return QualityTable(anchors, width)

    def attention(self, heads: int, head_width: int, entries: int) -> TwinAttention:
        return TwinAttention(self.rounding, heads, head_width, entries)

    def memory(self) -> TwinMemory:
        return TwinMemory(self.rounding)

    def recall(self) -> TwinRecall:
        return TwinRecall(self.rounding)

    def head(self, n_in: int, first: int, n_out: int) -> TwinHead:
        return TwinHead(self.rounding, n_in, first, n_out)

    def hyper_input(self, z_hat: Tensor) -> Tensor:
        """Bring hyper-latents to the range of the first layer."""
        return self.rounding(z_hat, -P.HYPER_LIMIT, P.HYPER_LIMIT)

    def latent_input(self, y_hat: Tensor, deviation: Tensor) -> Tensor:
        """Latents (B, M, h, w) in steps to 12-bit units of their deviation (B, M)."""
        scaled = y_hat * (P.LATENT_SCALE / deviation)[:, :, None, None]
        return self.rounding(scaled, -P.LATENT_LIMIT, P.LATENT_LIMIT)

    def add(self, stream: Tensor, update: Tensor) -> Tensor:
        """Add to the residual stream."""
        return stream + update
