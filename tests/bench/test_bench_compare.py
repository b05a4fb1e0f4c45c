"""Figures of pictures of any modes, and the places where they differ most."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lcodec.bench.picturefiles import read_files
from lcodec.bench.regions import error_cells, worst_regions
from lcodec.errors import FormatError, InputError, UsageError
from lcodec.library.codec import Codec
from lcodec.metrics.compare import (
    PictureFile,
    aligned,
    check_sizes,
    compare_pictures,
    figures_of,
    shown_psnr,
)
from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import ms_ssim
from lcodec.picture import Metadata, Picture, load
from lcodec.region import Region
from tests.tinymodel import picture


def noisy(pixels: np.ndarray, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (pixels + random.integers(-9, 10, pixels.shape)).clip(0, 255).astype(np.uint8)


def test_figures_are_those_of_the_samples() -> None:
    one = picture(180, 190)
    other = noisy(one)
    figures = figures_of(Picture(one), Picture(other))
    assert figures.psnr == psnr(one, other)
    assert figures.ms_ssim == ms_ssim(one, other)
    assert figures.notes == ()
    assert figures_of(Picture(one[:175]), Picture(other[:175])).ms_ssim is None
    assert math.isinf(figures_of(Picture(one), Picture(one)).psnr)
    assert (shown_psnr(math.inf), shown_psnr(31.238)) == ("equal", "31.24")


def test_gray_and_deep_pictures_compare_with_others() -> None:
    gray = picture(20, 30)[..., 0]
    colour = np.repeat(gray[..., None], 3, axis=2)
    deep = gray.astype(np.uint16) * np.uint16(257)
    other = noisy(gray)
    expected = psnr(gray, other)
    for same in (gray, colour, deep, colour.astype(np.uint16) * np.uint16(257)):
        assert math.isinf(figures_of(Picture(gray), Picture(same)).psnr)
        assert figures_of(Picture(same), Picture(other)).psnr == pytest.approx(expected)
        assert figures_of(Picture(other), Picture(same)).psnr == pytest.approx(expected)


def test_what_is_invisible_in_the_reference_does_not_count() -> None:
    one = picture(20, 30)
    other = noisy(one)
    alpha = np.full((20, 30), 255, np.uint8)
    alpha[:, :10] = 0
    reference = Picture(one, alpha=alpha)
    pair = aligned(reference, Picture(other))
    assert pair.visible is not None and int(pair.visible.sum()) == 400
    assert np.array_equal(pair.other[:, :10], one[:, :10])
    figures = figures_of(reference, Picture(other, alpha=alpha))
    assert figures.psnr == pytest.approx(psnr(one[:, 10:].copy(), other[:, 10:].copy()))
    assert figures.notes == ()
    (note,) = figures_of(reference, Picture(other)).notes
    assert "alpha differs" in note
    opaque = Picture(one, alpha=np.full((20, 30), 255, np.uint8))
    assert figures_of(opaque, Picture(other)).notes == ()
    deep = np.full((20, 30), 65535, np.uint16)
    deep[:, :10] = 0
    wide = Picture(one.astype(np.uint16) * np.uint16(257), alpha=deep)
    assert figures_of(reference, wide).notes == ()
    (note,) = figures_of(Picture(one), Picture(other, metadata=Metadata(icc=b"x"))).notes
    assert "colour profile differs" in note


def test_sizes_must_agree() -> None:
    check_sizes([("a", 3, 2), ("b", 3, 2)])
    with pytest.raises(UsageError, match=r"sizes: a\.png is 3x2 and c\.png is 2x3$"):
        check_sizes([("a.png", 3, 2), ("b.png", 3, 2), ("c.png", 2, 3)])
    file = PictureFile("a", "PNG", 10, Picture(picture(8, 9)))
    with pytest.raises(UsageError, match="different sizes"):
        compare_pictures(file, [PictureFile("b", "PNG", 10, Picture(picture(9, 8)))])


@pytest.mark.usefixtures("tiny_model")
def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    original, coded, rotated = (tmp_path / name for name in ("a.png", "b.dat", "c.jpg"))
    Image.fromarray(picture(40, 50)).save(original)
    coded.write_bytes(Codec(device="cpu").encode(load(original), 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(50, 40)).save(rotated, exif=exif)  # stored lying on its side
    files = read_files([original, coded, rotated], device="cpu")
    assert [file.kind for file in files] == ["PNG", "LIC, quality 30", "JPEG"]
    assert [file.bytes for file in files] == [p.stat().st_size for p in (original, coded, rotated)]
    assert files[0].bpp == 8 * files[0].bytes / 2000
    decoded = Codec(device="cpu").decode(coded.read_bytes()).pixels
    assert np.array_equal(files[1].picture.pixels, decoded)
    with pytest.raises(InputError, match=r"none\.png: cannot be read"):
        read_files([original, tmp_path / "none.png"])
    coded.write_bytes(coded.read_bytes()[:-5])
    with pytest.raises(FormatError, match=r"b\.dat: "):
        read_files([original, coded])


def test_cells_are_sums_of_squares() -> None:
    one = np.zeros((13, 21, 3), np.uint8)
    other = one.copy()
    other[12, 20, 1] = 3
    other[0, 8, 0] = 2
    cells = error_cells(one, other)
    assert cells.shape == (2, 3)
    assert cells[1, 2] == 9 * 257**2 and cells[0, 1] == 4 * 257**2
    assert cells.sum() == cells[1, 2] + cells[0, 1]
    gray, grayer = one[..., 0], one[..., 0].copy()
    grayer[0, 0] = 1
    assert error_cells(gray, grayer)[0, 0] == 3 * 257**2
    wide = np.uint16(257)
    deep = error_cells(gray.astype(np.uint16) * wide, grayer.astype(np.uint16) * wide)
    assert np.array_equal(deep, error_cells(gray, grayer))


def test_worst_places_first_without_overlap() -> None:
    one = np.full((100, 150, 3), 100, np.uint8)
    other, third = one.copy(), one.copy()
    other[8:40, 16:48] = 110
    third[60:92, 96:128] = 120
    third[0:4, 140:150] = 101
    cells = [error_cells(one, other), error_cells(one, third)]
    found = worst_regions(cells, 150, 100, side=32, count=10)
    # Pixel 60 lies inside a square of 8: the best window is cut off by half of one.
    assert found[0].picture == 1 and found[0].region.left == 96
    assert found[0].region.top in (56, 64)
    best = next(w for w in found if w.picture == 0)
    assert best.region == Region(16, 8, 32, 32)
    assert best.mse == pytest.approx(100.0)
    assert [w.mse for w in found] == sorted((w.mse for w in found), reverse=True)
    for i, first in enumerate(found):
        for second in found[:i]:
            a, b = first.region, second.region
            apart = abs(a.left - b.left) >= 32 or abs(a.top - b.top) >= 32
            assert apart
            assert a.left + a.width <= 150 and a.top + a.height <= 100
    assert worst_regions([error_cells(one, one)], 150, 100, side=32, count=3) == []
    cells = [error_cells(one[:5, :6], third[60:65, 100:106])]
    (small,) = worst_regions(cells, 6, 5, side=64, count=3)
    assert small.region == Region(0, 0, 6, 5)
    assert small.mse == pytest.approx(400.0)
