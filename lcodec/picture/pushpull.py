"""Replacing unwanted pixels, such as invisible ones, by smooth ones that cost little to code."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lcodec.picture.picture import Samples

_Mask: TypeAlias = NDArray[np.bool_]
_Floats: TypeAlias = NDArray[np.float32]
_BAND = 256  # rows of the full-size picture processed together; even


def fill(pixels: Samples, unwanted: _Mask) -> Samples:
    """Pixels (H, W) or (H, W, 3) with smooth colours wherever they are ``unwanted`` (H, W).

    Pull-push (Gortler et al. 1996, "The Lumigraph", section 3.4): means of the wanted pixels at
    ever coarser levels; then, from the coarsest down, each level fills the gaps of the next finer
    one. Wanted pixels do not change. Working memory is about that of the pixels in float32.
    """
    if not unwanted.any():
        return pixels
    if unwanted.all():
        return np.full_like(pixels, (np.iinfo(pixels.dtype).max + 1) // 2)
    height, width = unwanted.shape
    colours: Any = pixels.reshape(height, width, -1)
    levels = [_first_level(colours, unwanted)]
    while levels[-1][1].size > 1:
        levels.append(_coarser(*levels[-1]))
    mean = levels.pop()[0]
    while levels:
        finer, known = levels.pop()
        hidden = ~known
        finer[hidden] = _finer(mean, 0, len(finer), finer.shape[1])[hidden]
        mean = finer
    out = colours.copy()
    for top in range(0, height, _BAND):
        hidden = unwanted[top : top + _BAND]
        if hidden.any():
            fill = _finer(mean, top, top + len(hidden), width)
            out[top : top + _BAND][hidden] = np.rint(fill[hidden]).astype(pixels.dtype)
    filled: Samples = out.reshape(pixels.shape)
    return filled


def _first_level(colours: Any, unwanted: _Mask) -> tuple[_Floats, _Mask]:
    """As `_coarser`, for the picture itself, by bands."""
    parts = []
    for top in range(0, len(unwanted), _BAND):
        known = ~unwanted[top : top + _BAND]
        parts.append(_coarser(colours[top : top + _BAND].astype(np.float32), known))
    means, seen = zip(*parts, strict=True)
    return np.concatenate(means), np.concatenate(seen)


def _coarser(colours: _Floats, known: _Mask) -> tuple[_Floats, _Mask]:
    """Means (h/2, w/2, C) of the known colours in each 2x2 block, and where there are any."""
    h, w = known.shape
    edges = ((0, h % 2), (0, w % 2))
    weight = np.pad(known, edges).astype(np.float32)
    total = np.pad(colours, (*edges, (0, 0))) * weight[..., None]
    shape = (weight.shape[0] // 2, 2, weight.shape[1] // 2, 2)
    count = weight.reshape(shape).sum(axis=(1, 3))
    mean = total.reshape(*shape, -1).sum(axis=(1, 3)) / np.maximum(count, 1)[..., None]
    return mean, count > 0


def _finer(mean: _Floats, top: int, bottom: int, width: int) -> _Floats:
    """Interpolated rows ``top`` to ``bottom`` of the next finer level of width ``width``."""
    rows = _blend(mean, np.arange(top, bottom))
    return _blend(rows.swapaxes(0, 1), np.arange(width)).swapaxes(0, 1)


def _blend(mean: _Floats, places: NDArray[np.int64]) -> _Floats:
    near = places // 2
    far = np.clip(near + np.where(places % 2, 1, -1), 0, len(mean) - 1)
    return np.float32(0.75) * mean[near] + np.float32(0.25) * mean[far]
