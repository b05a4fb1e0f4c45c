"""PNG files of every depth and colour type, with and without a transparent colour."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec.picture import from_pil, load
from tests.picture.samples import channels, chunk, full_range, png

RANDOM = np.random.default_rng(12)
GRAY, RGB, PALETTE, GRAY_ALPHA, RGBA = 0, 2, 3, 4, 6
COUNTS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGBA: 4}
KINDS = [(bits, GRAY) for bits in (1, 2, 4, 8, 16)]
KINDS += [(bits, kind) for kind in (RGB, GRAY_ALPHA, RGBA) for bits in (8, 16)]
ALL = [(bits, kind, False) for bits, kind in KINDS]
ALL += [(bits, kind, True) for bits, kind in KINDS if kind in (GRAY, RGB)]


def noise(bits: int, count: int) -> NDArray[Any]:
    samples = RANDOM.integers(0, 1 << bits, (6, 9, count), np.uint16)
    samples[0, 0] = samples[3, 3] = (1 << bits) - 1
    samples[1, 1] = 0
    return samples


def expected(samples: NDArray[Any], bits: int, key: NDArray[Any] | None) -> NDArray[Any]:
    out = full_range(samples, bits)
    if key is None:
        return out
    clear = (samples == key).all(axis=2, keepdims=True)
    alpha = np.where(clear, 0, np.iinfo(out.dtype).max).astype(out.dtype)
    return np.concatenate([out, alpha], axis=2)


def file_of(bits: int, kind: int, clear: bool, place: tuple[int, int]) -> tuple[bytes, Any]:
    """A PNG whose transparent colour, if any, is that of one pixel, and what it is to give."""
    samples = noise(bits, COUNTS[kind])
    if bits == 16 and kind == RGB:
        samples[5, 5] = samples[0, 0] ^ 1  # of the same high bytes
    key = samples[place] if clear else None
    extra = b"" if key is None else chunk(b"tRNS", struct.pack(f">{len(key)}H", *key))
    return png(samples, bits, kind, extra), expected(samples, bits, key)


@pytest.mark.parametrize(("bits", "kind", "clear"), ALL)
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 4)])
def test_read(bits: int, kind: int, clear: bool, place: tuple[int, int]) -> None:
    data, wanted = file_of(bits, kind, clear, place)
    picture = load(io.BytesIO(data))
    assert picture.pixels.dtype == wanted.dtype
    assert np.array_equal(channels(picture), wanted)
    assert picture.notes == ()
    opened = from_pil(Image.open(io.BytesIO(data)))
    assert np.array_equal(channels(opened), wanted)


@pytest.mark.parametrize(("bits", "kind", "clear"), ALL)
@pytest.mark.parametrize("place", [(0, 0), (1, 1), (2, 4)])
def test_loaded_by_the_caller(
    tmp_path: Path, bits: int, kind: int, clear: bool, place: tuple[int, int]
) -> None:
    data, wanted = file_of(bits, kind, clear, place)
    (tmp_path / "a.png").write_bytes(data)
    for source in (io.BytesIO(data), tmp_path / "a.png"):
        image = Image.open(source)
        image.load()
        held = channels(from_pil(image)).astype(int)
        if bits == 16 and kind == GRAY_ALPHA and wanted.shape[2] == 2:
            wanted = wanted[..., [0, 0, 0, 1]]  # Pillow has no gray with alpha of 16 bits
        deep = wanted.dtype == np.uint16 and held.max() < 256
        assert np.array_equal(held, wanted.astype(int) >> 8 if deep else wanted)


def test_transparent_colour_of_16_bits_that_nobody_knows_any_more() -> None:
    data, _ = file_of(16, RGB, True, (0, 0))
    image = Image.open(io.BytesIO(data))
    image.putpixel((8, 1), (1, 2, 3))
    picture = from_pil(image)
    assert picture.alpha is not None and picture.alpha[0, 0] == 0
    assert picture.notes == ("16-bit transparent colour matched by its high 8 bits",)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("clear", [False, True])
def test_palettes(bits: int, clear: bool) -> None:
    table = RANDOM.integers(0, 256, (1 << bits, 3), np.uint8)
    alpha = RANDOM.integers(0, 256, (1 << bits) - 1, np.uint8)
    indices = noise(bits, 1)
    extra = chunk(b"PLTE", table.tobytes()) + (chunk(b"tRNS", alpha.tobytes()) if clear else b"")
    wanted = table[indices[..., 0]]
    if clear:
        whole = np.append(alpha, np.uint8(255))
        wanted = np.dstack([wanted, whole[indices[..., 0]]])
    data = png(indices, bits, PALETTE, extra)
    assert np.array_equal(channels(load(io.BytesIO(data))), wanted)
    image = Image.open(io.BytesIO(data))
    image.load()
    assert np.array_equal(channels(from_pil(image)), wanted)
