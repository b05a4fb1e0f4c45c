"""Colour spaces that files state in figures become profiles, or are named as lost."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from lcodec.picture import Picture, from_pil, load, save
from lcodec.picture.boxes import boxes
from tests.picture.samples import RGB as PIXELS
from tests.picture.samples import chunk, icc, png

SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
ADOBE = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
GRAY, RGB = 0, 2


def gamma(value: int) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", value))


def points(values: tuple[int, ...]) -> bytes:
    return chunk(b"cHRM", struct.pack(">8I", *values))


def cicp(*values: int) -> bytes:
    return chunk(b"cICP", bytes(values))


def of(extra: bytes, kind: int = RGB) -> Picture:
    pixels = PIXELS if kind == RGB else PIXELS[..., :1]
    return load(io.BytesIO(png(pixels, 8, kind, extra)))


def to_srgb(profile: bytes, colour: tuple[int, int, int]) -> list[int]:
    """A colour of a profile in sRGB, by lcms."""
    image = Image.new("RGB", (1, 1), colour)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    out = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
    assert out is not None
    return np.asarray(out).ravel().tolist()


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        gamma(45455),
        gamma(45454) + points(SRGB),
        points(SRGB),
        cicp(1, 13, 0, 1),
        cicp(1, 1, 0, 1),
        cicp(2, 2, 0, 1),
        chunk(b"sRGB", b"\0") + gamma(100000) + points(ADOBE),
    ],
)
def test_what_is_srgb_needs_no_profile(extra: bytes) -> None:
    for kind in (GRAY, RGB):
        picture = of(extra, kind)
        assert picture.metadata.icc is None and picture.notes == ()


def test_figures_become_a_profile() -> None:
    linear = of(gamma(100000)).metadata.icc
    assert linear is not None
    # Half the light is 188 in sRGB.
    assert to_srgb(linear, (128, 128, 128)) == [188] * 3
    adobe = of(gamma(45455) + points(ADOBE)).metadata.icc
    assert adobe is not None
    red, green, blue = to_srgb(adobe, (64, 191, 64))
    assert red < 5 and abs(green - 192) < 3 and blue < 66  # more saturated than sRGB's
    gray = of(gamma(100000), GRAY)
    assert gray.metadata.icc is not None and gray.metadata.icc[16:20] == b"GRAY"
    assert gray.notes == ()


def test_code_points_become_a_profile() -> None:
    p3 = of(cicp(12, 13, 0, 1))
    assert p3.notes == () and p3.metadata.icc is not None
    # The red of sRGB in Display P3 (W3C, CSS Color 4).
    assert np.abs(np.array(to_srgb(p3.metadata.icc, (234, 51, 35))) - [255, 0, 0]).max() <= 2
    for primaries in (1, 4, 5, 6, 7, 8, 9, 11, 12, 22):
        for transfer in (4, 5, 7, 8, 13, 14):
            picture = of(cicp(primaries, transfer, 0, 1))
            plain = primaries == 1 and transfer in (13, 14)
            assert (picture.metadata.icc is None) == plain
            assert picture.notes == ()
            if picture.metadata.icc:
                white = to_srgb(picture.metadata.icc, (255, 255, 255))
                assert min(white) >= 254


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (cicp(9, 16, 0, 1), "9/16 (H.273), PQ"),
        (cicp(9, 18, 0, 1), "9/18 (H.273), HLG"),
        (cicp(12, 13, 0, 0), "another range"),
        (cicp(12, 13, 1, 1), "another range or matrix"),
        (cicp(77, 13, 0, 1), "77/13"),
        (gamma(0), "gAMA"),
        (gamma(45455) + points((0,) * 8), "gAMA, cHRM"),
    ],
)
def test_what_no_profile_says_is_named(extra: bytes, words: str) -> None:
    picture = of(extra)
    (note,) = picture.notes
    assert note.startswith("dropped: ") and words in note
    assert picture.metadata.icc is None
    assert np.array_equal(picture.pixels, PIXELS)


def test_a_profile_comes_before_figures() -> None:
    import zlib

    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(icc()))
    assert of(profile + gamma(100000)).metadata.icc == icc()
    assert of(profile + cicp(12, 13, 0, 1)).metadata.icc == icc()
    assert load(io.BytesIO(png(PIXELS, 8, RGB, gamma(100000))), metadata=False).metadata.icc is None


def test_of_images_that_the_caller_opened(tmp_path: Path) -> None:
    data = png(PIXELS, 8, RGB, cicp(12, 13, 0, 1))
    (tmp_path / "a.png").write_bytes(data)
    expected = of(cicp(12, 13, 0, 1)).metadata.icc
    for loaded in (False, True):
        image = Image.open(tmp_path / "a.png")
        if loaded:
            image.load()
        assert from_pil(image).metadata.icc == expected
        image.close()
    image = Image.open(io.BytesIO(png(PIXELS, 8, RGB, gamma(100000) + points(ADOBE))))
    image.load()
    setattr(image, "_fp", None)  # noqa: B010
    assert from_pil(image).metadata.icc == of(gamma(100000) + points(ADOBE)).metadata.icc


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_avif() -> None:
    stream = io.BytesIO()
    Image.fromarray(np.repeat(PIXELS, 8, axis=0)).save(stream, "AVIF")
    data = stream.getvalue()
    assert load(io.BytesIO(data)).metadata.icc is None
    at = data.index(b"nclx") + 4
    assert dict(boxes(data)).keys() >= {b"ftyp", b"meta"}

    def changed(primaries: int, transfer: int) -> Picture:
        values = struct.pack(">HH", primaries, transfer)
        return load(io.BytesIO(data[:at] + values + data[at + 4 :]))

    assert changed(12, 13).metadata.icc == of(cicp(12, 13, 0, 1)).metadata.icc
    assert changed(9, 16).notes == ("dropped: colour space 9/16 (H.273), PQ",)
    assert changed(1, 1).metadata.icc is None


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_with_a_profile_of_colours_is_written_as_colours(
    tmp_path: Path, suffix: str, dtype: type[np.unsignedinteger]
) -> None:
    from lcodec.picture import Metadata

    gray = (PIXELS[..., 0].astype(dtype) * (257 if dtype is np.uint16 else 1)).astype(dtype)
    path = tmp_path / f"a{suffix}"
    save(Picture(gray, metadata=Metadata(icc(b"RGB "))), path)
    back = load(path)
    assert back.metadata.icc == icc(b"RGB ")
    assert back.channels == 3
    if suffix != ".jpg":
        assert np.array_equal(back.pixels, np.repeat(gray[..., None], 3, axis=2))
    save(Picture(gray, metadata=Metadata(icc(b"GRAY"))), path, overwrite=True)
    assert load(path).channels == 1
