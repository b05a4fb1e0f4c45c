"""What each format keeps, and the one note on what it does not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, features

from lcodec.picture import Metadata, Picture, from_array, load, save
from lcodec.picture.deeppng import write_png
from tests.picture.samples import exif, icc

RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(0, 65536, (70, 9, 4), np.uint16)
BYTES = RANDOM.integers(0, 256, (70, 9, 4), np.uint8)
ALL = Metadata(icc(), exif(), b"<x:xmpmeta/>")
LOSSLESS = (".png", ".tif", ".webp", ".jp2", ".j2k", ".qoi")


def samples(picture: Picture) -> NDArray[Any]:
    pixels = picture.pixels.reshape(picture.height, picture.width, -1)
    if picture.alpha is None:
        return pixels
    return np.concatenate([pixels, picture.alpha[..., None]], axis=2)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize("count", [2, 4])
def test_alpha_is_written(tmp_path: Path, suffix: str, count: int) -> None:
    path = tmp_path / f"a{suffix}"
    assert save(from_array(BYTES[..., :count]), path) == ()
    back = samples(load(path))
    gray = count == 2 and back.shape[2] == 4  # formats without gray
    assert np.array_equal(back, BYTES[..., [0, 0, 0, 1]] if gray else BYTES[..., :count])


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pnm"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_sixteen_bits_are_written(tmp_path: Path, suffix: str, count: int) -> None:
    if suffix == ".pnm" and count % 2 == 0:
        pytest.skip("no alpha")
    path = tmp_path / f"a{suffix}"
    assert save(from_array(DEEP[..., :count]), path) == ()
    expected = DEEP[..., :count]
    if suffix == ".tif":
        expected = DEEP[..., [0, 0, 0, 1]] if count == 2 else expected
        assert np.array_equal(np.asarray(tifffile.imread(path)).reshape(expected.shape), expected)
    assert np.array_equal(samples(load(path)), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg", ".avif"])
def test_metadata_is_written(tmp_path: Path, suffix: str, dtype: type[np.generic]) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    path = tmp_path / f"a{suffix}"
    array = DEEP if dtype is np.uint16 else BYTES
    notes = save(Picture(array[..., :3], metadata=ALL), path)
    deep = dtype is np.uint16 and suffix not in (".png", ".tif")
    assert notes == (
        (f"a {suffix} file cannot hold everything; lost: samples beyond 8 bits",) if deep else ()
    )
    back = load(path)
    assert back.notes == ()
    assert (back.metadata.icc, back.metadata.xmp) == (ALL.icc, ALL.xmp)
    with Image.open(path) as image:
        tags = image.getexif()
        assert tags[0x010F] == "Maker"
        assert tags.get_ifd(0x8769)[0x829A] == 0.25


def test_one_note_names_all_that_is_lost(tmp_path: Path) -> None:
    whole = Picture(DEEP[..., :3], alpha=DEEP[..., 3], metadata=ALL)

    def lost(suffix: str) -> str:
        (note,) = save(whole, tmp_path / f"a{suffix}")
        return note.partition("lost: ")[2]

    assert lost(".jpg") == "alpha, samples beyond 8 bits"
    assert lost(".bmp") == "alpha, samples beyond 8 bits, ICC profile, EXIF, XMP"
    assert lost(".ppm") == "alpha, ICC profile, EXIF, XMP"
    assert lost(".webp") == "samples beyond 8 bits"
    assert lost(".jp2") == "samples beyond 8 bits, ICC profile, EXIF, XMP"
    opaque = Picture(BYTES[..., :3], alpha=np.full((70, 9), 255, np.uint8))
    assert save(opaque, tmp_path / "b.jpg") == ()


def test_metadata_that_does_not_fit_is_named(tmp_path: Path) -> None:
    large = Metadata(None, exif() + bytes(70000), b"<x/>" + bytes(70000))
    (note,) = save(Picture(BYTES[..., 0], metadata=large), tmp_path / "a.jpg")
    assert note.endswith("lost: EXIF, XMP")
    assert save(Picture(BYTES[..., 0], metadata=large), tmp_path / "a.png") == ()
    (note,) = save(Picture(BYTES[..., 0], metadata=Metadata(exif=b"junk")), tmp_path / "b.tif")
    assert note.endswith("lost: EXIF")


def test_large_profile_in_jpeg(tmp_path: Path) -> None:
    profile = icc(size=200_000)
    save(Picture(BYTES[..., :3], metadata=Metadata(profile)), tmp_path / "a.jpg")
    assert load(tmp_path / "a.jpg").metadata.icc == profile


def test_deep_png_is_filtered() -> None:
    rows, columns = np.mgrid[0:100, 0:100]
    smooth = np.dstack([rows * 300 + columns * 7, columns * 600, rows * 650]).astype(np.uint16)
    stream = io.BytesIO()
    write_png(stream, Picture(smooth))
    assert len(stream.getvalue()) < 0.05 * smooth.nbytes
    assert np.array_equal(load(stream).pixels, smooth)


def test_strips_of_tiff(tmp_path: Path) -> None:
    tall = RANDOM.integers(0, 65536, (300, 300, 3), np.uint16)
    save(Picture(tall), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages.first.dataoffsets) > 2
        assert np.array_equal(file.asarray(), tall)
    assert np.array_equal(load(tmp_path / "a.tif").pixels, tall)
