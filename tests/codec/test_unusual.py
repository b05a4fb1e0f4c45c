"""Pictures unlike photographs: coding stays finite, decodable, and no worse than without networks.

The linear branch (`Synthesis.linear_only` over latents of `Analysis.linear` alone) is a plain
transform codec that no picture can upset. The networks beside it are trained on photographs; here
they must not spoil what they were not trained on, without the help of lossless layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.library.codec import Codec
from lcodec.nets.transforms import PATCH
from lcodec.picture import Picture
from lcodec.pipeline.looks import analyse_with_looks
from lcodec.tunes import TuneName
from lcodec.weights import ENVIRONMENT
from tests.codec.plain import header_of, without_looks
from tests.conftest import RELEASED, ROOT

Pixels = NDArray[np.uint8]

SIDE = 96
EVERY_TENTH = range(0, 101, 10)
# dB that the networks may cost, by tune; those of one care for other things than squared error.
LOSS_LIMIT = {TuneName.PSNR: 1.0, TuneName.VISUAL: 4.0}
ENOUGH = 40.0  # dB; an error of two or three levels of 255
HANDFUL = 100  # samples
PEAK = 48.13  # dB of an error of one level everywhere; better than that counts as that

released = pytest.mark.skipif(
    not RELEASED.is_file(), reason="the released weights (models/groupedmixer) are not here"
)


def flat(*colour: int) -> Pixels:
    """One colour everywhere."""
    return np.broadcast_to(np.array(colour, np.uint8), (SIDE, SIDE, 3)).copy()


def noise() -> Pixels:
    """Every sample uniform and independent."""
    return np.random.default_rng(11).integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def checkerboard(first: Pixels, second: Pixels) -> Pixels:
    """Two pictures in alternate pixels."""
    rows, columns = np.indices((SIDE, SIDE))
    return np.where(((rows + columns) % 2 == 0)[..., None], first, second)


def stripes() -> Pixels:
    """Black and white columns of one pixel."""
    columns = np.arange(SIDE)[None, :, None] % 2 == 0
    return np.where(columns, flat(255, 255, 255), flat(0, 0, 0))


def gray_stripes() -> Pixels:
    """The same with three quarters of the contrast."""
    return np.where(stripes() > 0, np.uint8(224), np.uint8(32))


def primaries() -> Pixels:
    """Blocks of the eight corners of the RGB cube, not aligned to any patch."""
    cells = np.add.outer(np.arange(SIDE) // 19 * 3, np.arange(SIDE) // 19 * 5) % 8
    return (np.stack([cells >> 2 & 1, cells >> 1 & 1, cells & 1], -1) * 255).astype(np.uint8)


def lone_pixel() -> Pixels:
    """White on black."""
    pixels = flat(0, 0, 0)
    pixels[41, 50] = 255
    return pixels


def tiny() -> Pixels:
    """A picture of one pixel."""
    return np.array([[[250, 3, 180]]], np.uint8)


def text() -> Pixels:
    """Small black letters on white."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for line, words in enumerate(("The quick brown", "fox jumps over", "the lazy dog 0123")):
        draw.text((2, 4 + 30 * line), words, fill="black")
        draw.text((2, 18 + 30 * line), words[::-1], fill=(0, 0, 160))
    return np.asarray(image)


def gradient() -> Pixels:
    """A slow ramp in each channel, each in its own direction."""
    ramp = np.linspace(0, 255, SIDE)
    across, down = np.meshgrid(ramp, ramp)
    return np.stack([across, down, 255 - across], -1).round().astype(np.uint8)


def screenshot() -> Pixels:
    """A window with a title bar, buttons, text, thin lines and a noisy picture in it."""
    image = Image.new("RGB", (SIDE, SIDE), (0, 120, 215))
    draw = ImageDraw.Draw(image)
    draw.rectangle((5, 7, 90, 88), fill=(240, 240, 240), outline=(60, 60, 60))
    draw.rectangle((5, 7, 90, 17), fill=(45, 45, 48))
    draw.rectangle((82, 9, 88, 15), fill=(232, 17, 35))
    draw.text((8, 6), "lcodec", fill="white")
    for row in range(24, 60, 6):
        draw.line((9, row, 20 + 7 * row % 30, row), fill=(30, 30, 30))
    draw.rectangle((50, 70, 84, 82), fill=(225, 225, 225), outline=(0, 120, 215))
    draw.text((60, 70), "OK", fill="black")
    pixels = np.array(image)
    pixels[24:60, 56:86] = np.random.default_rng(2).normal((90, 140, 60), 25, (36, 30, 3)).clip(0)
    return pixels


PICTURES: dict[str, Callable[[], Pixels]] = {
    "noise": noise,
    "checkerboard": lambda: checkerboard(flat(0, 0, 0), flat(255, 255, 255)),
    "coloured checkerboard": lambda: checkerboard(flat(255, 0, 0), flat(0, 255, 255)),
    "stripes": stripes,
    "gray stripes": gray_stripes,
    "primaries": primaries,
    "lone pixel": lone_pixel,
    "one pixel": tiny,
    "text": text,
    "gradient": gradient,
    "black": lambda: flat(0, 0, 0),
    "white": lambda: flat(255, 255, 255),
    "screenshot": screenshot,
}


def psnr(other: Pixels, pixels: Pixels) -> float:
    """Decibels over all samples, at most `PEAK`."""
    mse = float(np.square(other.astype(np.float64) - pixels).mean())
    return min(PEAK, 10 * np.log10(255**2 / mse)) if mse else PEAK


