"""Which pixels are kept without loss, and what files of drawn pictures become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

import lcodec
from lcodec import container
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.picture import Samples, load
from lcodec.picture.rows import of_array
from lcodec.pipeline.drawn import has_few_colours
from lcodec.pipeline.encoder import Encoded, Encoder
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.strips import decode_strips, encode_strips
from tests.conftest import RELEASED
from tests.tinymodel import picture


def page(height: int = 192, width: int = 256, seed: int = 0) -> Samples:
    """Text in two colours on a flat ground, and a frame."""
    image = Image.new("RGB", (width, height), (250, 249, 240))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    random = np.random.default_rng(seed)
    for top in range(8, height - 16, 18):
        words = "".join(chr(97 + letter) for letter in random.integers(0, 26, width // 9))
        draw.text((10, top), words, (20, 20, 60) if top % 36 else (160, 30, 20), font)
    draw.rectangle((2, 2, width - 3, height - 3), outline=(0, 90, 160))
    return np.asarray(image)


def half_photograph(height: int = 192, width: int = 256) -> Samples:
    """A page, and a picture with noise to the right of it."""
    return np.concatenate([page(height, width), picture(height, 192)], axis=1)


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    """A small model, which claims that its networks cost much."""
    return dear(Codec(device="cpu", tune="psnr"))


def dear(codec: Codec) -> Codec:
    """The codec, its networks' bits thought to be as many as those of a released model."""
    assert codec.stages.splitter is not None
    codec.stages.splitter._octave *= 12.0
    return codec


