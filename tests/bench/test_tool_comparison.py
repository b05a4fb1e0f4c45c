"""The tool that draws the README's comparison of codecs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from lcodec.bench.peers import PEERS
from lcodec.library.codec import Codec
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.picture import Picture
from lcodec.region import Region
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


def test_smallest_file_of_a_size(tool: ModuleType) -> None:
    pixels = picture(64, 80)
    jpeg = PEERS["jpeg"]
    sizes = [len(jpeg.encode(pixels, quality)) for quality in range(101)]
    assert len(tool.smallest_file(jpeg, pixels, 2500)) == min(s for s in sizes if s >= 2500)
    jxl = PEERS["jxl"]
    found = len(tool.smallest_file(jxl, pixels, 2500))
    assert 2500 <= found < 2900
    with pytest.raises(SystemExit, match=r"no JPEG .* file has 999999 bytes"):
        tool.smallest_file(jpeg, pixels, 999999)


@pytest.mark.usefixtures("tiny_model")
def test_lcodec_never_has_more_bytes(tool: ModuleType) -> None:
    original = Picture(picture(64, 80))
    shown = tool.code(original, Codec(device="cpu"), 5.0, 0)
    assert [one.name for one in shown] == ["original", "lcodec", *tool.NAMES.values()]
    assert shown[1].bytes <= 5.0 * 64 * 80 / 8
    for one in shown[1:]:
        assert one.bytes >= shown[1].bytes
        assert one.points == ssimulacra2(original.pixels, one.pixels)
        assert one.caption == f"{one.bytes} bytes, SSIM.2 {one.points:.1f}"


def test_drawing_holds_the_crops_as_they_are(tool: ModuleType, tmp_path: Path) -> None:
    one = picture(64, 80)
    other = one.copy()
    other[40:56, 24:40] //= 2
    shown = [tool.Shown("original", one), tool.Shown("other", other, 900, 60.0)]
    (crop,) = tool.worst_crops(shown, 16)
    assert crop == Region(24, 40, 16, 16)
    path = tmp_path / "drawing.webp"
    drawn = tool.draw(shown, crop, 3)
    assert tool.save(tool.stacked([drawn, drawn]), path, 150_000) == path.stat().st_size
    drawing = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(drawing[:48:3, :48:3], one[40:56, 24:40])
    left = 48 + 8
    assert np.array_equal(drawing[1:48:3, left + 1 : left + 48 : 3], other[40:56, 24:40])
    assert (drawing[48 : drawn.height] != 255).any()
    below = drawn.height + 8
    assert np.array_equal(drawing[below : below + 48 : 3, :48:3], one[40:56, 24:40])
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    with pytest.raises(SystemExit, match="more than 150000"):
        tool.save(Image.fromarray(noise), tmp_path / "noise.webp", 150_000)
    assert not (tmp_path / "noise.webp").exists()


def test_the_documents_show_them(tool: ModuleType) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "(docs/comparison.webp)" in readme
    assert "python tools/picture_comparison.py" in readme
    assert "(crops.webp)" in (ROOT / "docs" / "visual.md").read_text("utf-8")
    for path, largest in tool.LARGEST.items():
        with Image.open(path) as image:
            image.load()
        assert path.stat().st_size <= largest
    assert all((tool.photograph(name).width > 400) for name in tool.PHOTOGRAPHS)
    assert tool.CROPS * len(tool.PHOTOGRAPHS) == 10
