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
    data = b"\x2f" + bits.to_bytes(4, "little") + data[5:]
    samples = samples_of(data, b"\0")
    # Pillow takes what is missing from behind the end.
    if not np.array_equal(samples, samples_of(data, b"\xff")):
        raise ValueError("a layer that is cut off")
    if not np.isin(samples[..., 3], (0, 255)).all():
        raise ValueError("a pixel half in the layer")
    return samples[..., :3], samples[..., 3] == 255


def samples_of(data: bytes, after: bytes) -> Bytes:
    """Samples (height, width, 4) of a bitstream and what comes after. ValueError if damaged."""
    chunk = data + after * (2 - len(data) % 2)
    chunk = b"VP8L" + len(chunk).to_bytes(4, "little") + chunk
    file = b"RIFF" + (4 + len(chunk)).to_bytes(4, "little") + b"WEBP" + chunk
    try:
        return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))
    except (OSError, EOFError) as error:
        raise ValueError("a damaged layer") from error


def skipped_positions(kept: Mask) -> Mask:
    """Which latent positions of a tile are skipped, by which of its pixels are in the layer."""
    height, width = kept.shape
    skipped = np.zeros((-(-height // 16), -(-width // 16)), np.bool_)
    for i, j in np.ndindex(skipped.shape):
        top, left = max(0, 16 * i - 16), max(0, 16 * j - 16)
        skipped[i, j] = kept[top : 16 * i + 32, left : 16 * j + 32].all()
    return skipped
