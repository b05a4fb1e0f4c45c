"""Predict all groups in one pass, in the encoder, where their latents are known.

The integers are the same as group by group, and so are the bytes. It pays where groups are so
small that starting an operation takes longer than running it: in small pictures, and where a group
is one position. With larger groups one pass takes as long as the steps, and more memory. On a GPU,
which always waits for its next operation, it pays for any size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lcodec.entropy.interface import EntropyModel, Symbols
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.entropy.network import Prediction

SMALL = 1 << 14
"""Most latents of a group, on average and over all tiles coded together, for which one pass is
faster on a CPU."""


class OnePass:
    """An `EntropyModel` that has seen the latents ``y`` (B, M, h, w), integers in steps.

    Its state is the number of the next group.
    """

    def __init__(self, model: IntegerEntropyModel, y: Tensor) -> None:
        self.fourcc = model.fourcc
        self._model = model
        self._y = y
        self._mean: Sequence[Tensor] = ()
        self._index: Sequence[Tensor] = ()

    def prior(self, quality: int) -> tuple[Symbols, Symbols]:
        return self._model.prior(quality)

    def begin(self, z_hat: Tensor, quality: int) -> list[int]:
        mean, index = self._model.predict_all(z_hat, self._y, quality)
        self._mean, self._index = self.group(mean), self.group(index)
        return [0]

    def predict(self, state: list[int]) -> Prediction:
        return self._mean[state[0]], self._index[state[0]]

    def absorb(self, state: list[int], symbols: Tensor) -> None:
        state[0] += 1

    def group(self, y: Tensor) -> Sequence[Tensor]:
        return self._model.group(y)

    def ungroup(self, groups: Sequence[Tensor], h: int, w: int) -> Tensor:
        return self._model.ungroup(groups, h, w)


def for_encoder(model: IntegerEntropyModel, y: Tensor) -> EntropyModel[Any]:
    """``model``, or a `OnePass` over it: whichever codes ``y`` (B, M, h, w) faster."""
    if model.cached and (y.is_cuda or y.numel() <= SMALL * len(model.group(y))):
        return OnePass(model, y)
    return model
