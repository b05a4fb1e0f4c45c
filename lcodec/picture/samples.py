"""Converting samples of any depth to 8 or 16 bits."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Anysamples: TypeAlias = NDArray[Any]


def full_range(samples: Anysamples, bits: int) -> Anysamples:
    """Samples of ``bits`` bits (1 to 16) scaled to 8 bits, or to 16 if they have more than 8.

    The largest value maps to the largest; values between are rounded.
    """
    if bits in (8, 16):
        return samples.astype(np.uint8 if bits == 8 else np.uint16, copy=False)
    full = (1 << bits) - 1
    if bits < 8:
        table = (np.arange(256, dtype=np.uint32) * 255 + full // 2) // full
        return cast(Anysamples, table.astype(np.uint8)[samples])
    return scaled(samples.astype(np.uint16, copy=False), full)


def scaled(samples: NDArray[np.uint16], largest: int) -> NDArray[np.uint16]:
    """Samples in 0..largest scaled to 0..65535, rounded; larger ones count as ``largest``."""
    if largest == 65535:
        return samples
    wide = np.minimum(samples, largest).astype(np.uint32)
    return ((wide * 65535 + largest // 2) // largest).astype(np.uint16)


def divided(colours: Anysamples, alpha: Anysamples) -> Anysamples:
    """Colours (H, W) or (H, W, C) divided by the alpha (H, W) they were multiplied by."""
    full = int(np.iinfo(alpha.dtype).max)
    over = alpha if colours.ndim == 2 else alpha[..., None]
    wide = over.astype(np.uint32)
    # 65535 * 65535 + 32767 is still below 2^32.
    out = (colours.astype(np.uint32) * np.uint32(full) + wide // 2) // np.maximum(wide, 1)
    return cast(Anysamples, np.minimum(out, full).astype(colours.dtype))


def from_ycc(samples: Anysamples, bits: int) -> Anysamples:
    """RGB from full-range Y, Cb, Cr (H, W, 3) with the weights of Rec. 601, as in JPEG."""
    full, half = (1 << bits) - 1, 1 << (bits - 1)
    y, b, r = (samples[..., k].astype(np.float64) for k in range(3))
    b, r = b - half, r - half
    rgb = (y + 1.402 * r, y - 0.344136286 * b - 0.714136286 * r, y + 1.772 * b)
    return np.stack([np.rint(c).clip(0, full).astype(samples.dtype) for c in rgb], axis=-1)
