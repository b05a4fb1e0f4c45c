"""PSNR, and a check that two pictures can be compared."""

from __future__ import annotations

import math

import numpy as np

from lcodec.errors import UsageError
from lcodec.picture import Samples, check_pixels


def psnr(reference: Samples, decoded: Samples) -> float:
    """PSNR in dB over all samples of two pictures (H, W) or (H, W, 3) of one type; inf if equal.

    The peak is 255 for uint8 and 65535 for uint16.

    Raises:
        UsageError: the arrays are not pictures, or not of one shape.
    """
    reference, decoded = same_shape(reference, decoded)
    squares = 0
    # Row by row, in exact integers: no second picture of wider samples in memory.
    for row, other in zip(reference, decoded, strict=True):
        difference = row.astype(np.int64) - other
        squares += int((difference * difference).sum())
    if squares == 0:
        return math.inf
    peak = float(np.iinfo(reference.dtype).max)
    return 10.0 * math.log10(peak * peak * reference.size / squares)


def same_shape(reference: Samples, decoded: Samples) -> tuple[Samples, Samples]:
    """Both pictures, checked to be of one shape and type.

    Raises:
        UsageError: they are not, or are not pictures.
    """
    reference, decoded = check_pixels(reference), check_pixels(decoded)
    if reference.shape != decoded.shape:
        raise UsageError(f"pictures of different shapes: {reference.shape} and {decoded.shape}")
    if reference.dtype != decoded.dtype:
        raise UsageError(f"pictures of different types: {reference.dtype} and {decoded.dtype}")
    return reference, decoded
