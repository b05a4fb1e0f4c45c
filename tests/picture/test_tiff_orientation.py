"""TIFF pictures are turned upright once, by us or by Pillow, which turns what it loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from lcodec.picture import Picture, from_pil, load, upright_size
from lcodec.picture.ifd import ORIENTATION

KINDS = (
    ("RGB", None),
    ("RGB", "tiff_lzw"),
    ("RGB", "jpeg"),
    ("YCbCr", "jpeg"),  # only Pillow reads it
    ("YCbCr", None),  # Pillow misreads it
    ("L", None),
    ("P", None),
    ("RGBA", None),
    ("RGBA", "tiff_adobe_deflate"),
    ("1", None),
    ("1", "group3"),
    ("1", "group4"),
    ("CMYK", None),
    ("I;16", None),
    ("I;16", "tiff_lzw"),
)
TURNED: dict[int, Callable[[Any], Any]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def drawn(mode: str) -> Image.Image:
    """A picture of 64x40 with squares that survive subsampling."""
    squares = np.random.default_rng(3).integers(0, 256, (5, 8, 3), np.uint8)
    image = Image.fromarray(np.kron(squares, np.ones((8, 8, 1), np.uint8)))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert(mode)


def ways(path: Path) -> dict[str, Picture]:
    """The picture, read in every way that there is."""
    read = {"path": load(path)}
    with Image.open(path) as image:
        read["opened"] = from_pil(image)
    with Image.open(path) as image:
        image.load()
        read["loaded"] = from_pil(image)
    with path.open("rb") as stream:
        read["stream"] = load(stream)
        read["opened stream"] = from_pil(Image.open(stream))
        image = Image.open(stream)
        image.load()
        read["loaded stream"] = from_pil(image)
    return read


@pytest.mark.parametrize(("mode", "compression"), KINDS)
def test_every_orientation_in_every_way(tmp_path: Path, mode: str, compression: str | None) -> None:
    path, image = tmp_path / "a.tif", drawn(mode)
    for orientation, turned in TURNED.items():
        tags = Image.Exif()
        tags[ORIENTATION] = orientation
        image.save(path, exif=tags, compression=compression)
        if orientation == 1:
            stored = load(path).pixels
        expected = turned(stored)
        for way, picture in ways(path).items():
            assert picture.pixels.shape == expected.shape, (orientation, way)
            deep = picture.bit_depth == 16 or expected.dtype == np.uint8
            wanted = expected.astype(int) if deep else expected.astype(int) >> 8
            off = abs(picture.pixels.astype(int) - wanted)
            assert off.max() <= 3, (orientation, way)
        with path.open("rb") as stream:
            assert upright_size(stream) == expected.shape[1::-1], orientation


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_kinds_that_pillow_misreads(
    tmp_path: Path, orientation: int, compression: str | None
) -> None:
    path = tmp_path / "a.tif"
    samples = np.random.default_rng(4).integers(0, 65536, (5, 8), np.uint16)
    tags = [(ORIENTATION, "H", 1, orientation, True)]
    tifffile.imwrite(
        path, samples, photometric="miniswhite", compression=compression, extratags=tags
    )
    expected = TURNED[orientation](65535 - samples)
    for way, picture in ways(path).items():
        assert np.array_equal(picture.pixels, expected), way


def test_an_orientation_set_later_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    drawn("L").save(path)
    for loads in (False, True):
        with Image.open(path) as image:
            if loads:
                image.load()
            image.getexif()[ORIENTATION] = 6
            assert np.array_equal(from_pil(image).pixels, TURNED[6](load(path).pixels)), loads
