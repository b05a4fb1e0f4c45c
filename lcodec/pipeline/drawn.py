"""Pixels that were drawn and not photographed: what tells them, and what they can do without."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcodec.nets.transforms import PATCH
from lcodec.picture import Samples

_FEW_COLOURS: Final = 256
_FEW_GRAYS: Final = 32


def round_edges(tile: Samples, step: int) -> Samples:
    """The tile with colours of strong edges rounded to values about ``step`` apart.

    Black and white are among these. Edges are where no neighbour has the same colour, and one
    differs by two steps or more. Flat areas and gradients stay as they are; edges, whose smoothed
    colours make text expensive, lose some.
    """
    if step == 1:
        return tile
    colours = tile.astype(np.int16)
    least = np.full(tile.shape[:2], 255, np.int16)
    most = np.zeros(tile.shape[:2], np.int16)
    for axis in (0, 1):
        apart = np.abs(np.diff(colours, axis=axis))
        if apart.ndim == 3:
            apart = apart.max(2)
        one, other = (slice(None),) * axis + (slice(1, None),), (slice(None),) * axis + (slice(-1),)
        for place in (one, other):
            np.minimum(least[place], apart, out=least[place])
            np.maximum(most[place], apart, out=most[place])
    edges = (least > 0) & (most >= 2 * step)
    count = max(1, round(255 / step))
    values = np.rint(np.arange(count + 1) * (255.0 / count))
    found = tile.copy()
    found[edges] = values[np.rint(tile[edges] * (count / 255.0)).astype(np.intp)]
    return found


def new_pixels(tile: Samples) -> NDArray[np.int64]:
    """How many pixels of each block (h / 16, w / 16), rounded up, are new.

    Others repeat the pixel to their left or the one above, or are what both and the one between
    them foretell in a plane, or but for rounding. What lies beyond the picture is not new.
    """
    near = np.pad(_as_numbers(tile), ((1, 0), (1, 0)), mode="edge")
    here, left, above = near[1:, 1:], near[1:, :-1], near[:-1, 1:]
    # Gradients are planes, rounded for each colour by itself.
    rough = np.zeros(here.shape, np.bool_)
    for plane in tile[None] if tile.ndim == 2 else np.moveaxis(tile, 2, 0):
        tones = np.pad(plane.astype(np.int16), ((1, 0), (1, 0)), mode="edge")
        off = tones[1:, :-1] + tones[:-1, 1:] - tones[:-1, :-1] - tones[1:, 1:]
        rough |= np.abs(off) > 1
    new = (here != left) & (here != above) & rough
    below, beside = (-side % PATCH for side in new.shape)
    padded = np.pad(new, ((0, below), (0, beside)))
    h, w = (side // PATCH for side in padded.shape)
    counts: NDArray[np.int64] = padded.reshape(h, PATCH, w, PATCH).sum((1, 3), dtype=np.int64)
    return counts


def has_few_colours(tile: Samples) -> bool:
    """Whether a tile has a palette: at most 256 colours, or 32 grays, as no photograph has."""
    gray = tile.ndim == 2 or not np.ptp(tile, axis=2).any()
    numbers = _as_numbers(tile).ravel()
    sampled = numbers[:: 1 + numbers.size // 4096]
    most = _FEW_GRAYS if gray else _FEW_COLOURS
    return all(np.unique(part).size <= most for part in (sampled, numbers))


def _as_numbers(tile: Samples) -> NDArray[np.int32]:
    """Each pixel (h, w) as one number."""
    whole = tile.astype(np.int32)
    if tile.ndim == 2:
        return whole
    return whole[..., 0] << 16 | whole[..., 1] << 8 | whole[..., 2]
