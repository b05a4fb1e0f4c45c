"""What the Pillow plugin refuses, and how it says so."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, UnidentifiedImageError

import lcodec
import lcodec.pillow
from tests.cli.command import MODEL_ID, lic_file
from tests.plugins.images import opened, saved
from tests.tinymodel import picture

RGB = picture(40, 56)


def test_foreign_and_truncated_data_is_not_identified() -> None:
    data = lic_file()
    for foreign in (b"", b"BM", bytes(100), data[:5], b"\x89PNG\r\n\x1a\n" + data[8:]):
        with pytest.raises(UnidentifiedImageError, match="cannot identify image file"):
            opened(foreign)
    with pytest.raises(SyntaxError, match=r"not a \.lic file"):
        lcodec.pillow.LicImageFile(io.BytesIO(bytes(100)))
    for length in (8, 9, 15, 30):
        with pytest.raises(UnidentifiedImageError, match="truncated: "):
            opened(data[:length])
    damaged = data[:12] + b"\xff" + data[13:]
    with pytest.raises(UnidentifiedImageError, match="wrong CRC in HEAD"):
        opened(damaged)


def test_files_of_the_future_are_named() -> None:
    data = lic_file()
    with pytest.raises(OSError, match=r"version 9\.1 is newer") as caught:
        opened(data[:8] + b"\x09" + data[9:])
    assert not isinstance(caught.value, UnidentifiedImageError)
    assert isinstance(caught.value.__cause__, lcodec.UnsupportedError)


@pytest.mark.usefixtures("tiny_model")
def test_damage_shows_with_the_pixels() -> None:
    data = lcodec.encode(RGB)
    for bad, reason in ((data[:-1], "truncated"), (data[:-9] + b"\0" + data[-8:], "wrong CRC")):
        image = opened(bad)
        assert image.size == (56, 40)
        for _ in range(2):
            with pytest.raises(OSError, match=f"cannot load .lic file: .*{reason}") as caught:
                image.load()
        assert isinstance(caught.value.__cause__, lcodec.FormatError)
        with pytest.raises(SyntaxError, match=f"broken .lic file: .*{reason}"):
            opened(bad).verify()


@pytest.mark.usefixtures("tiny_model")
def test_missing_weights_are_named() -> None:
    image = opened(lic_file())
    with pytest.raises(OSError, match=f"no model with id {MODEL_ID.hex()}"):
        image.load()
    with pytest.raises(OSError, match="model `other`: not found"):
        saved(Image.fromarray(RGB), model="other")


@pytest.mark.usefixtures("tiny_model")
def test_a_file_changed_in_between_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO(lcodec.encode(RGB))
    image = Image.open(stream)
    stream.seek(0)
    stream.write(lcodec.encode(RGB[:20]))
    stream.truncate()
    with pytest.raises(OSError, match="no longer the one that was opened"):
        image.load()


def test_limit_of_pillow_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    with pytest.raises(Image.DecompressionBombError):
        opened(lic_file())


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize(
    ("options", "error", "reason"),
    [
        ({"quality": 101}, ValueError, "quality must lie in"),
        ({"quality": "high"}, ValueError, "quality must be a whole number"),
        ({"quality": 60.5}, ValueError, "quality must be a whole number"),
        ({"effort": 10}, ValueError, "effort must lie in"),
        ({"quality": 5, "target": lcodec.Target.bpp(1)}, ValueError, "cannot be combined"),
        ({"target": "200KB"}, ValueError, "a target is a lcodec.Target"),
        ({"target": lcodec.Target.size(10)}, OSError, "10 bytes cannot be met"),
        ({"device": "gpu"}, ValueError, "unknown device"),
        ({"exif": b"nothing of the kind"}, ValueError, "exif is not EXIF data"),
        ({"icc_profile": "sRGB"}, TypeError, "icc_profile must be bytes"),
    ],
)
def test_bad_options(
    tmp_path: Path, options: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        Image.fromarray(RGB).save(tmp_path / "a.lic", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("tiny_model")
@pytest.mark.parametrize("mode", ["F", "LAB"])
def test_modes_that_cannot_be_saved(mode: str) -> None:
    with pytest.raises(OSError, match=f"cannot write mode {mode} as LIC"):
        saved(Image.new(mode, (4, 4)))
