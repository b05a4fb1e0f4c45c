"""Pictures that are written by rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageCms

from lcodec.errors import OutputError, UsageError
from lcodec.picture import Metadata, Picture, load, save
from lcodec.picture.rowfiles import Written, save_rows
from tests import tinymodel
from tests.picture.samples import exif, icc

HEIGHT, WIDTH = 210, 170
COLOURS = tinymodel.picture(HEIGHT, WIDTH)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm", ".npy"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_written_by_rows(
    tmp_path: Path, suffix: str, dtype: type[np.unsignedinteger[Any]], channels: int
) -> None:
    samples = np.dstack([COLOURS, COLOURS[::-1, :, 0]]).astype(dtype)[..., :channels]
    bands = (samples[k : k + 33] for k in range(0, HEIGHT, 33))
    icc = PROFILE if channels > 2 else None
    metadata = Metadata(icc, None, b"<x/>")
    picture = Written(HEIGHT, WIDTH, channels, 8 * samples.itemsize, bands, metadata)
    path = tmp_path / f"a{suffix}"
    lost = save_rows(picture, path)
    if suffix == ".npy":
        assert np.array_equal(np.load(path).reshape(samples.shape), samples)
        return
    back = load(path)
    colours = samples[..., :3] if channels > 2 else samples[..., 0]
    if suffix == ".ppm":
        assert lost and (back.pixels == colours.reshape(HEIGHT, WIDTH, -1)).all()
        return
    if suffix == ".tif" and channels == 2 and dtype is np.uint16:  # which few programs can read
        colours = np.repeat(colours[..., None], 3, axis=2)
    assert np.array_equal(back.pixels, colours)
    assert (back.metadata.icc, back.metadata.xmp) == (icc, b"<x/>")
    if channels in (2, 4):
        assert back.alpha is not None and np.array_equal(back.alpha, samples[..., -1])
    with pytest.raises(OutputError, match="exists"):
        save_rows(picture, path)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".ppm", ".pnm"])
@pytest.mark.parametrize("space", [b"RGB ", b"GRAY"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_gray_by_rows_is_what_it_is_at_once(
    tmp_path: Path, suffix: str, space: bytes, channels: int, dtype: type[np.unsignedinteger[Any]]
) -> None:
    samples = COLOURS.astype(dtype)[..., :channels]
    metadata = Metadata(icc(space), exif(), b"<x/>")
    if suffix == ".tif":
        metadata = replace(metadata, exif=None)  # which is lost by rows
    bands = (samples[k : k + 33] for k in range(0, HEIGHT, 33))
    written = Written(HEIGHT, WIDTH, channels, 8 * samples.itemsize, bands, metadata)
    alpha = samples[..., 1] if channels == 2 else None
    lost = save_rows(written, tmp_path / f"rows{suffix}")
    noted = save(Picture(samples[..., 0], alpha=alpha, metadata=metadata), tmp_path / f"a{suffix}")
    assert bool(lost) is bool(noted)
    rows, whole = load(tmp_path / f"rows{suffix}"), load(tmp_path / f"a{suffix}")
    assert rows.metadata == whole.metadata
    assert np.array_equal(rows, whole)
    if suffix == ".png":
        assert rows.metadata == metadata


def test_exif_that_cannot_be_read_is_not_written_by_rows(tmp_path: Path) -> None:
    written = Written(1, 1, 1, 8, iter([COLOURS[:1, :1, :1]]), Metadata(exif=b"no EXIF"))
    assert "lost: EXIF" in save_rows(written, tmp_path / "a.png")[0]
    assert load(tmp_path / "a.png").metadata == Metadata()


def test_formats_that_need_all_of_a_picture(tmp_path: Path) -> None:
    picture = Written(1, 1, 3, 8, iter([COLOURS[:1, :1]]))
    with pytest.raises(UsageError, match="cannot be written by rows"):
        save_rows(picture, tmp_path / "a.webp")
    with pytest.raises(UsageError, match="gray only"):
        save_rows(picture, tmp_path / "a.pgm")
