"""Reading pictures of every kind, and refusing what cannot be read."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import lcodec
from lcodec.errors import InputError, UsageError
from lcodec.picture import Picture, check_pixels, load, probe
from lcodec.picture.convert import from_pil
from tests.picture.samples import DEEP, SIPPING, exif, png16, tiff

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
GRAY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def encoded(image: Image.Image, kind: str, **options: Any) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    buffer.seek(0)
    return buffer


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


def test_path_and_nothing_from_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.fromarray(RGB), "PNG").getvalue()
    (tmp_path / "a.png").write_bytes(data)
    assert np.array_equal(load(tmp_path / "a.png").pixels, RGB)
    assert np.array_equal(load(str(tmp_path / "a.png")).pixels, RGB)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="-: no such file"):
        load("-")
    with pytest.raises(InputError, match="-: no such file"):
        lcodec.encode("-")


def test_stream_that_cannot_seek() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise OSError("not seekable")

    data = encoded(Image.fromarray(RGB), "PNG").getvalue()
    assert np.array_equal(load(Pipe(data)).pixels, RGB)


def of_every_kind() -> dict[str, bytes]:
    image, text = Image.fromarray(np.tile(RGB, (8, 8, 1))), PngInfo()
    text.add_text("Comment", "a text that Pillow keeps")
    marked: dict[str, Any] = {"exif": b"Exif\0\0" + exif(6)}
    kinds = ("BMP", "GIF", "JPEG", "JPEG2000", "PPM", "TIFF", "WEBP", "AVIF")
    plain = {
        kind: encoded(image, kind, **(marked if kind in ("JPEG", "WEBP", "AVIF") else {}))
        for kind in kinds
        if kind in Image.SAVE
    }
    levels = DEEP[..., :3].astype(">u2").tobytes()
    return {kind: stream.getvalue() for kind, stream in plain.items()} | {
        "PNG": encoded(image, "PNG", pnginfo=text, **marked).getvalue(),
        "deep PNG": png16(DEEP).getvalue(),
        "deep TIFF": tiff(DEEP[..., :3], 16, 2),
        "deep PPM": b"P6 6 4 65535\n" + levels,
    }


@pytest.mark.parametrize("sips", SIPPING)
def test_streams_that_give_little_at_a_time(sips: Any) -> None:
    """As raw ones may. What is told of a picture besides its pixels is read completely, too."""
    for kind, data in of_every_kind().items():
        whole, other = load(io.BytesIO(data)), load(sips(data))
        assert np.array_equal(other.pixels, whole.pixels), kind
        assert (other.metadata, other.notes) == (whole.metadata, whole.notes), kind
        assert probe(sips(data)) == probe(io.BytesIO(data)), kind
    with pytest.raises(InputError, match="not a picture of a known format"):
        load(sips(b"no picture, but of some length"))


def test_bilevel_becomes_gray() -> None:
    bits = GRAY > 100
    picture = load(encoded(Image.fromarray(bits), "PNG"))
    assert np.array_equal(picture.pixels, bits * np.uint8(255))


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("L", (5, 4), value) for value in (10, 200, 90)]
    picture = load(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert (picture.pixels == 10).all()
    assert "only the first of 3 frames is kept" in picture.notes


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
    with pytest.raises(InputError, match="PostScript document, which is not read"):
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
    for value in (1, 70000):  # which of them is white, nothing tells
        deep = encoded(Image.fromarray(np.full((2, 2), value, np.int32)), "TIFF")
        with pytest.raises(InputError, match="more than 16 bits"):
            load(deep)
        image = Image.open(deep)
        image.load()
        with pytest.raises(InputError, match="more than 16 bits"):
            from_pil(image)


def test_pixels_are_checked() -> None:
    for bad in (
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2, 4), np.uint8),
        np.zeros((2, 2), np.int16),
        np.zeros((0, 2), np.uint8),
        np.zeros(4, np.uint8),
        [[1, 2]],
    ):
        with pytest.raises(UsageError):
            check_pixels(bad)
    turned = Picture(RGB.swapaxes(0, 1))
    assert turned.pixels.flags.c_contiguous
    assert turned.width == 4


class InBytes:
    """A path that is known as bytes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> bytes:
        return os.fsencode(self.path)


def test_paths_are_named_as_they_were_given(tmp_path: Path) -> None:
    for name in ("https://example.com/a.png", "./a//b.png", ""):
        with pytest.raises(InputError) as caught:
            load(name)
        assert str(caught.value) == f"{name}: no such file"
    Image.fromarray(RGB).save(tmp_path / "a.png")
    given: Any = InBytes(tmp_path / "a.png")
    assert np.array_equal(load(given).pixels, RGB)