def plain(codec: Codec) -> Codec:
    return Codec(codec.loaded.name, device="cpu", layers=False)


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_released_models(tune: str) -> None:
    codec, pixels = Codec(device="cpu", tune=tune), half_photograph()
    for level in (75, 100):
        layer = codec.stages.splitter.choose(pixels, level) if codec.stages.splitter else None
        assert layer is not None
        assert layer.kept[:, :240].mean() > 0.9
        assert layer.kept[:, 272:].mean() < 0.1
        assert codec.stages.splitter is not None
        assert codec.stages.splitter.choose(picture(192, 256), level) is None
    pixels = page(96, 128)
    found, without = (one.encode(pixels, 95) for one in (codec, plain(codec)))
    assert len(found) < len(without)
    shown, blurred = (codec.decode(data).picture.pixels for data in (found, without))
    assert psnr(pixels, shown) > psnr(pixels, blurred) + 10
    (tile,) = container.read(found).tiles
    assert tile.layer and container.read(without).tiles[0].layer == b""


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_a_higher_level_rounds_no_colours_more(tune: str) -> None:
    image = Image.new("RGB", (96, 96), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    for number in range(8):
        draw.text((2, 12 * number), "The quick brown fox", (0, 0, 84 * number % 255), font)
    tile = np.asarray(image)
    splitter = Codec(device="cpu", tune=tune).stages.splitter
    assert splitter is not None
    errors = []
    for level in range(40, 100, 5):
        layer = splitter.choose(tile, level)
        assert layer is not None and layer.kept.all()
        errors.append(float(np.square(layer.pixels.astype(float) - tile).sum()))
    assert errors == sorted(errors, reverse=True) and errors[0] > errors[-1]


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_photographs_have_no_layer(tune: str) -> None:
    photographs = load(Path(__file__).parents[2] / "docs" / "crops.webp").pixels[:384, :384]
    splitter = Codec(device="cpu", tune=tune).stages.splitter
    assert splitter is not None
    assert [level for level in (0, 50, 70, 80) if splitter.choose(photographs, level)] == []
    # Nor if they have a palette: what the networks do not show of them is little.
    image = Image.fromarray(photographs[:256, :256])
    few = np.asarray(image.quantize(256, dither=Image.Dither.NONE).convert("RGB"))
    grays = np.asarray(image.convert("L")) // 8 * 8
    assert has_few_colours(few) and has_few_colours(grays)
    for pixels in (few, grays):
        assert [level for level in (0, 30) if splitter.choose(pixels, level)] == []


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_text_on_a_gradient_of_colours(tune: str) -> None:
    rows, columns = np.mgrid[0:192, 0:256]
    steps = np.stack([90 + rows / 3 + columns / 7, 160 - columns / 4, 99 + rows / 5], axis=2)
    pixels = steps.astype(np.uint8)
    written = (page() < 200).any(2)
    pixels[written] = page()[written]
    codec = Codec(device="cpu", tune=tune)
    assert codec.stages.splitter is not None
    layer = codec.stages.splitter.choose(pixels, 85)
    assert layer is not None and layer.kept.mean() > 0.8


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", ["visual", "psnr"])
def test_flat_areas_cost_the_networks_nothing(tune: str) -> None:
    """Their means have many steps, but neighbours foretell them."""
    splitter = Codec(device="cpu", tune=tune).stages.splitter
    assert splitter is not None
    flat = np.full((96, 128, 3), (250, 249, 240), np.uint8)
    flat[:, 64:] = 30, 20, 90
    for level in (0, 50):
        quality = splitter._transform.quality(level)
        costs = splitter._network_cost(flat, quality, octave=1.0)
        assert costs.shape == (6, 8) and costs[0, 0] > 3.0
        foretold = np.delete(costs[1:], 4, axis=1).max()
        assert foretold < 3.0 and costs[0, 4] > 5.0 * foretold


def test_a_noisy_picture_has_no_layer(codec: Codec) -> None:
    pixels = picture(192, 256)
    for level in (0, 50, 80):
        assert codec.encode(pixels, level) == plain(codec).encode(pixels, level)


def test_a_layer_keeps_what_is_drawn_and_leaves_the_rest(codec: Codec) -> None:
    pixels = half_photograph()
    layer = codec.stages.splitter.choose(pixels, 95) if codec.stages.splitter else None
    assert layer is not None
    assert layer.kept[:, :240].mean() > 0.9
    assert layer.kept[:, 272:].mean() < 0.1
    data = codec.encode(pixels, 95)
    shown = codec.decode(data).picture.pixels
    assert np.array_equal(shown[layer.kept], layer.pixels[layer.kept])


def test_gray_deep_and_transparent_pages(codec: Codec) -> None:
    gray = page()[..., 0]
    layer = codec.stages.splitter.choose(gray, 100) if codec.stages.splitter else None
    assert layer is not None and layer.kept.mean() > 0.8
    shown = codec.decode(codec.encode(gray, 100)).picture.pixels
    assert np.array_equal(shown[layer.kept], layer.pixels[layer.kept])
    deep = page().astype(np.uint16) * 257
    assert codec.encode(deep, 95) == plain(codec).encode(deep, 95)
    alpha = np.full((192, 256, 1), 255, np.uint8)
    alpha[50:90, 40:200] = 0
    found = codec.decode(codec.encode(np.dstack([page(), alpha]), 100)).picture
    assert found.alpha is not None and np.array_equal(found.alpha, alpha[..., 0])
    seen = alpha[..., 0] > 0
    assert (found.pixels == page())[seen].all(1).mean() > 0.8
    assert not found.pixels[~seen].any()


def test_several_tiles_and_several_pictures(codec: Codec) -> None:
    codec = dear(Codec(device="cpu", tune="psnr", tile_edge=128))
    pixels = half_photograph()
    data = codec.encode(pixels, 95)
    assert 0 < len(container.read(data).layers) < container.read(data).header.tile_count
    pages = [page(), picture(192, 256), page(seed=1), pixels]
    together = codec.encode_many(pages, 95)
    assert [one.data for one in together] == [codec.encode(one, 95) for one in pages]


def test_a_part_and_a_preview_show_the_layer(codec: Codec) -> None:
    pixels = page()
    data = codec.encode(pixels, 100)
    with lcodec.Reader(data, codec=codec) as reader:
        part = reader.read((30, 20, 101, 67)).picture.pixels
        assert np.array_equal(part, pixels[20:87, 30:131])
        small = reader.read((32, 16, 128, 64), 4).picture.pixels.astype(np.float64)
    means = pixels[16:80, 32:160].reshape(16, 4, 32, 4, 3).mean((1, 3))
    assert np.abs(small - means).max() <= 0.5


@pytest.mark.parametrize("effort", [0, 1])
def test_an_impossible_size_names_the_smallest_file(
    codec: Codec, effort: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That without layers and most latents, though a file with layers is smaller at level 0."""
    pixels = half_photograph(96, 128)
    write = Encoder.write

    def heavier(self: Encoder, quality: int, symbols: PictureSymbols) -> Encoded:
        """Files whose latents are all there, but no layers, are larger."""
        made = write(self, quality, symbols)
        dear = not container.read(made.data).layers and np.count_nonzero(symbols.y) > 400
        return replace(made, data=made.data + bytes(5000 * dear))

    monkeypatch.setattr(Encoder, "write", heavier)
    with pytest.raises(lcodec.TargetError, match=r"has (\d+) bytes$") as raised:
        codec.encode(pixels, target=lcodec.Target.size(20), effort=effort)
    monkeypatch.undo()
    least = int(str(raised.value).split()[-2])
    assert least < len(codec.encode(pixels, 0))
    assert "% of its latents" in str(raised.value)


def test_effort_and_targets(codec: Codec) -> None:
    pixels = half_photograph(96, 128)
    refined = codec.encode_detailed(pixels, target=lcodec.Target.psnr(29.0), effort=1)
    shown = codec.decode(refined.data).picture.pixels
    assert refined.psnr == pytest.approx(psnr(pixels, shown), abs=1e-3)
    assert container.read(refined.data).layers
    size = len(codec.encode(pixels, 95))
    found = codec.encode_detailed(pixels, target=lcodec.Target.size(size))
    assert len(found.data) <= size
    alone = plain(codec).encode_detailed(pixels, target=lcodec.Target.size(size))
    better = psnr(pixels, codec.decode(found.data).picture.pixels)
    assert better >= psnr(pixels, codec.decode(alone.data).picture.pixels)
    assert len(found.trials) > len(alone.trials)  # searched with layers, and without
    wanted = lcodec.Target.psnr(psnr(pixels, codec.decode(alone.data).picture.pixels) - 0.5)
    close = codec.encode_detailed(pixels, target=wanted)
    assert psnr(pixels, codec.decode(close.data).picture.pixels) >= wanted.value
    assert len(close.data) <= len(plain(codec).encode(pixels, target=wanted))


@pytest.mark.parametrize(("band", "minor"), [(1, 3), (70, 3), (1000, 3), (70, 1)])
def test_strips(tiny_model: Path, band: int, minor: int) -> None:
    """The same file, whose version is that of its tiles, through what can only be written."""
    codec = dear(Codec(device="cpu", tune="psnr", tile_edge=64))
    pixels, level = (half_photograph(250), 95) if minor == 3 else (picture(192, 256), 50)
    written: list[bytes] = []
    pipe = SimpleNamespace(write=written.append)
    found = encode_strips(codec, of_array(pixels, band), pipe, level)
    data = b"".join(written)
    assert data == codec.encode(pixels, level) and found.size == len(data)
    assert container.read(data).version == (1, minor)
    layers = [bool(tile.layer) for tile in container.read(data).tiles]
    assert (any(layers), all(layers)) == (minor == 3, False)
    shown = np.concatenate(list(decode_strips(codec, container.read(data)).bands))
    assert np.array_equal(shown, codec.decode(data).picture.pixels)
    without = Codec(device="cpu", tune="psnr", tile_edge=64, layers=False)
    written.clear()
    encode_strips(without, of_array(pixels, band), pipe, level)
    assert b"".join(written) == without.encode(pixels, level)


def test_a_page_arrives_by_and_by(codec: Codec) -> None:
    pixels = page(240, 256)
    data = codec.encode(pixels, 95)
    (tile,) = container.read(data).tiles
    start = data.index(tile.layer)
    rows = []
    for share in (0.01, 0.5, 0.75, 0.9, 0.97):
        cut = data[: start + int(share * len(tile.layer))]
        found = lcodec.salvage(cut, codec=codec)
        assert found.lost == (0,) and not found.partial
        assert "in the MIXED section from byte" in found.faults[0]
        shown = found.decoded.pixels
        empty = (shown == 128).all((1, 2))
        rows.append(int(np.argmax(empty)) if empty.any() else len(shown))
        assert empty[rows[-1] :].all()
        assert np.array_equal(shown[: rows[-1]], codec.decode(data).pixels[: rows[-1]])
        told = [fault for fault in found.faults if f"the upper {rows[-1]} rows" in fault]
        assert len(told) == (rows[-1] > 0)
    assert rows == sorted(rows) and rows[0] == 0 and 60 < rows[2] < rows[4] <= 240


def test_without_webp_nothing_is_kept(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(page(), 95)
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    assert codec.encode(page(), 95) == plain(codec).encode(page(), 95)
    with pytest.raises(lcodec.UnsupportedError, match="WebP"):
        codec.decode(data)


@pytest.mark.parametrize("level", [5, 50, 95])
def test_patterns_of_single_pixels_are_exact(codec: Codec, level: int) -> None:
    rows, columns = np.mgrid[0:96, 0:128]
    checks = np.repeat(((rows + columns) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    for pixels in (checks, checks[..., 0], checks // 2 + np.array([9, 40, 90], np.uint8)):
        data = codec.encode(pixels, level)
        assert np.array_equal(codec.decode(data).picture.pixels, pixels)
        assert len(data) < 300
