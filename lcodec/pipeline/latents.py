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


def to_symbols(y: NDArray[np.float32]) -> NDArray[np.int16]:
    """The nearest integers that can be coded."""
    return np.rint(y).clip(-SYMBOL_LIMIT, SYMBOL_LIMIT).astype(np.int16)
