"""imageio reads and writes ``.lic`` files through Pillow, without a plugin of its own."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

import lcodec
from tests.tinymodel import picture


@pytest.fixture(autouse=True)
def registered(tiny_model: Path) -> None:
    lcodec.register_pillow()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_written_and_read(tmp_path: Path, channels: int) -> None:
    rgb = picture(40, 56)
    pixels = np.dstack([rgb, rgb[..., 1]])[..., :channels]
    pixels = pixels[..., 0] if channels == 1 else np.ascontiguousarray(pixels)
    path = tmp_path / "a.lic"
    iio.imwrite(path, pixels, quality=70)
    assert path.read_bytes() == lcodec.encode(pixels, 70)
    decoded = lcodec.decode(path.read_bytes())
    expected = (
        decoded.pixels if decoded.alpha is None else np.dstack([decoded.pixels, decoded.alpha])
    )
    assert np.array_equal(iio.imread(path), expected)
    assert np.array_equal(iio.imread(path.read_bytes()), expected)
    properties = iio.improps(path)
    assert properties.shape == expected.shape and properties.dtype == np.dtype("uint8")
    assert iio.immeta(path)["lcodec"]["quality"] == 70


def test_bytes_and_16_bits() -> None:
    deep = picture(40, 56)[..., 0].astype(np.uint16) * 257
    data = iio.imwrite("<bytes>", deep, extension=".lic", plugin="pillow", quality=40)
    assert data == lcodec.encode(deep, 40)
    assert np.array_equal(iio.imread(data), lcodec.decode(data).pixels)


def test_damaged_files_raise(tmp_path: Path) -> None:
    (tmp_path / "a.lic").write_bytes(lcodec.encode(picture(20, 20))[:-1])
    with pytest.raises(OSError, match="truncated"):
        iio.imread(tmp_path / "a.lic", plugin="pillow")