@torch.inference_mode()
def linear_alone(codec: Codec, pixels: Pixels, quality: int) -> Pixels:
    """What the codec would show with its networks left out: same gains, same rounding."""
    transforms = codec.loaded.transforms
    below, right = (-side % PATCH for side in pixels.shape[:2])
    padded = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    levels = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255.0
    latents = transforms.analysis.linear(F.pixel_unshuffle(levels - 0.5, PATCH))
    setting = torch.tensor([codec.loaded.config.trained_quality(quality)])
    steps = latents * transforms.gains(setting)[:, :, None, None]
    steps = torch.round(steps).clamp(-SYMBOL_LIMIT, SYMBOL_LIMIT)
    restored = steps * transforms.gains.inverse(setting)[:, :, None, None]
    whole = transforms.synthesis.linear_only(restored)[0]
    image = torch.round(whole.clamp(0.0, 1.0) * 255.0).to(torch.uint8).permute(1, 2, 0)
    return image[: pixels.shape[0], : pixels.shape[1]].numpy()


@torch.inference_mode()
def check_finite(codec: Codec, pixels: Pixels, quality: int) -> NDArray[np.int16]:
    """Latents and pixels before clipping are finite and of sane size; gives the symbols."""
    header = header_of(codec, pixels, quality)
    found = analyse_with_looks(codec.stages.pixels, pixels, header)
    y, symbols = found.y, found.rounded
    assert np.isfinite(y).all()
    assert max(np.abs(y).max(), np.abs(symbols).max()) < SYMBOL_LIMIT  # nothing is clamped away
    setting = torch.tensor([codec.loaded.config.trained_quality(quality)])
    latents = torch.from_numpy(symbols.astype(np.float32))[None]
    whole = codec.loaded.transforms.synthesise(latents, setting)
    assert torch.isfinite(whole).all()
    assert float(whole.abs().max()) < 100.0  # white is 1
    return symbols


def check_coding(codec: Codec, pixels: Pixels, quality: int, symbols: NDArray[np.int16]) -> None:
    """The file of a picture decodes to the symbols expected, and to a picture like it."""
    data = codec.encode(pixels, quality)
    assert np.array_equal(codec.decode_symbols(data).y, symbols)
    decoded = codec.decode(data)
    assert decoded.pixels.shape == pixels.shape
    assert decoded.header.quality == quality


def shown(codec: Codec, pixels: Pixels, quality: int, symbols: NDArray[np.int16]) -> Pixels:
    """What decoding these symbols shows."""
    return codec.stages.pixels.synthesise(symbols, codec._header_of(Picture(pixels))(quality))


@cache
def _loaded(models: str, tune: str) -> Codec:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, models)
        return Codec(device="cpu", tune=tune, layers=False)


@pytest.fixture(params=list(TuneName))
def small(tiny_models_folder: Path, request: pytest.FixtureRequest) -> Codec:
    return _loaded(str(tiny_models_folder), request.param)


@pytest.fixture(params=list(TuneName))
def full(request: pytest.FixtureRequest) -> Codec:
    return _loaded(str(ROOT / "models"), request.param)


@pytest.fixture(scope="module", autouse=True)
def unload() -> Iterator[None]:
    yield
    _loaded.cache_clear()


@pytest.mark.parametrize("name", PICTURES)
def test_finite_and_decodable(small: Codec, name: str) -> None:
    pixels = PICTURES[name]()
    for quality in EVERY_TENTH:
        symbols = check_finite(small, pixels, quality)
        if quality in (0, 100):
            check_coding(small, pixels, quality, symbols)


@pytest.mark.parametrize("name", ["text", "primaries", "one pixel"])
def test_linear_branch_is_what_a_codec_without_networks_shows(small: Codec, name: str) -> None:
    """The tiny model's networks end in layers of zeros: it must agree with the yardstick."""
    pixels = PICTURES[name]()
    for quality in (0, 50, 100):
        decoded = small.decode(without_looks(small, pixels, quality)).pixels.astype(int)
        assert np.abs(decoded - linear_alone(small, pixels, quality)).max() <= 1


def check_everything(codec: Codec, name: str, coded: Iterable[int]) -> None:
    """At every tenth quality finite and no worse than the linear branch; coded at some.

    A handful of samples cannot tell better from worse at one quality, rounding alone moves their
    error by decibels: there the mean over the qualities is compared. `ENOUGH` is enough anywhere.
    """
    pixels, tune = PICTURES[name](), TuneName(codec.loaded.config.tune)
    found, least = [], []
    for quality in EVERY_TENTH:
        symbols = check_finite(codec, pixels, quality)
        found.append(psnr(shown(codec, pixels, quality, symbols), pixels))
        least.append(psnr(linear_alone(codec, pixels, quality), pixels) - LOSS_LIMIT[tune])
        if quality in coded:
            check_coding(codec, pixels, quality, symbols)
    if pixels.size < HANDFUL:
        found, least = [float(np.mean(found))], [float(np.mean(least))]
    worse = [(f, n) for f, n in zip(found, least, strict=True) if f < min(n, ENOUGH)]
    assert not worse, f"{found} against {least}"


@released
@pytest.mark.parametrize("name", PICTURES)
def test_released_model(full: Codec, name: str) -> None:
    check_everything(full, name, (0, 100))


@released
@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_released_model_at_every_tenth_quality(full: Codec, name: str) -> None:
    check_everything(full, name, EVERY_TENTH)
