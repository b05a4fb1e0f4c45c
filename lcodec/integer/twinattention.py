"""Trainable twins of the layers of attention; see `lcodec.integer.twin`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from lcodec.integer import profile as P
from lcodec.integer.kit import ACT, Attention, Memory, Recall
from lcodec.integer.quantise import Rounding, octave_weights
from lcodec.integer.trainable import Integers, TwinLayer


class TwinAttention(Attention, TwinLayer):
    """See `Attention`."""

    STEPS = P.OCTAVE / math.log(2.0)  # integer steps per unit of a score

    def __init__(self, rounding: Rounding, heads: int, head_width: int, entries: int) -> None:
        super().__init__(heads, head_width, entries)
        self.rounding = rounding
        self.bias = nn.Parameter(torch.zeros(heads, entries))

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, index: Tensor, mask: Tensor | None
    ) -> Tensor:
        bias = self.bias[:, index.flatten()].view(-1, *index.shape)
        factor = 1.0 / (ACT.scale**2 * math.sqrt(self.head_width))
        scores = torch.matmul(q, k.transpose(-1, -2)).float() * factor + bias
        if mask is not None:
            scores = scores.masked_fill(~mask, float("-inf"))
        mixed = torch.matmul(torch.softmax(scores, dim=-1), v)
        return self.rounding(mixed, ACT.low, ACT.high)

    def to_integers(self, deviation: Tensor) -> Integers:
        bias = torch.round(self.bias.detach().double() * self.STEPS)
        multiplier = self.STEPS / (ACT.scale**2 * math.sqrt(self.head_width))
        return {
            "bias": bias.clamp(-P.SCORE_LIMIT, P.SCORE_LIMIT).to(torch.int32),
            "multiplier": torch.tensor([multiplier], dtype=torch.float32),
        }

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        self.bias.copy_(stored["bias"].float() * (math.log(2.0) / P.OCTAVE))


class TwinMemory(Memory, TwinLayer):
    """See `Memory`. Sums run over thousands of products, too many for bfloat16: no autocast."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.rounding = rounding

    def forward(self, k: Tensor, v: Tensor) -> Tensor:
        with torch.autocast(k.device.type, enabled=False):
            weights = octave_weights(self.rounding, k, -2)
            total = torch.matmul(weights.transpose(-1, -2), v.float())
            return total / (weights.sum(-2)[..., None] * ACT.scale)


class TwinRecall(Recall, TwinLayer):
    """See `Recall`."""

    def __init__(self, rounding: Rounding) -> None:
        super().__init__()
        self.rounding = rounding

    def forward(self, q: Tensor, memory: Tensor) -> Tensor:
        with torch.autocast(q.device.type, enabled=False):
            weights = octave_weights(self.rounding, q, -1)
            return torch.matmul(weights, memory) / weights.sum(-1, keepdim=True)
