"""Writing pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec.errors import DiskFullError, OutputError, UsageError
from lcodec.picture import WRITE_SUFFIXES, Metadata, Picture, load, save
from tests.picture.samples import icc

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
GRAY = RGB[:, :, 0].copy()
Patch = pytest.MonkeyPatch
LOSSY = {".jpg", ".jpeg", ".avif"}


@pytest.mark.parametrize("suffix", sorted(WRITE_SUFFIXES))
@pytest.mark.parametrize("pixels", [RGB, GRAY], ids=["rgb", "gray"])
def test_round_trip(tmp_path: Path, suffix: str, pixels: NDArray[np.uint8]) -> None:
    path = tmp_path / f"a{suffix.upper()}"
    if suffix == ".pgm" and pixels.ndim == 3:
        with pytest.raises(UsageError, match="gray only"):
            save(pixels, path)
        return
    save(Picture(pixels), path)
    back = load(path).pixels
    if pixels.ndim == 2 and back.ndim == 3:
        assert suffix in (".ppm", ".webp", ".qoi", ".avif")
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    assert back.shape == pixels.shape
    if suffix not in LOSSY:
        assert np.array_equal(back, pixels)


@pytest.mark.parametrize("suffix", sorted(WRITE_SUFFIXES))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("opaque", [True, False])
def test_profiles_of_gray_are_kept_or_said_to_be_lost(
    tmp_path: Path, suffix: str, dtype: type[np.unsignedinteger[Any]], opaque: bool
) -> None:
    pixels = GRAY.astype(dtype)
    alpha = None if opaque else RGB[:, :, 1].astype(dtype)
    picture = Picture(pixels, alpha=alpha, metadata=Metadata(icc(b"GRAY")))
    lost = save(picture, tmp_path / f"a{suffix}")
    back = load(tmp_path / f"a{suffix}")
    assert back.notes == ()  # nothing is in the file that does not belong there
    assert (back.metadata.icc is None) == any("ICC profile" in note for note in lost)


def test_qoi_is_not_linear(tmp_path: Path) -> None:
    save(RGB, tmp_path / "a.qoi")
    assert (tmp_path / "a.qoi").read_bytes()[12:14] == bytes([3, 0])  # channels, colour space


def test_existing_file_needs_overwrite(tmp_path: Path) -> None:
    save(RGB, tmp_path / "a.png")
    with pytest.raises(OutputError, match="exists"):
        save(GRAY, tmp_path / "a.png")
    save(GRAY, tmp_path / "a.png", overwrite=True)
    assert np.array_equal(load(tmp_path / "a.png").pixels, GRAY)


def test_unknown_suffix_and_bad_arrays(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`\.xyz`; known formats: \.avif \.bmp"):
        save(RGB, tmp_path / "a.xyz")
    with pytest.raises(UsageError, match="unknown picture format"):
        save(RGB, tmp_path / "a")
    with pytest.raises(UsageError, match="8 or 16 bits"):
        save(RGB.astype(np.float32), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_suffix_argument_overrules_the_path(tmp_path: Path) -> None:
    save(RGB, tmp_path / "a.out", suffix=".bmp")
    with Image.open(tmp_path / "a.out") as image:
        assert image.format == "BMP"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("suffix", sorted(WRITE_SUFFIXES))
@pytest.mark.parametrize("edge", [8, 200])  # what fits into a buffer is written at the end
def test_full_disk(tmp_path: Path, suffix: str, edge: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (edge, edge), np.uint8)
    path = tmp_path / f"a{suffix}"
    path.symlink_to("/dev/full")
    with pytest.raises(DiskFullError) as caught:
        save(noise, path)
    assert str(caught.value) == f"{path}: cannot be written: No space left on device"


def test_failing_encoder_leaves_nothing(tmp_path: Path) -> None:
    wide = np.zeros((1, 20000), np.uint8)
    with pytest.raises(OutputError, match="cannot be written"):
        save(wide, tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


def test_standard_output_is_of_the_command_line(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="unknown picture format"):
        save(RGB, "-")
    save(RGB, "-", suffix=".png")
    assert np.array_equal(load("-").pixels, RGB)
    assert [path.name for path in tmp_path.iterdir()] == ["-"]
