"""Reading pictures of every kind, and refusing what cannot be read."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from lcodec.errors import InputError, UsageError
from lcodec.imageio import Picture, check_pixels, from_pil, load

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
GRAY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def encoded(image: Image.Image, kind: str, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    buffer.seek(0)
    return buffer


def png16(samples: NDArray[np.uint16], color_type: int) -> io.BytesIO:
    """A 16-bit PNG, (H, W, channels), which Pillow itself cannot write with colours."""
    height, width = samples.shape[:2]
    rows = samples.astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
@pytest.mark.parametrize("pixels", [RGB, GRAY], ids=["rgb", "gray"])
def test_plain_pictures_come_back_exactly(kind: str, pixels: NDArray[np.uint8]) -> None:
    picture = load(encoded(Image.fromarray(pixels), kind))
    assert np.array_equal(picture.pixels, pixels)
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.flags.c_contiguous
    assert picture.notes == ()
    assert (picture.height, picture.width) == (4, 6)
    assert picture.channels == (3 if pixels.ndim == 3 else 1)


def test_path_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.fromarray(RGB), "PNG").getvalue()
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(load(tmp_path / "a.png").pixels, RGB)
    assert np.array_equal(load(str(tmp_path / "a.png")).pixels, RGB)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert np.array_equal(load("-").pixels, RGB)


def test_stream_that_cannot_seek() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("not seekable")

    data = encoded(Image.fromarray(RGB), "PNG").getvalue()
    assert np.array_equal(load(Pipe(data)).pixels, RGB)


def test_alpha_is_dropped_not_blended() -> None:
    alpha = np.full((4, 6, 1), 128, np.uint8)
    picture = load(encoded(Image.fromarray(np.concatenate([RGB, alpha], 2)), "PNG"))
    assert np.array_equal(picture.pixels, RGB)
    assert picture.notes == ("alpha channel dropped",)
    opaque = load(encoded(Image.fromarray(RGB).convert("RGBA"), "PNG"))
    assert opaque.notes == ("opaque alpha channel dropped",)
    gray = Image.fromarray(GRAY)
    both = Image.merge("LA", (gray, gray))
    picture = load(encoded(both, "PNG"))
    assert np.array_equal(picture.pixels, GRAY)
    assert picture.notes == ("alpha channel dropped",)


def test_palette_and_its_transparent_colour() -> None:
    image = Image.fromarray(RGB).quantize(8)
    expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(load(encoded(image, "PNG")).pixels, expected)
    picture = load(encoded(image, "PNG", transparency=0))
    assert np.array_equal(picture.pixels, expected)
    assert picture.notes == ("transparent colour dropped",)


def test_bilevel_becomes_gray() -> None:
    bits = GRAY > 100
    picture = load(encoded(Image.fromarray(bits), "PNG"))
    assert np.array_equal(picture.pixels, bits * np.uint8(255))


def test_cmyk_becomes_rgb() -> None:
    image = Image.new("CMYK", (3, 2), (0, 255, 255, 0))
    picture = load(encoded(image, "TIFF"))
    assert np.array_equal(picture.pixels, np.full((2, 3, 3), (255, 0, 0)))
    assert "CMYK" in picture.notes[0]


def test_sixteen_bit_gray_is_rounded() -> None:
    samples = np.array([[0, 128, 129, 257, 65407, 65535]], np.uint16)
    expected = [[0, 0, 1, 1, 255, 255]]
    for stream in (
        png16(samples[..., None], 0),
        encoded(Image.fromarray(samples), "TIFF"),
        io.BytesIO(b"P5 6 1 65535\n" + samples.astype(">u2").tobytes()),
    ):
        picture = load(stream)
        assert picture.pixels.tolist() == expected
        assert picture.notes == ("16-bit samples reduced to 8 bits",)


def test_sixteen_bit_colours_are_reduced_with_a_note() -> None:
    deep = RGB.astype(np.uint16) * 257
    for stream in (
        png16(deep, 2),
        io.BytesIO(b"P6 6 4 65535\n" + deep.astype(">u2").tobytes()),
    ):
        picture = load(stream)
        assert np.array_equal(picture.pixels, RGB)
        assert picture.notes == ("16-bit samples reduced to 8 bits",)


def test_sixteen_bit_gray_with_alpha_stays_gray() -> None:
    deep = np.stack([GRAY.astype(np.uint16) * 257, np.full(GRAY.shape, 99, np.uint16)], 2)
    picture = load(png16(deep, 4))
    assert np.array_equal(picture.pixels, GRAY)
    assert picture.notes == ("16-bit samples reduced to 8 bits", "alpha channel dropped")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stream = encoded(Image.fromarray(RGB), "PNG", exif=exif.tobytes())
    with Image.open(io.BytesIO(stream.getvalue())) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    picture = load(stream)
    assert np.array_equal(picture.pixels, expected)
    assert picture.pixels.flags.c_contiguous
    assert ("EXIF orientation applied" in picture.notes) == (orientation != 1)
    assert "EXIF dropped" in picture.notes


def test_icc_and_xmp_are_named() -> None:
    stream = encoded(Image.fromarray(RGB), "WEBP", icc_profile=b"profile", xmp=b"<x/>")
    assert load(stream).notes == ("ICC profile dropped", "XMP dropped")


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("L", (5, 4), value) for value in (10, 200, 90)]
    picture = load(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert (picture.pixels == 10).all()
    assert "only the first of 3 frames is kept" in picture.notes


def test_damaged_exif_does_not_cost_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Image.Image) -> Image.Exif:
        raise struct.error("unpack requires a buffer of 4 bytes")

    monkeypatch.setattr(Image.Image, "getexif", broken)
    picture = from_pil(Image.fromarray(RGB))
    assert np.array_equal(picture.pixels, RGB)
    assert picture.notes == ("unreadable EXIF dropped",)


def test_pixel_limit_is_checked_before_decoding() -> None:
    stream = encoded(Image.new("L", (40, 30)), "PNG")
    assert load(stream, max_pixels=1200).width == 40
    # The data is cut after the header: decoding would fail with another message.
    head = io.BytesIO(stream.getvalue()[:50])
    with pytest.raises(InputError, match="40x30 is 1200 pixels, the limit is 1199"):
        load(head, max_pixels=1199)


def test_own_limit_replaces_that_of_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert load(encoded(Image.new("L", (40, 30)), "PNG")).width == 40
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "GIF", "WEBP", "BMP", "PPM"])
def test_truncated_files_are_input_errors(kind: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise), kind).getvalue()
    for length in (0, 1, 7, 20, len(data) // 2):
        with pytest.raises(InputError):
            load(io.BytesIO(data[:length]))


def test_errors_are_one_line_and_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as missing:
        load(tmp_path / "missing.png")
    assert "missing.png" in str(missing.value)
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match=r"text\.png: not a picture") as text:
        load(tmp_path / "text.png")
    assert "\n" not in str(text.value)


def test_postscript_is_not_handed_to_an_outside_program() -> None:
    with pytest.raises(InputError, match="not a picture"):
        load(io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n"))


def test_pillow_without_a_format_reads_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.OPEN, "WEBP")
    assert np.array_equal(load(encoded(Image.fromarray(RGB), "TIFF")).pixels, RGB)
    with pytest.raises(InputError, match="not a picture"):
        load(encoded(Image.fromarray(RGB), "WEBP"))


def test_unknown_sample_ranges_are_refused() -> None:
    with pytest.raises(InputError, match="floating-point"):
        load(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))
    with pytest.raises(InputError, match="more than 16 bits"):
        load(encoded(Image.fromarray(np.full((2, 2), 70000, np.int32)), "TIFF"))


def test_pixels_are_checked() -> None:
    for bad in (
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((0, 2), np.uint8),
        np.zeros(4, np.uint8),
        [[1, 2]],
    ):
        with pytest.raises(UsageError):
            check_pixels(bad)
    turned = Picture(RGB.swapaxes(0, 1))
    assert turned.pixels.flags.c_contiguous
    assert turned.width == 4
