"""PNG files with 16-bit colours or alpha, or by rows, which Pillow cannot write.

Pillow writes the other chunks and zlib compresses; this module filters the rows (PNG third edition,
section 9), with the usual heuristic: the filter with the smallest sum of absolute differences.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import putchunk

from lcodec.kinds import PNG
from lcodec.picture.metadata import Metadata
from lcodec.picture.picture import Picture, Samples
from lcodec.picture.xmp import PNG_KEYWORD

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_BAND = 64  # rows filtered together
_LEVEL = 6


def write_png(stream: BinaryIO, picture: Picture) -> None:
    """Write a picture of 16 bits with its metadata."""
    samples = interleaved(picture)
    height, width, channels = samples.shape
    write_bands(stream, width, height, channels, 16, [samples], picture.metadata)


def write_bands(
    stream: BinaryIO,
    width: int,
    height: int,
    channels: int,
    bit_depth: int,
    bands: Iterable[Samples],
    metadata: Metadata,
) -> None:
    """Write samples (n, W, 1 to 4), alpha last, of 8 or 16 bits, with metadata that suits them."""
    stream.write(PNG)
    head = struct.pack(">IIBBBBB", width, height, bit_depth, _COLOUR_TYPES[channels], 0, 0, 0)
    putchunk(stream, b"IHDR", head)
    if metadata.icc:
        putchunk(stream, b"iCCP", b"ICC Profile\0\0", zlib.compress(metadata.icc))
    if metadata.exif:
        putchunk(stream, b"eXIf", metadata.exif)
    if metadata.xmp:
        putchunk(stream, b"iTXt", PNG_KEYWORD.encode() + bytes(5), metadata.xmp)
    for part in compressed(bands, bit_depth // 8):
        putchunk(stream, b"IDAT", part)
    putchunk(stream, b"IEND", b"")


def interleaved(picture: Picture) -> Samples:
    """Samples (H, W, 1 to 4) of a picture, alpha last."""
    pixels = picture.pixels if picture.pixels.ndim == 3 else picture.pixels[..., None]
    if picture.alpha is None:
        return pixels
    return np.concatenate([pixels, picture.alpha[..., None]], axis=2)


def compressed(bands: Iterable[Samples], size: int) -> Iterator[bytes]:
    """The compressed rows of samples (n, W, channels) of ``size`` bytes each, piece by piece."""
    packer = zlib.compressobj(_LEVEL)
    above: NDArray[np.uint8] | None = None
    for large in bands:
        for start in range(0, len(large), _BAND):
            band = np.ascontiguousarray(large[start : start + _BAND], dtype=f">u{size}")
            rows = band.view(np.uint8).reshape(len(band), -1)
            if above is None:
                above = np.zeros((1, rows.shape[1]), np.uint8)
            pixel = size * band.shape[2]
            part = packer.compress(_filtered(np.concatenate([above, rows]), pixel).tobytes())
            above = rows[-1:]
            if part:
                yield part
    yield packer.flush()


def _filtered(rows: NDArray[np.uint8], pixel: int) -> NDArray[np.uint8]:
    """All rows but the first, each filtered by its best filter and preceded by its number."""
    now = rows[1:]
    up = rows[:-1].astype(np.int16)
    left, corner = np.zeros_like(up), np.zeros_like(up)
    left[:, pixel:] = now[:, :-pixel]
    corner[:, pixel:] = up[:, :-pixel]
    to_left, to_up = np.abs(up - corner), np.abs(left - corner)
    to_corner = np.abs(left + up - 2 * corner)
    nearest = np.where(to_up <= to_corner, up, corner)
    paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, nearest)
    guesses = (np.zeros_like(up), left, up, (left + up) >> 1, paeth)
    best = np.zeros((len(now), now.shape[1] + 1), np.uint8)
    costs = np.full(len(now), np.iinfo(np.int64).max)
    for number, guess in enumerate(guesses):
        difference = now - guess.astype(np.uint8)
        cost = np.abs(difference.view(np.int8).astype(np.int16)).sum(axis=1, dtype=np.int64)
        better = cost < costs
        costs[better] = cost[better]
        best[better, 0] = number
        best[better, 1:] = difference[better]
    return best
