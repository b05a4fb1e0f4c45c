"""Looks at the decoded picture correct what is coded."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch

from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import ms_ssim
from lcodec.picture import Samples, load
from lcodec.pipeline.areas import tile_areas, tiles_within
from lcodec.pipeline.looks import analyse_with_looks, looks_halo
from lcodec.pipeline.pixels import LatentArea, PixelTransform, patches
from lcodec.tunes import TuneName
from tests.codec.plain import header_of, without_looks
from tests.conftest import RELEASED
from tests.tinymodel import picture


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", list(TuneName))
@pytest.mark.parametrize("kind", ["colour", "gray", "deep"])
def test_files_get_smaller_at_equal_quality(tune: TuneName, kind: str) -> None:
    codec = Codec(tune=tune, device="cpu")
    photograph = Path(skimage.__file__).parent / "data" / "astronaut.png"
    pixels: Samples = load(photograph).stripped().pixels[:320, 128:384]
    if kind == "gray":
        pixels = pixels[..., 1].copy()
    elif kind == "deep":
        pixels = pixels.astype(np.uint16) * 257
    measures = [psnr] if pixels.dtype == np.uint16 else [psnr, ms_ssim]

    def point(data: bytes) -> tuple[float, list[float]]:
        shown = codec.decode(data).pixels
        return math.log(len(data)), [of(pixels, shown) for of in measures]

    plain = [point(without_looks(codec, pixels, quality)) for quality in (35, 50, 65)]
    rate, values = point(codec.encode(pixels, 50))
    for number, value in enumerate(values):
        curve = [found[number] for _, found in plain]
        assert rate < np.interp(value, curve, [size for size, _ in plain]) - 0.01


def test_without_networks_nothing_is_lacking(tiny_model: Path) -> None:
    """A linear synthesis of orthonormal components: rounding errors move no other latents."""
    codec, pixels = Codec(device="cpu", tune="psnr"), picture(128, 160) // 4 + 100
    transforms = codec.loaded.transforms
    for module in (transforms.analysis.leave, transforms.synthesis.leave):
        module.start_at_zero()
    torch.nn.init.zeros_(transforms.gains.log_correction.values)
    found = analyse_with_looks(codec.stages.pixels, pixels, header_of(codec, pixels, 60))
    assert len(np.unique(found.rounded)) > 10
    assert np.abs(found.rounded - found.y).max() < 0.52  # components are stored in float16


def test_one_look_moves_no_latent_by_more_than_a_step(tiny_model: Path) -> None:
    codec, pixels = Codec(device="cpu", tune="psnr"), picture(64, 96)
    found = analyse_with_looks(codec.stages.pixels, pixels, header_of(codec, pixels, 100))
    assert np.abs(found.rounded - np.rint(found.y)).max() == 1
    assert np.array_equal(found.y, codec.stages.pixels.analyse(pixels, 100))


@pytest.mark.parametrize("tune", list(TuneName))
@pytest.mark.parametrize("shape", [(230, 300, 3), (230, 300)])
def test_no_seams(tiny_model: Path, shape: tuple[int, ...], tune: TuneName) -> None:
    codec = Codec(device="cpu", tune=tune, tile_edge=128)
    pixels = picture(230, 300)
    pixels = pixels if len(shape) == 3 else pixels[..., 1].copy()
    header = header_of(codec, pixels, 70)
    transforms, device = codec.loaded.transforms, codec.loaded.device
    quality_of, factors = codec.stages.pixels._quality_of, codec.stages.pixels.tune
    whole = PixelTransform(transforms, device, 1000, quality_of, factors)
    blocks = PixelTransform(transforms, device, 5, quality_of, factors)
    one = analyse_with_looks(whole, pixels, header)
    assert (one.rounded != np.rint(one.y)).any()
    other = analyse_with_looks(blocks, pixels, header)
    assert (one.rounded != other.rounded).mean() < 1e-3
    # A tile, from the pixels around it.
    halo = looks_halo(whole)
    area = LatentArea.of_pixels(header, header.tile_box(1), halo)
    rows, columns = (patches(slice(s.outer_start, s.outer_stop)) for s in (area.rows, area.columns))
    part = analyse_with_looks(whole, pixels[rows, columns], header, area=area)
    wanted = slice(None), slice(0, 8), slice(8, 16)
    assert (part.rounded != one.rounded[wanted]).mean() < 1e-3
    assert np.abs(part.y - one.y[wanted]).max() < 1e-3 * np.abs(one.y).max()


def test_tiles_of_an_area_are_found_without_the_others(tiny_model: Path) -> None:
    """A picture has as many areas as tiles; looking through all tiles each time would not end."""
    codec = Codec(device="cpu", tile_edge=128)
    header = header_of(codec, picture(300, 500), 50)
    tiles = tile_areas(header)
    assert list(tiles_within(header, *LatentArea.whole(header).wanted)) == tiles
    for number, tile in enumerate(tiles):
        area = LatentArea.of_pixels(header, header.tile_box(number), 3)
        assert list(tiles_within(header, *area.wanted)) == [tile]
    area = LatentArea.of_pixels(header, (128, 128, 500, 300), 0)
    assert [tile.number for tile in tiles_within(header, *area.wanted)] == [5, 6, 7, 9, 10, 11]
    pieces = list(tiles[0].pieces(4))
    assert len(pieces) == 4 and pieces[1] == (slice(0, 4), slice(4, 8))
