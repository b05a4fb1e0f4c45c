"""Smooth pixels where a picture is not wanted: pushed down a pyramid, and pulled back up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lcodec.coding.layer import Mask
from lcodec.picture import Samples

Planes = NDArray[np.float32]


def fill(picture: Samples, unwanted: Mask) -> Samples:
    """A picture (H, W) or (H, W, 3) of 8 bits, its ``unwanted`` pixels (H, W) made smooth.

    Each is filled from the coarsest levels of a pyramid that know nothing nearer: the push-pull of
    Gortler et al. (The lumigraph, 1996, section 3.4).
    """
    if unwanted.all():
        return np.full_like(picture, 128)
    planes = picture.astype(np.float32)
    filled = _pull(planes if planes.ndim == 3 else planes[..., None], ~unwanted)
    found: Samples = filled.round().clip(0, 255).astype(np.uint8).reshape(picture.shape)
    return found


def _pull(planes: Planes, known: Mask) -> Planes:
    """Planes (h, w, n) with the unknown filled; something is known."""
    if known.all():
        return planes
    height, width = known.shape
    even = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), even)
    sums = np.pad(planes * known[..., None], (*even, (0, 0)))
    counts, totals = _halved(weight[..., None]), _halved(sums)
    means: Planes = (totals / np.maximum(counts, 1.0)).astype(np.float32)
    coarse = _pull(means, counts[..., 0] > 0)
    return np.where(known[..., None], planes, _doubled(coarse)[:height, :width])


def _halved(planes: Planes) -> Planes:
    """Sums over squares of two by two; sides are even."""
    height, width, count = planes.shape
    sums: Planes = planes.reshape(height // 2, 2, width // 2, 2, count).sum((1, 3))
    return sums


def _doubled(planes: Planes) -> Planes:
    height, width = planes.shape[:2]
    size = 2 * width, 2 * height
    layers = [
        np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
        for plane in np.moveaxis(planes, 2, 0)
    ]
    return np.stack(layers, axis=-1)
