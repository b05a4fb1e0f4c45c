"""Pixels of a lossless layer come back exactly; damaged and hostile ones are refused."""

from __future__ import annotations

import io
import tracemalloc
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features

from lcodec.coding.layer import (
    Layer,
    arrived_layer,
    decode_layer,
    encode_layer,
    is_available,
)
from lcodec.container.tile import check_layer_size
from lcodec.errors import FormatError, LcodecError, UnsupportedError
from tests.coding.samples import STEADY

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def text(h: int, w: int, seed: int = 0) -> Bytes:
    """Glyphs in four colours on white (h, w, 3)."""
    random = np.random.default_rng(seed)
    palette = random.integers(0, 256, (4, 3), np.uint8)
    places = np.kron(random.integers(0, 4, (h // 3 + 1, w // 2 + 1)), np.ones((3, 2), np.int64))
    glyphs: Bytes = palette[places[:h, :w]]
    return glyphs


def noise(h: int, w: int) -> Bytes:
    return np.random.default_rng(1).integers(0, 256, (h, w, 3), np.uint8)


def blocks(h: int, w: int, side: int = 16) -> Mask:
    """Every other square of this side."""
    rows, columns = np.mgrid[0:h, 0:w] // side
    kept: Mask = (rows + columns) % 2 == 0
    return kept


PICTURES: dict[str, Bytes] = {
    "text": text(48, 64),
    "noise": noise(40, 33),
    "flat": np.full((20, 30, 3), 200, np.uint8),
    "black": np.zeros((16, 16, 3), np.uint8),
    "odd": text(37, 53),
    "row": noise(1, 70),
    "column": noise(70, 1),
    "pixel": noise(1, 1),
}
MASKS: dict[str, Callable[[int, int], Mask]] = {
    "blocks": blocks,
    "pixels": lambda h, w: np.random.default_rng(2).random((h, w)) < 0.4,
    "one pixel": lambda h, w: np.arange(h * w).reshape(h, w) == h * w - 1,
    "all": lambda h, w: np.ones((h, w), np.bool_),
    "none": lambda h, w: np.zeros((h, w), np.bool_),
}
SMALL = encode_layer(text(20, 24), blocks(20, 24, 8))


def webp(samples: Bytes) -> bytes:
    """The bitstream of samples (h, w, 4), whatever their alpha."""
    stream = io.BytesIO()
    Image.fromarray(samples).save(stream, "WEBP", lossless=True, exact=True)
    data = stream.getvalue()
    assert data[12:16] == b"VP8L"
    return data[20 : 20 + int.from_bytes(data[16:20], "little")]


def stated(width: int, height: int, *, signature: int = 0x2F, version: int = 0) -> bytes:
    """The header of a bitstream, as docs/FORMAT.md has it."""
    bits = width - 1 | (height - 1) << 14 | 1 << 28 | version << 29
    return bytes((signature,)) + bits.to_bytes(4, "little")


def assert_round_trip(pixels: Bytes, kept: Mask, fast: bool) -> bytes:
    data = encode_layer(pixels, kept, fast=fast)
    check_layer_size(data, pixels.shape[1], pixels.shape[0])
    back = decode_layer(data, pixels.shape)
    assert back.pixels.shape == pixels.shape and back.pixels.dtype == np.uint8
    np.testing.assert_array_equal(back.kept, kept)
    np.testing.assert_array_equal(back.pixels[kept], pixels[kept])
    return data


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("name", PICTURES)
def test_round_trip(name: str, mask: str, gray: bool, fast: bool) -> None:
    pixels = PICTURES[name][..., 0] if gray else PICTURES[name]
    assert_round_trip(pixels, MASKS[mask](*pixels.shape[:2]), fast)


@STEADY
@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 256),
    st.sampled_from((0.1, 0.5, 0.9, 1.1)),
    st.integers(0, 2**32 - 1),
    st.booleans(),
    st.booleans(),
)
def test_round_trip_of_anything(
    h: int, w: int, levels: int, share: float, seed: int, gray: bool, fast: bool
) -> None:
    random = np.random.default_rng(seed)
    pixels = random.integers(0, levels, (h, w) if gray else (h, w, 3), np.uint8)
    assert_round_trip(pixels, random.random((h, w)) < share, fast)


def test_a_whole_tile() -> None:
    """Of the largest size that a file may have."""
    pixels = np.tile(text(64, 64), (32, 32, 1))
    assert len(assert_round_trip(pixels, blocks(2048, 2048, 64), fast=True)) < 20000


def test_views_are_encoded_as_what_they_show() -> None:
    pixels, kept = text(64, 80), blocks(64, 80)
    for part in (np.s_[3:40, 5:60], np.s_[::2, ::3], np.s_[::-1, ::-1]):
        assert_round_trip(pixels[part], kept[part], fast=True)
        assert_round_trip(pixels[part][..., 1], kept[part], fast=True)


def test_what_is_outside_does_not_matter() -> None:
    """It costs nothing, whatever it is."""
    kept, pixels = blocks(64, 64), text(64, 64)
    other = np.where(kept[..., None], pixels, noise(64, 64))
    assert encode_layer(other, kept) == encode_layer(pixels, kept)


def test_the_bitstream_alone() -> None:
    """Neither RIFF header nor padding; text takes less than as PNG."""
    pixels = text(48, 64)
    data = encode_layer(pixels, np.ones((48, 64), np.bool_))
    assert data[:5] == stated(64, 48)[:4] + b"\0"  # the hint: no alpha
    assert SMALL[:5] == stated(24, 20)
    png = io.BytesIO()
    Image.fromarray(pixels).save(png, "PNG", optimize=True)
    assert len(data) < len(png.getvalue())
    sizes = [len(encode_layer(part, MASKS["all"](*part.shape[:2]))) for part in PICTURES.values()]
    assert {size % 2 for size in sizes} == {0, 1}


def test_fast_is_not_twice_as_large() -> None:
    pixels, kept = text(200, 300), blocks(200, 300)
    slow, fast = (len(encode_layer(pixels, kept, fast=way)) for way in (False, True))
    assert fast < 2 * slow


def test_the_smallest_of_several_ways() -> None:
    """Waves with glyphs: libwebp guesses wrong, and only trying everything finds what is best."""
    rows, columns = np.mgrid[0:200, 0:300]
    waves = 90 + 60 * np.sin(rows / 15)[..., None] * np.cos(columns[..., None] / 11 + np.arange(3))
    pixels = waves.astype(np.uint8)
    pixels[60:100, 40:200] = text(40, 160)
    for kept in (np.ones((200, 300), np.bool_), blocks(200, 300)):
        stored = io.BytesIO()
        layer = np.dstack([pixels, np.where(kept, 255, 0).astype(np.uint8)])
        image = Image.fromarray(layer if not kept.all() else pixels)
        image.save(stored, "WEBP", lossless=True, quality=100, method=6)
        quick = len(encode_layer(pixels, kept, fast=True))
        assert len(encode_layer(pixels, kept)) <= len(stored.getvalue()) < 0.95 * quick


@pytest.mark.parametrize("gray", [False, True])
def test_laying_over(gray: bool) -> None:
    pixels, kept = text(30, 40), blocks(30, 40, 8)
    shown = noise(30, 40)
    if gray:
        pixels, shown = pixels[..., 0], shown[..., 0].copy()
    before = shown.copy()
    Layer(pixels, kept).lay_over(shown)
    np.testing.assert_array_equal(shown[kept], pixels[kept])
    np.testing.assert_array_equal(shown[~kept], before[~kept])


def test_the_alpha_bit_is_only_a_hint() -> None:
    """Alpha counts whatever that bit says, as in RFC 9649."""
    pixels = text(20, 24)
    for kept in (blocks(20, 24, 8), np.ones((20, 24), np.bool_)):
        data = encode_layer(pixels, kept)
        other = data[:4] + bytes((data[4] ^ 0x10,)) + data[5:]
        np.testing.assert_array_equal(decode_layer(other, pixels.shape).kept, kept)


def test_green_is_gray() -> None:
    samples = np.dstack([noise(9, 8), np.full((9, 8), 255, np.uint8)])
    back = decode_layer(webp(samples), (9, 8))
    np.testing.assert_array_equal(back.pixels, samples[..., 1])


def test_pillows_limit_of_pixels_is_not_for_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        decode_layer(SMALL, (20, 24, 3))


@pytest.mark.parametrize(
    "pixels",
    [text(20, 24), noise(9, 11), np.full((6, 7, 3), 5, np.uint8), text(12, 12)[..., 0]],
    ids=["text", "noise", "flat", "gray"],
)
@pytest.mark.parametrize("mask", ["blocks", "pixels", "all"])
@pytest.mark.parametrize("fast", [False, True])
def test_every_truncation_is_noticed(pixels: Bytes, mask: str, fast: bool) -> None:
    data = encode_layer(pixels, MASKS[mask](*pixels.shape[:2]), fast=fast)
    for size in range(len(data)):
        with pytest.raises(FormatError, match="lossless layer") as caught:
            decode_layer(data[:size], pixels.shape)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mask", ["blocks", "pixels", "all"])
@pytest.mark.parametrize("gray", [False, True])
def test_the_rows_that_have_arrived(mask: str, gray: bool) -> None:
    """They are those of the whole layer, ever more of them, and nothing is kept below."""
    pixels = text(180, 140)[..., 0] if gray else text(180, 140)
    data = encode_layer(pixels, MASKS[mask](180, 140))
    whole, counts = decode_layer(data, pixels.shape), []
    for size in [*range(0, len(data), 17), len(data) - 1]:
        try:
            part = arrived_layer(data[:size], pixels.shape)
        except FormatError:
            counts.append(0)
            continue
        there = part.kept.any(1)
        counts.append(int(np.flatnonzero(there)[-1]) + 1 if there.any() else 0)
        np.testing.assert_array_equal(part.kept[: counts[-1]], whole.kept[: counts[-1]])
        np.testing.assert_array_equal(part.pixels[part.kept], whole.pixels[part.kept])
    assert counts[0] == 0 and max(counts) >= 170
    assert np.mean(np.diff(counts) < 0) < 0.05
    middle = counts[len(counts) * 3 // 4]
    assert 60 < middle < 180


def test_garbage_that_has_arrived() -> None:
    random = np.random.default_rng(4)
    for size in [*range(20), *random.integers(20, 400, 60)]:
        data = stated(24, 20) + random.bytes(size)
        try:
            assert arrived_layer(data, (20, 24, 3)).kept.shape == (20, 24)
        except FormatError as error:
            assert "\n" not in str(error)


def test_bytes_after_the_last_pixel_have_no_meaning() -> None:
    plain = decode_layer(SMALL, (20, 24, 3))
    for rest in (b"\0", b"x", b"\0\0", b"other data"):
        back = decode_layer(SMALL + rest, (20, 24, 3))
        np.testing.assert_array_equal(back.pixels, plain.pixels)
        np.testing.assert_array_equal(back.kept, plain.kept)


def test_garbage_behind_a_right_header_is_refused() -> None:
    random = np.random.default_rng(3)
    for size in [*range(20), *random.integers(20, 400, 300)]:
        with pytest.raises(FormatError, match="lossless layer"):
            decode_layer(stated(24, 20) + random.bytes(size), (20, 24, 3))


def test_damage_gives_no_other_error() -> None:
    for at in range(len(SMALL)):
        for mask in (1, 0x10, 0x80, 0xFF):
            damaged = SMALL[:at] + bytes((SMALL[at] ^ mask,)) + SMALL[at + 1 :]
            try:
                back = decode_layer(damaged, (20, 24, 3))
            except LcodecError as error:
                assert isinstance(error, FormatError) and "\n" not in str(error)
            else:
                assert back.pixels.shape == (20, 24, 3) and back.kept.shape == (20, 24)


@pytest.mark.parametrize("shape", [(20, 25, 3), (21, 24, 3), (24, 20, 3), (20, 23), (1, 1, 3)])
def test_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FormatError, match=f"24 x 20 pixels in a tile of {shape[1]} x {shape[0]}"):
        decode_layer(SMALL, shape)


@pytest.mark.parametrize("alpha", [1, 127, 128, 254])
def test_pixels_half_in_the_layer_are_refused(alpha: int) -> None:
    samples = np.dstack([text(9, 8), np.full((9, 8), 255, np.uint8)])
    samples[0, :4, 3] = 0
    decode_layer(webp(samples), (9, 8, 3))
    samples[8, 7, 3] = alpha
    with pytest.raises(FormatError, match="neither in it nor outside"):
        decode_layer(webp(samples), (9, 8, 3))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x2f",
        stated(24, 20)[:4],
        stated(24, 20),
        stated(24, 20, signature=0x2E) + SMALL[5:],
        stated(24, 20, version=1) + SMALL[5:],
        b"RIFF" + SMALL,
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        bytes(100),
    ],
)
def test_what_is_no_layer_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError, match="lossless layer"):
        decode_layer(data, (20, 24, 3))


def test_a_stated_size_takes_no_memory() -> None:
    large = stated(1 << 14, 1 << 14) + SMALL[5:]
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="16384 x 16384 pixels"):
            decode_layer(large, (20, 24, 3))
        assert tracemalloc.get_traced_memory()[1] < 1 << 16
    finally:
        tracemalloc.stop()


def test_a_pillow_without_webp(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_available()
    monkeypatch.setattr(features, "check", lambda name: None)
    assert not is_available()
    with pytest.raises(UnsupportedError, match="no WebP"):
        decode_layer(SMALL, (20, 24, 3))
