"""Integer layers of attention, in windows and linear; see `lcodec.integer.exact`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier
from lcodec.integer.kit import ACT, RESIDUAL, Attention, Format, Memory, Recall
from lcodec.integer.prepared import Prepared, rescale, store

_SCORE = Format(P.OCTAVE, -P.SCORE_LIMIT, P.SCORE_LIMIT)


class ExactAttention(Attention, Prepared):
    """See `Attention`: scores in 1/32 octaves, weights from a table, one division."""

    bias: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, heads: int, head_width: int, entries: int) -> None:
        super().__init__(heads, head_width, entries)
        self.carrier = carrier
        store(self, "bias", (heads, entries), torch.int32)
        store(self, "multiplier", (1,), torch.float32)

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
        scores = rescale(products, self.multiplier, _SCORE, torch.float32)
        scores = scores + self._bias[:, index.flatten()].view(-1, *index.shape)
        if mask is not None:
            scores = scores.masked_fill(~mask, -4.0 * P.SCORE_LIMIT)
        below = scores.amax(dim=-1, keepdim=True) - scores
        steps = below.clamp_(max=P.SCORE_TABLE_SIZE - 1).to(torch.int32)
        weights = self._table[steps]
        total = weights.sum(-1, keepdim=True, dtype=dtype).to(torch.float32)
        mixed = torch.matmul(weights, v).to(torch.float32)
        return torch.round(mixed / total).to(dtype)


class _OctaveSoftmax(nn.Module):
    """What both halves of linear attention share: weights from the table, exact divisions.

    Sums over positions exceed 2^24, so they are taken in a type that is exact up to 2^53.
    """

    table: Tensor
    STEPS = P.OCTAVE // P.ACT_SCALE  # table steps per unit of an activation

    def __init__(self, carrier: Carrier) -> None:
        super().__init__()
        self.wide = torch.float64 if carrier.dtype.is_floating_point else torch.int64
        table = torch.tensor(P.score_table(), dtype=self.wide)
        self.register_buffer("table", table, persistent=False)

    def weights(self, scores: Tensor, axis: int) -> Tensor:
        """Weights of scores along an axis, in the wide type."""
        below = scores.amax(dim=axis, keepdim=True) - scores
        steps = (below * self.STEPS).clamp_(max=P.SCORE_TABLE_SIZE - 1)
        return self.table[steps.to(torch.int32)]


def _quotient(total: Tensor, weight: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.round(total.to(torch.float64) / weight.to(torch.float64)).to(dtype)


class ExactMemory(Memory):
    """See `Memory`. The result stays in the wide type."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__()
        self.softmax = _OctaveSoftmax(carrier)

    def forward(self, k: Tensor, v: Tensor) -> Tensor:
        weights, wide = self.softmax.weights(k, -2), self.softmax.wide
        total = torch.matmul(weights.transpose(-1, -2), v.to(wide))
        total = total * (RESIDUAL.scale // ACT.scale)
        return _quotient(total, weights.sum(-2)[..., None], wide)


class ExactRecall(Recall):
    """See `Recall`."""

    def __init__(self, carrier: Carrier) -> None:
        super().__init__()
        self.carrier = carrier
        self.softmax = _OctaveSoftmax(carrier)

    def forward(self, q: Tensor, memory: Tensor) -> Tensor:
        weights = self.softmax.weights(q, -1)
        total = torch.matmul(weights, memory)
        return _quotient(total, weights.sum(-1, keepdim=True), self.carrier.dtype)
