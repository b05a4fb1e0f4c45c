"""Profile, EXIF and XMP are kept; orientation is applied once."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from lcodec.picture import Metadata, from_pil, load
from tests.picture.samples import DEEP, GRAY, RGB, chunk, encoded, exif, icc, png16

LOSSLESS = {"WEBP": {"lossless": True}}
XMP = b'<x:xmpmeta tiff:Orientation="%d"><tiff:Orientation>%d</tiff:Orientation></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_kept_byte_for_byte(kind: str) -> None:
    image = Image.fromarray(RGB)
    stream = encoded(image, kind, icc_profile=icc(), exif=b"Exif\0\0" + exif(), xmp=b"<x/>")
    if kind == "PNG":
        image.info["XML:com.adobe.xmp"] = "<x/>"
        stream = encoded(image, kind, icc_profile=icc(), exif=b"Exif\0\0" + exif())
    picture = load(stream)
    assert picture.metadata.icc == icc()
    assert picture.metadata.exif == exif()
    assert picture.metadata.xmp == (None if kind == "PNG" else b"<x/>")
    assert picture.notes == ()
    assert not load(io.BytesIO(stream.getvalue()), metadata=False).metadata


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_forgotten(orientation: int, order: str) -> None:
    data = exif(orientation, order)
    alpha = Image.fromarray(GRAY)
    image = Image.fromarray(RGB)
    image.putalpha(alpha)
    stream = encoded(image, "PNG", exif=b"Exif\0\0" + data)
    with Image.open(io.BytesIO(stream.getvalue())) as same:
        expected = np.asarray(ImageOps.exif_transpose(same))
    picture = load(stream)
    assert picture.alpha is not None
    assert np.array_equal(np.dstack([picture.pixels, picture.alpha]), expected)
    assert picture.pixels.flags.c_contiguous and picture.alpha.flags.c_contiguous
    assert picture.metadata.exif == exif(1, order)
    assert picture.notes == ()


def test_orientation_in_xmp_alone() -> None:
    picture = load(encoded(Image.fromarray(RGB), "WEBP", lossless=True, xmp=XMP % (6, 6)))
    assert np.array_equal(picture.pixels, np.rot90(RGB, -1))
    assert picture.metadata.xmp == XMP % (1, 1)


def test_orientation_of_deep_and_of_tiff_pictures() -> None:
    turned = load(png16(DEEP, chunk(b"eXIf", exif(3))))
    assert np.array_equal(turned.pixels, DEEP[::-1, ::-1, :3])
    tags = Image.Exif()
    tags[0x0112] = 6
    tags[0x010F] = "Maker"
    tags.get_ifd(0x8769)[0x829A] = 0.25
    picture = load(encoded(Image.fromarray(RGB), "TIFF", exif=tags.tobytes()))
    assert np.array_equal(picture.pixels, np.rot90(RGB, -1))
    kept = Image.Exif()
    assert picture.metadata.exif is not None
    kept.load(b"Exif\0\0" + picture.metadata.exif)
    assert kept[0x010F] == "Maker"
    assert kept.get_ifd(0x8769)[0x829A] == 0.25
    # What describes the file and not the picture stays behind.
    assert set(kept) <= {0x010F, 0x8769}


def test_plain_tiff_has_no_exif() -> None:
    assert not load(encoded(Image.fromarray(RGB), "TIFF")).metadata


def test_profile_must_fit_the_pixels() -> None:
    def kept(pixels: np.ndarray, profile: bytes) -> bytes | None:
        picture = load(encoded(Image.fromarray(pixels), "PNG", icc_profile=profile))
        assert (picture.metadata.icc is None) == bool(picture.notes)
        return picture.metadata.icc

    assert kept(GRAY, icc(b"GRAY")) == icc(b"GRAY")
    assert kept(GRAY, icc(b"RGB ")) == icc(b"RGB ")
    assert kept(RGB, icc(b"GRAY")) is None
    assert kept(RGB, b"profile") is None


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        (icc(b"CMYK"), "ICC profile of another colour space dropped"),
        (b"garbage", "unreadable ICC profile dropped"),
        (bytes(200), "unreadable ICC profile dropped"),
    ],
)
def test_a_profile_is_dropped_for_what_it_is(profile: bytes, words: str) -> None:
    assert load(encoded(Image.fromarray(RGB), "PNG", icc_profile=profile)).notes == (words,)


def test_damaged_exif_does_not_cost_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = load(encoded(Image.fromarray(RGB), "PNG", exif=b"Exif\0\0not a TIFF structure"))
    assert np.array_equal(picture.pixels, RGB)
    assert picture.metadata.exif is None
    assert picture.notes == ("unreadable EXIF dropped",)

    def broken(_: Image.Image) -> Image.Exif:
        raise struct.error("unpack requires a buffer of 4 bytes")

    monkeypatch.setattr(Image.Image, "getexif", broken)
    assert from_pil(Image.fromarray(RGB)).notes == ("unreadable EXIF dropped",)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "PNG by hand"])
@pytest.mark.parametrize("prefixes", [1, 2, 3])
def test_prefixes_of_exif(kind: str, prefixes: int) -> None:
    block = b"Exif\0\0" * prefixes + exif(6)
    if kind == "PNG by hand":
        stream = png16(DEEP[..., :3], chunk(b"eXIf", block))
        upright = np.rot90(DEEP[..., :3], -1)
    else:
        stream = encoded(Image.fromarray(RGB), kind, exif=block, **LOSSLESS.get(kind, {}))
        upright = np.rot90(RGB, -1)
    for picture in (load(stream), from_pil(Image.open(stream))):
        assert picture.pixels.shape == upright.shape
        assert kind == "JPEG" or picture.bit_depth == 8 or np.array_equal(picture.pixels, upright)
        assert picture.metadata.exif == exif(1) and picture.notes == ()


def test_metadata_as_pillow_has_it() -> None:
    block = b"Exif\0\0" + exif(1)
    assert Metadata(exif=block) == Metadata(exif=b"Exif\0\0" + block) == Metadata(exif=exif(1))
