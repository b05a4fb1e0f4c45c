"""Lossless layers of tiles, written from docs/FORMAT.md; Pillow unpacks their WebP bitstreams."""

from __future__ import annotations

import io
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Bytes: TypeAlias = NDArray[np.uint8]
Mask: TypeAlias = NDArray[np.bool_]


def unpacked_layer(data: bytes, height: int, width: int) -> tuple[Bytes, Mask]:
    """Colours (height, width, 3), and where they are in the layer. ValueError if it is damaged."""
    if len(data) < 6 or data[0] != 0x2F:
        raise ValueError("not a bitstream of WebP lossless")
    bits = int.from_bytes(data[1:5], "little")
    stated = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if stated != (width, height) or bits >> 29:
        raise ValueError("another size than the tile's")
    bits |= 1 << 28  # without the hint, Pillow leaves out alpha
    chunk = b"VP8L" + len(data).to_bytes(4, "little") + b"\x2f" + bits.to_bytes(4, "little")
    chunk += data[5:] + b"\0" * (len(data) % 2)
    file = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    try:
        samples = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))
    except (OSError, EOFError) as error:
        raise ValueError("a damaged layer") from error
    if not np.isin(samples[..., 3], (0, 255)).all():
        raise ValueError("a pixel half in the layer")
    return samples[..., :3], samples[..., 3] == 255


def skipped_positions(kept: Mask) -> Mask:
    """Which latent positions of a tile are skipped, by which of its pixels are in the layer."""
    height, width = kept.shape
    skipped = np.zeros((-(-height // 16), -(-width // 16)), np.bool_)
    for i, j in np.ndindex(skipped.shape):
        top, left = max(0, 16 * i - 16), max(0, 16 * j - 16)
        skipped[i, j] = kept[top : 16 * i + 32, left : 16 * j + 32].all()
    return skipped
