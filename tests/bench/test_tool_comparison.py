"""The tool that draws the README's comparison of codecs."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from lcodec.bench import psnr
from lcodec.bench.regions import Region
from lcodec.codec import Codec
from lcodec.picture import Picture
from tests.tinymodel import picture

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "picture_comparison.py"
    spec = importlib.util.spec_from_file_location("comparison_tool", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def test_largest_file_within_a_limit(tool: ModuleType) -> None:
    image = Image.fromarray(picture(64, 80))
    sizes = []
    for quality in range(101):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality, **tool.OPTIONS["JPEG"])
        sizes.append(len(stream.getvalue()))
    data = tool.largest_file(image, "JPEG", 2500)
    assert len(data) == max(size for size in sizes if size <= 2500)
    with pytest.raises(SystemExit, match="no JPEG file has at most 100 bytes"):
        tool.largest_file(image, "JPEG", 100)


@pytest.mark.usefixtures("tiny_model")
def test_lcodec_never_has_more_bytes(tool: ModuleType) -> None:
    original = Picture(picture(64, 80))
    shown = tool.code(original, Codec(device="cpu"), 5.0, 0)
    by_name = {one.name: one for one in shown}
    assert shown[0].name == "original" and set(by_name) == {"original", "lcodec", "WebP", "JPEG"}
    assert by_name["lcodec"].bytes <= min(by_name["WebP"].bytes, by_name["JPEG"].bytes)
    assert max(one.bytes for one in shown[1:]) <= 5.0 * 64 * 80 / 8
    for one in shown[1:]:
        assert one.psnr == psnr(original.pixels, one.pixels)
        assert one.caption == f"{one.bytes} bytes, {one.psnr:.2f} dB"
    assert [one.psnr for one in shown[1:]] == sorted((s.psnr for s in shown[1:]), reverse=True)


def test_drawing_holds_the_crops_as_they_are(tool: ModuleType, tmp_path: Path) -> None:
    one = picture(64, 80)
    other = one.copy()
    other[40:56, 24:40] //= 2
    shown = [tool.Shown("original", one), tool.Shown("other", other, 900, psnr(one, other))]
    crop = tool.worst_crop(shown, 16)
    assert crop == Region(24, 40, 16, 16)
    path = tmp_path / "drawing.webp"
    assert tool.save(tool.draw(shown, crop, 3), path) == path.stat().st_size <= tool.LARGEST
    drawing = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(drawing[:48:3, :48:3], one[40:56, 24:40])
    left = 48 + 8
    assert np.array_equal(drawing[1:48:3, left + 1 : left + 48 : 3], other[40:56, 24:40])
    assert (drawing[48:] != 255).any()
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    with pytest.raises(SystemExit, match="more than 150000"):
        tool.save(Image.fromarray(noise), tmp_path / "noise.webp")
    assert not (tmp_path / "noise.webp").exists()


def test_the_readme_shows_it(tool: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(docs/comparison.webp)" in readme
    assert "python tools/picture_comparison.py" in readme
    with Image.open(tool.OUT) as image:
        image.load()
    assert tool.OUT.stat().st_size <= tool.LARGEST
