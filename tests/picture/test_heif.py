"""HEIC pictures, as telephones take them, through an extra package."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import Base

import lcodec
from lcodec import suffixes
from lcodec.cli.main import run
from lcodec.errors import InputError
from lcodec.picture import load, probe, upright_size
from lcodec.picture.picture import Samples
from tests.tinymodel import picture

heif: Any = pytest.importorskip("pillow_heif")


def saved(path: Path, pixels: Samples, mode: str = "RGB", **options: Any) -> Path:
    """A HEIC file, almost without loss."""
    size = (pixels.shape[1], pixels.shape[0])
    image = heif.from_bytes(mode, size, np.ascontiguousarray(pixels).tobytes())
    image.save(path, quality=-1, chroma=444, matrix_coefficients=0, **options)
    return path


def near(one: Samples, other: Samples, share: float = 0.02) -> bool:
    full = float(np.iinfo(one.dtype).max)
    return bool(np.abs(one.astype(float) - other).max() <= share * full)


def test_colours_gray_and_alpha(tmp_path: Path) -> None:
    pixels = picture(40, 64)
    read = load(saved(tmp_path / "a.heic", pixels))
    assert read.pixels.dtype == np.uint8 and near(read.pixels, pixels)
    assert (read.alpha, read.notes) == (None, ())
    assert near(load(saved(tmp_path / "b.heic", pixels[..., 0], "L")).pixels, pixels[..., 0])
    alpha = np.broadcast_to(np.arange(64, dtype=np.uint8) * 4, (40, 64))
    both = load(saved(tmp_path / "c.heic", np.dstack([pixels, alpha]), "RGBA"))
    assert near(both.pixels, pixels) and both.alpha is not None and near(both.alpha, alpha)


def test_deep_samples_stay_deep(tmp_path: Path) -> None:
    """Ten bits are scaled to 16, so that white stays white."""
    deep = picture(32, 48).astype(np.uint16) * 257
    deep[:8], deep[8:16] = 65535, 0
    read = load(saved(tmp_path / "a.heic", deep, "RGB;16"))
    assert read.pixels.dtype == np.uint16 and near(read.pixels, deep)
    assert int(read.pixels[:4].min()) > 65000


def test_turned_once(tmp_path: Path) -> None:
    """The file turns the picture itself, and EXIF says how the camera was held."""
    exif = Image.Exif()
    exif[Base.Orientation], exif[Base.Model] = 6, "a telephone"
    image = Image.fromarray(picture(40, 64))
    path = tmp_path / "a.heic"
    heif.from_pillow(image).save(path, quality=90, exif=exif.tobytes())
    read = load(path)
    assert near(read.pixels, np.rot90(picture(40, 64), -1), 0.1)
    assert read.metadata.exif is not None
    kept = Image.Exif()
    kept.load(b"Exif\0\0" + read.metadata.exif)
    assert (kept.get(Base.Orientation, 1), kept[Base.Model]) == (1, "a telephone")
    with path.open("rb") as stream:
        assert upright_size(stream) == (40, 64) == probe(stream)[:2]


def test_profiles(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = heif.from_pillow(Image.fromarray(picture(40, 64)))
    image.info["icc_profile"] = profile
    image.save(tmp_path / "a.heic")
    assert load(tmp_path / "a.heic").metadata.icc == profile
    image = heif.from_pillow(Image.fromarray(picture(40, 64)))
    image.save(tmp_path / "b.heic", color_primaries=12, transfer_characteristics=13)  # Display P3
    found = load(tmp_path / "b.heic").metadata.icc
    assert found is not None and found != profile and b"acsp" in found


def test_damage_and_limits(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.heic", picture(40, 64))
    with pytest.raises(InputError, match="64x40 is 2560 pixels, the limit is 100"):
        load(path, max_pixels=100)
    data = path.read_bytes()
    for cut in (20, 200, len(data) // 2, len(data) - 40):
        with pytest.raises(InputError):
            load(io.BytesIO(data[:cut]))


def test_commands_take_them(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    path = saved(photos / "IMG_1.HEIC", picture(40, 64))
    assert run(["encode", str(path), str(tmp_path / "a.lic"), "--quiet"]) == 0
    assert lcodec.decode(tmp_path / "a.lic").pixels.shape == (40, 64, 3)
    assert run(["batch", str(photos), str(tmp_path / "out"), "-j", "1"]) == 0
    assert (tmp_path / "out" / "IMG_1.lic").is_file()
    assert "left out" not in capsys.readouterr().err


def test_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = saved(tmp_path / "a.heic", picture(40, 64))
    monkeypatch.setattr(suffixes, "HEIF_IS_READ", False)
    assert run(["encode", str(path)]) == 3
    said = capsys.readouterr().err
    assert said == f"lcodec: {path}: is a HEIC picture, which needs `pip install 'lcodec[heic]'`\n"
