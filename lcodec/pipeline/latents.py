"""Latents of a picture or of a part of it, as they come from the analysis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lcodec.integer.profile import SYMBOL_LIMIT


@dataclass(frozen=True)
class Latents:
    """y (M, h, w) in steps, which z is computed from, and the integers to code in its place."""

    y: NDArray[np.float32]
    rounded: NDArray[np.int16]

    def thinned(self, share: float, spared: Sequence[int]) -> Latents:
        """Without the smallest of those that are not 0; ``share`` of them stays.

        Channels ``spared`` lose none, and do not count.
        """
        coded = self.rounded != 0
        coded[list(spared)] = False
        places = np.flatnonzero(coded)
        ordered = places[np.argsort(np.abs(self.y.flat[places]), kind="stable")]
        left_out = ordered[: len(ordered) - round(share * len(ordered))]
        y, rounded = self.y.copy(), self.rounded.copy()
        y.flat[left_out] = rounded.flat[left_out] = 0
        return Latents(y, rounded)


def to_symbols(y: NDArray[np.float32]) -> NDArray[np.int16]:
    """The nearest integers that can be coded."""
    return np.rint(y).clip(-SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int16)
