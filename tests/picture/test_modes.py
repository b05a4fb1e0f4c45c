"""Every mode and depth of pictures comes in whole."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec.errors import UsageError
from lcodec.picture import Picture, from_array, from_pil, load, to_pil
from lcodec.picture.convert import reduced_to_bytes
from tests.picture.samples import (
    DEEP,
    GRAY,
    RGB,
    channels,
    chunk,
    cmyk_profile,
    encoded,
    icc,
    png16,
)

ALPHA = np.array(GRAY[::-1])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG2000", "QOI"])
def test_rgb_with_alpha(kind: str) -> None:
    image = Image.fromarray(np.dstack([RGB, ALPHA]))
    options: dict[str, Any] = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    picture = load(encoded(image, kind, **options))
    assert np.array_equal(picture.pixels, RGB)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, ALPHA)
    assert picture.notes == ()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_gray_with_alpha(kind: str) -> None:
    image = Image.merge("LA", (Image.fromarray(GRAY), Image.fromarray(ALPHA)))
    picture = load(encoded(image, kind))
    assert (picture.channels, picture.bit_depth, picture.notes) == (1, 8, ())
    assert np.array_equal(channels(picture), np.dstack([GRAY, ALPHA]))


def test_palette_with_one_transparent_colour_and_with_several() -> None:
    image = Image.fromarray(RGB).quantize(8)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(channels(load(encoded(image, "PNG"))), expected)
    for clear in (0, bytes((0, 100, 255))):
        stream = encoded(image, "PNG", transparency=clear)
        with Image.open(io.BytesIO(stream.getvalue())) as same:
            wanted = np.asarray(same.convert("RGBA"))
        picture = load(stream)
        assert np.array_equal(channels(picture), wanted)
        assert picture.alpha is not None and picture.alpha.min() == 0
        assert np.array_equal(picture.pixels, expected)
        assert picture.notes == ()
    gif = load(encoded(image, "GIF", transparency=0))
    assert gif.alpha is not None and gif.alpha.min() == 0


@pytest.mark.parametrize(("pixels", "clear"), [(GRAY, 50), (RGB, (9, 12, 15))])
def test_one_transparent_colour(pixels: NDArray[np.uint8], clear: Any) -> None:
    picture = load(encoded(Image.fromarray(pixels), "PNG", transparency=clear))
    same = pixels.reshape(24, -1) == np.atleast_1d(clear)
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha == 0, same.all(axis=1).reshape(4, 6))
    assert np.array_equal(picture.pixels, pixels)


def test_alpha_multiplied_in_is_taken_out() -> None:
    image = Image.fromarray(np.dstack([RGB, np.maximum(ALPHA, 100)]))
    picture = from_pil(image.convert("RGBa"))
    assert picture.alpha is not None
    assert np.array_equal(picture.alpha, np.maximum(ALPHA, 100))
    assert np.abs(picture.pixels.astype(int) - RGB).max() <= 2


def test_cmyk_goes_through_its_profile() -> None:
    image = Image.new("CMYK", (3, 2), (0, 255, 0, 0))
    by_profile = load(encoded(image, "TIFF", icc_profile=cmyk_profile()))
    # L 20 is gray, sRGB 48; black point compensation darkens it.
    assert by_profile.pixels.max() < 60
    assert np.ptp(by_profile.pixels, axis=2).max() <= 1
    assert by_profile.notes == ("CMYK converted to sRGB through its ICC profile",)
    assert by_profile.metadata.icc is None  # it fits the pixels no more
    plain = load(encoded(image, "TIFF"))
    assert np.array_equal(plain.pixels, np.full((2, 3, 3), (255, 0, 255)))
    assert plain.notes == ("CMYK with no colour profile converted to RGB approximately",)
    broken = load(encoded(image, "TIFF", icc_profile=icc(b"CMYK")))
    assert np.array_equal(broken.pixels, plain.pixels)
    assert "unusable" in broken.notes[0]
    assert broken.metadata.icc is None


def tiff16(samples: NDArray[np.uint16], order: str, extra: int | None = None) -> io.BytesIO:
    """An uncompressed TIFF of 16-bit samples, in one strip; ``extra`` is the kind of alpha."""
    height, width, count = samples.shape
    tags = [(256, 4, width), (257, 4, height), (258, 3, 0), (259, 3, 1), (262, 3, 2)]
    tags += [(273, 4, 0), (277, 3, count), (278, 4, height), (279, 4, samples.nbytes)]
    tags += [] if extra is None else [(338, 3, extra)]
    after = 8 + 2 + 12 * len(tags) + 4
    out = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    out += struct.pack(order + "H", len(tags))
    for tag, kind, value in tags:
        number, field = 1, struct.pack(order + ("H2x" if kind == 3 else "I"), value)
        if tag == 258:
            number, field = count, struct.pack(order + "I", after)
        if tag == 273:
            field = struct.pack(order + "I", after + 2 * count)
        out += struct.pack(order + "HHI", tag, kind, number) + field
    bits = struct.pack(f"{order}{count}H", *[16] * count)
    data = samples.astype(order + "u2").tobytes()
    return io.BytesIO(out + bytes(4) + bits + data)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_deep_png_keeps_all_its_bits(count: int) -> None:
    samples = DEEP[..., :count]
    picture = load(png16(samples))
    assert picture.bit_depth == 16
    assert np.array_equal(channels(picture), samples)
    assert picture.notes == ()


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("count", "extra"), [(3, None), (4, 2)])
def test_deep_tiff_keeps_all_its_bits(order: str, count: int, extra: int | None) -> None:
    samples = DEEP[..., :count]
    picture = load(tiff16(samples, order, extra))
    assert np.array_equal(channels(picture), samples)
    assert picture.notes == ()


def test_deep_tiff_with_alpha_multiplied_in() -> None:
    alpha = np.maximum(DEEP[..., 3:], 30000).astype(np.uint64)
    product = np.concatenate([DEEP[..., :3] * alpha // 65535, alpha], axis=2).astype(np.uint16)
    picture = load(tiff16(product, "<", 1))
    assert np.abs(picture.pixels.astype(int) - DEEP[..., :3]).max() <= 3
    assert np.array_equal(channels(picture)[..., 3], alpha[..., 0])


def test_deep_gray_tiff_and_portable_files() -> None:
    gray, colours = DEEP[..., 0], DEEP[..., :3]
    streams = [
        encoded(Image.fromarray(gray), "TIFF"),
        io.BytesIO(b"P5 6 4 65535\n" + gray.astype(">u2").tobytes()),
        io.BytesIO(b"P6 6 4 65535\n" + colours.astype(">u2").tobytes()),
    ]
    for stream, expected in zip(streams, (gray, gray, colours), strict=True):
        picture = load(stream)
        assert picture.pixels.dtype == np.uint16
        assert np.array_equal(picture.pixels, expected)
    few = io.BytesIO(b"P6 1 1 1000\n" + struct.pack(">3H", 0, 500, 1000))
    assert load(few).pixels.tolist() == [[[0, 32768, 65535]]]


def test_deep_pictures_with_one_transparent_colour() -> None:
    gray = load(png16(DEEP[..., :1], chunk(b"tRNS", struct.pack(">H", DEEP[1, 2, 0]))))
    assert gray.alpha is not None
    assert np.array_equal(gray.alpha == 0, DEEP[..., 0] == DEEP[1, 2, 0])
    near = DEEP[..., :3].copy()
    near[0, 0] = near[1, 2]
    near[0, 1] = near[1, 2] ^ np.uint16(1)  # the same in its high bytes
    picture = load(png16(near, chunk(b"tRNS", struct.pack(">3H", *near[1, 2]))))
    assert picture.alpha is not None
    assert sorted(zip(*np.nonzero(picture.alpha == 0), strict=True)) == [(0, 0), (1, 2)]


def test_deep_picture_opened_by_the_caller(tmp_path: Any) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(png16(DEEP).getvalue())
    with Image.open(path) as image:
        assert np.array_equal(channels(from_pil(image)), DEEP)
        # Loaded by now: Pillow has only the high bytes left.
        assert np.array_equal(channels(from_pil(image)), DEEP >> 8)


def test_twelve_bits_are_scaled_to_sixteen() -> None:
    picture = from_pil(Image.fromarray(np.array([[0, 4095]], np.uint16)))
    assert picture.pixels.tolist() == [[0, 4095]]
    # Two samples of 12 bits, 0xFFF and 0x800, in three bytes.
    data = tiff16(DEEP[..., :1], "<").getvalue()
    entry = {256: 2, 257: 1, 258: 12, 262: 1, 278: 1, 279: 3}
    out = bytearray(data)
    for at in range(10, 10 + 12 * 9, 12):
        tag = struct.unpack_from("<H", out, at)[0]
        if tag in entry:
            struct.pack_into("<I", out, at + 8, entry[tag])
        if tag == 273:
            strip = struct.unpack_from("<I", out, at + 8)[0]
    out[strip:] = bytes((0xFF, 0xF8, 0x00))
    assert load(io.BytesIO(bytes(out))).pixels.tolist() == [[65535, (0x800 * 65535 + 2047) // 4095]]


def test_what_decoders_reduce_is_said() -> None:
    plain = b"P3 1 1 1000\n0 500 1000\n"
    picture = load(io.BytesIO(plain))
    assert picture.pixels.tolist() == [[[0, 128, 255]]]
    assert picture.notes == ("16-bit samples reduced to 8 bits",)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_arrays(count: int, dtype: type[np.generic]) -> None:
    array = DEEP[..., :count].astype(dtype)
    picture = from_array(array)
    assert np.array_equal(channels(picture), array)
    assert picture.pixels.dtype == dtype
    assert picture.channels == (3 if count > 2 else 1)
    image = to_pil(picture)
    deep_gray = dtype is np.uint16 and count == 1
    assert image.mode == ("I;16" if deep_gray else ("L", "LA", "RGB", "RGBA")[count - 1])


def test_unsuitable_arrays() -> None:
    for bad in (np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2, 4)), np.zeros((2, 0, 2), np.uint8)):
        with pytest.raises(UsageError):
            from_array(bad)  # type: ignore[arg-type]
    for alpha in (np.zeros((4, 5), np.uint8), np.zeros((4, 6), np.uint16)):
        with pytest.raises(UsageError, match="does not match"):
            Picture(RGB, alpha=alpha)
    big_endian = from_array(DEEP.astype(">u2"))
    assert big_endian.pixels.dtype == np.uint16 and np.array_equal(channels(big_endian), DEEP)


def test_samples_reduced_to_bytes_are_the_nearest() -> None:
    deep = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    reduced = reduced_to_bytes(deep)
    assert reduced.dtype == np.uint8
    assert np.abs(reduced * 257.0 - deep).max() <= 128
    assert reduced_to_bytes(reduced) is reduced
