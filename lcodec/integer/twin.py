"""Trainable float twins of the integer layers (fake quantisation, straight-through gradients).

See `lcodec.integer.kit` for what the layers do and in which units; `lcodec.integer.exact`
computes the same in integers. ``TwinKit(rounding=False)`` gives the float network without
quantisation, for measuring what the integers cost.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lcodec.integer import profile as P
from lcodec.integer.condition import Condition
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
from lcodec.integer.likelihood import sigma_to_index
from lcodec.integer.quantise import (
    Rounding,
    integer_weight,
    proved,
    quantised_weight,
    real_weight,
    rescale_through,
    weight_steps,
    whole,
)
from lcodec.integer.trainable import Integers, TwinLayer
from lcodec.integer.twinattention import TwinAttention, TwinMemory, TwinRecall
from lcodec.modules.defaults import ANCHORS
from lcodec.modules.quality import QualityTable


class TwinLinear(Linear, TwinLayer):
    """See `Linear`."""

    def __init__(
        self, rounding: Rounding, n_in: int, n_out: int, output: Format, input: Format = ACT
    ) -> None:
        super().__init__(n_in, n_out, output, input)
        self.rounding = rounding
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * (1.0 / math.sqrt(n_in)))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def product(self, x: Tensor) -> Tensor:
        """The output in real units, not rounded."""
        if not self.rounding.enabled:
            return F.linear(x, self.weight / self.input.scale, self.bias)
        steps = weight_steps(self.weight, self.input.bound)
        # Integers up to 255 are exact in bfloat16, so autocast keeps this product faithful.
        total = F.linear(x, quantised_weight(self.weight, steps))
        return torch.addcmul(self.bias, total.float(), steps / self.input.scale)

    def forward(self, x: Tensor) -> Tensor:
        if self.output == RESIDUAL:
            return self.rounding.stream(self.product(x))
        ratio, bias = self.output.scale / self.input.scale, self.bias * self.output.scale
        if not self.rounding.enabled:
            y = F.linear(x, self.weight * ratio, bias)
            return F.relu(y) if self.output == RELU else y
        steps = weight_steps(self.weight, self.input.bound)
        total = F.linear(x, quantised_weight(self.weight, steps))
        return rescale_through(total, steps * ratio, bias, self.output.low, self.output.high)

    def to_integers(self, deviation: Tensor) -> Integers:
        weight, steps = integer_weight(self.weight, self.input.bound)
        unit = steps / self.input.scale
        bias = torch.round(self.bias.detach().double() / unit)
        return proved(weight, bias, unit * self.output.scale, self.input.bound)

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        unit = stored["multiplier"].double() / self.output.scale
        self.weight.copy_(real_weight(stored["weight"], unit * self.input.scale))
        self.bias.copy_(stored["bias"].double() * unit)

    @property
    def writes_stream(self) -> bool:
        return self.output == RESIDUAL


class TwinEmbedding(Linear, TwinLayer):
    """See `Kit.embedding`."""

    writes_stream = True

    def __init__(self, rounding: Rounding, n_in: int, n_out: int) -> None:
        super().__init__(n_in, n_out, RESIDUAL, LATENT)
        self.linear = TwinLinear(rounding, n_in, n_out, RESIDUAL, LATENT)

    def forward(self, x: Tensor) -> Tensor:
        # 12-bit operands do not fit bfloat16.
        with torch.autocast(x.device.type, enabled=False):
            return self.linear(x.float())

    def to_integers(self, deviation: Tensor) -> Integers:
        return self.linear.to_integers(deviation)

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        self.linear.from_integers(stored, deviation)


class TwinDepthwise(Depthwise, TwinLayer):
    """See `Depthwise`."""

    def __init__(self, rounding: Rounding, width: int) -> None:
        super().__init__(width)
        self.rounding = rounding
        self.weight = nn.Parameter(torch.randn(width, 3, 3) / 3.0)
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        weight: Tensor = self.weight
        if self.rounding.enabled:
            steps = weight_steps(weight)
            weight = quantised_weight(weight, steps) * steps[:, None, None]
        bias = self.bias * ACT.scale
        y = F.conv2d(x.permute(0, 3, 1, 2), weight[:, None], bias, padding=1, groups=self.width)
        return self.rounding(F.relu(y.permute(0, 2, 3, 1)), RELU.low, RELU.high)

    def to_integers(self, deviation: Tensor) -> Integers:
        weight, steps = integer_weight(self.weight)
        bias = torch.round(self.bias.detach().double() / (steps / ACT.scale))
        return proved(weight, bias, steps)

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        steps = stored["multiplier"].double()
        self.weight.copy_(real_weight(stored["weight"], steps))
        self.bias.copy_(stored["bias"] * (steps / ACT.scale))


class TwinNorm(Norm, TwinLayer):
    """See `Norm`."""

    def __init__(self, rounding: Rounding, width: int) -> None:
        super().__init__(width)
        self.rounding = rounding

    def forward(self, x: Tensor) -> Tensor:
        x = x.float()
        gain = ACT.scale * torch.rsqrt(x.square().mean(-1, keepdim=True) + P.NORM_EPSILON)
        return self.rounding(x * gain, ACT.low, ACT.high)


class TwinTable(Table, TwinLayer):
    """See `Table`."""

    writes_stream = True

    def __init__(self, rows: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, width) * 0.02)

    def forward(self, index: Tensor | slice) -> Tensor:
        return self.weight[index]

    def to_integers(self, deviation: Tensor) -> Integers:
        return {"weight": whole(self.weight, RESIDUAL).to(torch.int16)}

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        self.weight.copy_(stored["weight"].float() / RESIDUAL.scale)


class TwinLevelTable(QualityTable, LevelTable, TwinLayer):
    """See `LevelTable`: interpolated between anchors."""

    writes_stream = True

    def to_integers(self, deviation: Tensor) -> Integers:
        return {"weight": whole(self.levels(), RESIDUAL).to(torch.int16)}

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        self.fit_levels(stored["weight"].float() / RESIDUAL.scale)


class TwinHead(Head, TwinLayer):
    """See `Head`."""

    def __init__(self, rounding: Rounding, n_in: int, channels: slice) -> None:
        super().__init__(n_in, channels)
        self.rounding = rounding
        self.linear = TwinLinear(rounding, n_in, 2 * self.n_out, RESIDUAL)
        nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        mean, index = self.linear.product(x).float().chunk(2, dim=-1)
        deviation = condition.deviation[:, self.channels]
        shape = (deviation.shape[0], *([1] * (x.dim() - 2)), deviation.shape[1])
        spread = deviation.view(shape)
        limit = P.HEAD_MEAN_LIMIT
        mean = self.rounding(mean * spread * P.MEAN_SCALE, -limit, limit) / P.MEAN_SCALE
        return mean, index * P.HEAD_INDEX_GAIN + sigma_to_index(spread)

    def to_integers(self, deviation: Tensor) -> Integers:
        own = deviation[:, self.channels]
        weight, steps = integer_weight(self.linear.weight)
        mean_unit, index_unit = (steps / ACT.scale).chunk(2)
        mean_bias, index_bias = self.linear.bias.detach().double().chunk(2)
        index_step = index_unit * P.HEAD_INDEX_GAIN
        means = torch.round(mean_bias / mean_unit).expand_as(own)
        indices = torch.round((index_bias * P.HEAD_INDEX_GAIN + sigma_to_index(own)) / index_step)
        steps = torch.cat((mean_unit * own * P.MEAN_SCALE, index_step.expand_as(own)), dim=1)
        return proved(weight, torch.cat((means, indices), dim=1), steps)

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        own = deviation[:, self.channels]
        mean_step, index_step = stored["multiplier"].double().chunk(2, dim=1)
        mean_unit = (mean_step / (own * P.MEAN_SCALE)).mean(0)
        unit = torch.cat((mean_unit, index_step.mean(0) / P.HEAD_INDEX_GAIN))
        mean_bias, index_bias = stored["bias"].double().chunk(2, dim=1)
        index_bias = (index_bias * index_step - sigma_to_index(own)).mean(0) / P.HEAD_INDEX_GAIN
        self.linear.weight.copy_(real_weight(stored["weight"], unit * ACT.scale))
        self.linear.bias.copy_(torch.cat((mean_bias.mean(0) * mean_unit, index_bias)))


class TwinKit:
    """Makes trainable layers; see `Kit`. ``anchors`` is the number of rows of quality tables."""

    def __init__(self, rounding: bool = True, anchors: int = ANCHORS) -> None:
        self.rounding = Rounding(rounding)
        self.anchors = anchors

    def linear(self, n_in: int, n_out: int, output: Format, input: Format = ACT) -> TwinLinear:
        return TwinLinear(self.rounding, n_in, n_out, output, input)

    def closing(self, n_in: int, n_out: int) -> TwinLinear:
        layer = self.linear(n_in, n_out, RESIDUAL)
        nn.init.zeros_(layer.weight)
        return layer

    def embedding(self, n_in: int, n_out: int) -> TwinEmbedding:
        return TwinEmbedding(self.rounding, n_in, n_out)

    def depthwise(self, width: int) -> TwinDepthwise:
        return TwinDepthwise(self.rounding, width)

    def norm(self, width: int) -> TwinNorm:
        return TwinNorm(self.rounding, width)

    def table(self, rows: int, width: int) -> TwinTable:
        return TwinTable(rows, width)

    def quality_table(self, width: int) -> TwinLevelTable:
        return TwinLevelTable(self.anchors, width)

    def attention(self, heads: int, head_width: int, entries: int) -> TwinAttention:
        return TwinAttention(self.rounding, heads, head_width, entries)

    def memory(self) -> TwinMemory:
        return TwinMemory(self.rounding)

    def recall(self) -> TwinRecall:
        return TwinRecall(self.rounding)

    def head(self, n_in: int, channels: slice) -> TwinHead:
        return TwinHead(self.rounding, n_in, channels)

    def hyper_input(self, z_hat: Tensor) -> Tensor:
        return self.rounding(z_hat, HYPER.low, HYPER.high)

    def latent_input(self, y_hat: Tensor, deviation: Tensor) -> Tensor:
        """Convert latents (B, M, h, w) from steps to 12-bit units of their deviation (B, M)."""
        scaled = y_hat * (LATENT.scale / deviation)[:, :, None, None]
        return self.rounding(scaled, LATENT.low, LATENT.high)

    def add(self, stream: Tensor, update: Tensor) -> Tensor:
        return self.rounding.stream(stream + update)
