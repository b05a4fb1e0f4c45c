"""Latents of a picture or of a part of it, as they come from the analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcodec.integer.profile import SYMBOL_LIMIT


@dataclass(frozen=True)
class Latents:
    """y (M, h, w) in steps, which z is computed from, and the integers to code in its place."""

    y: NDArray[np.float32]
    rounded: NDArray[np.int16]

    def largest(self, share: float) -> Latents:
        """With only that share of those that are not 0, the ones of largest y; the others are 0.

        Fewer bits and less detail: what is largest are the means of blocks and strong edges.
        """
        coded = self.rounded != 0
        sizes = np.sort(np.abs(self.y[coded]))
        left_out = sizes.size - round(share * sizes.size)
        least = sizes[left_out] if left_out < sizes.size else np.inf
        dropped = coded & (np.abs(self.y) < least)
        return Latents(
            np.where(dropped, np.float32(0), self.y), np.where(dropped, np.int16(0), self.rounded)
        )


def to_symbols(y: NDArray[np.float32]) -> NDArray[np.int16]:
    """The nearest integers that can be coded."""
    return np.rint(y).clip(-SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int16)
