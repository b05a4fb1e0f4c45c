"""Targets: sizes as text, the search for a level, and files that never exceed what was asked."""

from __future__ import annotations

import math
import random
import re
from pathlib import Path

import numpy as np
import pytest
import skimage
from numpy.typing import NDArray

import lcodec
from lcodec import Target
from lcodec.errors import TargetError, UsageError
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.picture import load
from lcodec.pipeline.latents import Latents, to_symbols
from lcodec.pipeline.targets import SIZE_SLOPE, Quantity, parse_size, search
from lcodec.tunes import TuneName
from tests.conftest import RELEASED
from tests.tinymodel import picture


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1500", 1500),
        ("1500 bytes", 1500),
        ("200KB", 200_000),
        ("200k", 200_000),
        ("1.5MB", 1_500_000),
        (".5 mb", 500_000),
        ("64KiB", 65_536),
        ("2MiB", 2 << 20),
        ("10.9", 10),
    ],
)
def test_sizes_are_understood(text: str, size: int) -> None:
    assert parse_size(text) == size
    assert Target.size(text) == Target.size(size)


@pytest.mark.parametrize("text", ["", "KB", "-5", "0", "0.4", "1e3", "3iB", "5TB", "1.2.3", "५x"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("value", [0, -1.0, math.inf, math.nan])
def test_targets_are_positive_and_finite(value: float) -> None:
    for quantity in Quantity:
        with pytest.raises(UsageError, match="above 0"):
            Target(quantity, value)


def test_search_finds_the_level_in_few_steps_on_rough_curves() -> None:
    chance = random.Random(1)
    counts = []
    for _ in range(1000):
        base, rise, bend = (
            chance.uniform(6, 14),
            chance.uniform(0.015, 0.05),
            chance.uniform(-5e-5, 5e-5),
        )
        curve = [base + rise * q + bend * q * q + chance.gauss(0, 0.001) for q in range(101)]
        limit = chance.uniform(curve[0] - 0.3, curve[100] + 0.3)
        known = search(curve.__getitem__, limit.__ge__, limit, SIZE_SLOPE)
        counts.append(len(known))
        assert all(known[level] == curve[level] for level in known)
        within = [level for level in known if known[level] <= limit]
        best = max(within, default=-1)
        assert best == 100 or known[best + 1] > limit
        truth = max((q for q in range(101) if curve[q] <= limit), default=-1)
        assert truth - 2 <= best <= truth
    assert np.mean(counts) < 5
    assert max(counts) <= 12


def test_search_stops_on_curves_that_are_flat_or_fall() -> None:
    assert max(search(lambda level: 1.0, lambda value: True, 2.0, 0.1)) == 100
    assert min(search(lambda level: 3.0, lambda value: False, 2.0, 0.1)) == 0
    falling = search(lambda level: -float(level), lambda value: value <= -50.0, -50.0, 0.1)
    assert len(falling) <= 12


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(device="cpu", tile_edge=128)


def test_sizes_are_met_and_not_exceeded(codec: Codec) -> None:
    pixels = picture(130, 150)
    sizes = [len(codec.encode(pixels, level)) for level in (3, 50, 97)]
    for limit in (sizes[0], sizes[1] - 1, sizes[1], sizes[1] + 1, sizes[2] + 50):
        found = codec.encode_detailed(pixels, target=Target.size(limit))
        assert len(found.data) <= limit
        assert found.data == codec.encode(pixels, found.quality)
        assert 1 <= found.evaluations <= 10
        if found.quality < 100:
            assert len(codec.encode(pixels, found.quality + 1)) > limit
    everything = codec.encode_detailed(pixels, target=Target.size("1MB"))
    assert everything.quality == 100


def test_bits_per_pixel_are_a_size(codec: Codec) -> None:
    pixels = picture(100, 90)
    size = len(codec.encode(pixels, 40))
    found = codec.encode_detailed(pixels, target=Target.bpp(8 * size / 9000))
    assert found.data == codec.encode_detailed(pixels, target=Target.size(size)).data
    assert len(found.data) <= size


def test_psnr_is_reached_by_the_smallest_level(codec: Codec) -> None:
    pixels = picture(100, 90)[:, :, 0]

    def reached(level: int) -> float:
        return psnr(pixels, codec.decode(codec.encode(pixels, level)).pixels)

    wanted = (reached(30) + reached(60)) / 2
    found = codec.encode_detailed(pixels, target=Target.psnr(wanted))
    assert found.psnr is not None
    assert found.psnr == pytest.approx(reached(found.quality))
    assert found.psnr >= wanted > reached(found.quality - 1)
    assert found.data == codec.encode(pixels, found.quality)


def smallest(codec: Codec, pixels: NDArray[np.uint8], effort: int = 0) -> int:
    """Bytes of the smallest file of a picture, as the error for an impossible size says."""
    with pytest.raises(TargetError, match="20 bytes cannot be met: ") as raised:
        codec.encode(pixels, target=Target.size(20), effort=effort)
    words = re.search(
        r"of quality 0 with \d+ % of its latents, has (\d+) bytes$", str(raised.value)
    )
    assert words is not None
    return int(words[1])


@pytest.mark.parametrize("effort", [-1, 0, 1])
@pytest.mark.parametrize("tune", TuneName)
def test_latents_are_left_out_where_level_0_is_too_large(
    tiny_model: Path, tune: TuneName, effort: int
) -> None:
    """As few as will do, the smallest first, but no means; what is left decodes as it did."""
    codec = Codec(device="cpu", tile_edge=128, tune=tune)
    pixels = picture(130, 150)
    whole = codec.encode_detailed(pixels, 0, effort=min(effort, 0))
    assert whole.kept == 1.0 and whole.notes == ()
    least, most = smallest(codec, pixels, min(effort, 0)), len(whole.data)
    shares = []
    for limit in (least, (least + most) // 2, most - 1):
        found = codec.encode_detailed(pixels, target=Target.size(limit), effort=effort)
        assert len(found.data) <= limit
        if found.kept == 1.0:  # a search with effort may have found a smaller file of level 0
            assert effort > 0
            continue
        assert found.quality == 0
        assert found.notes == ("quality 0 is too large for the target: latents were left out",)
        assert {trial.kept for trial in found.trials} > {1.0, found.kept}
        shares.append(found.kept)
        plain, thin = (codec.decode_symbols(one.data).y for one in (whole, found))
        same = plain == thin
        assert not same.all() and not thin[~same].any()
        assert found.kept == pytest.approx((thin != 0).sum() / (plain != 0).sum())
        means = codec.loaded.transforms.synthesis.channels_of_means()
        assert same[means].all()
    assert shares == sorted(shares) and (effort > 0 or len(set(shares)) == 3)


@pytest.mark.parametrize(
    ("share", "spared", "kept"),
    [
        (1.0, [], [0, -3, 1, 1, 1, -1]),
        (0.6, [], [0, -3, 1, 0, 1, 0]),
        (0.0, [2], [0, 0, 0, 0, 1, -1]),
        (0.0, [], [0, 0, 0, 0, 0, 0]),
    ],
)
def test_the_smallest_latents_go_first(share: float, spared: list[int], kept: list[int]) -> None:
    y = np.array([0.4, -3.0, 0.9, 0.6, 1.2, -0.7], np.float32).reshape(3, 2, 1)
    latents = Latents(y, to_symbols(y))
    thin = latents.thinned(share, spared)
    assert thin.rounded.ravel().tolist() == kept
    gone = (latents.rounded != 0) & (thin.rounded == 0)
    assert np.array_equal(thin.y, np.where(gone, 0, y))


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
@pytest.mark.parametrize("tune", TuneName)
def test_smooth_colourful_pictures_get_smaller_and_keep_their_colours(tune: TuneName) -> None:
    """Colour means are few steps: left out, they would cost more than they do now."""
    codec = Codec(device="cpu", tune=tune)
    photograph = Path(skimage.__file__).parent / "data" / "rocket.jpg"
    pixels = load(photograph).stripped().pixels[:384, :384].copy()
    pixels[..., 0] = 160 + pixels[..., 0] // 4
    whole = codec.encode_detailed(pixels, 0)
    with pytest.raises(TargetError) as raised:
        codec.encode(pixels, target=Target.size(20))
    least = int(str(raised.value).split()[-2])
    assert least < 0.9 * len(whole.data)
    found = codec.encode_detailed(pixels, target=Target.size(least))

    def colours(data: bytes) -> NDArray[np.float64]:
        shown = codec.decode(data).pixels.astype(np.float64)
        means: NDArray[np.float64] = shown.reshape(24, 16, 24, 16, 3).mean((1, 3))
        return means

    assert np.abs(colours(found.data) - colours(whole.data)).mean() < 5.0


def test_what_cannot_be_met_is_said_with_what_can(codec: Codec) -> None:
    pixels = picture(64, 64)
    size = smallest(codec, pixels)
    assert len(codec.encode(pixels, target=Target.size(size))) == size
    with pytest.raises(TargetError):
        codec.encode(pixels, target=Target.size(size - 1))
    with pytest.raises(TargetError, match=r"0\.1 bpp cannot be met: .*\(\d+\.\d+ bpp\)"):
        codec.encode(pixels, target=Target.bpp(0.1))
    with pytest.raises(TargetError, match=r"70 dB cannot be met: .* quality 100, has \d+\.\d+ dB"):
        codec.encode(pixels, target=Target.psnr(70))


def test_the_analysis_of_several_levels_is_that_of_each(codec: Codec) -> None:
    from lcodec.pipeline.pixels import AnalysisStarts

    pixels, starts = picture(70, 90), AnalysisStarts()
    for level in (10, 90):
        several = codec.stages.pixels.analyse(pixels, level, starts)
        assert np.array_equal(several, codec.stages.pixels.analyse(pixels, level))
    assert starts.get((0, 0)) is not None
    crowded = AnalysisStarts(limit=10)
    codec.stages.pixels.analyse(pixels, 10, crowded)
    assert crowded.get((0, 0)) is None


@pytest.mark.parametrize("tune", TuneName)
def test_with_effort_targets_hold_too(tiny_model: Path, tune: TuneName) -> None:
    """Of two files within a size the one that is better at what its tune is for is taken."""
    codec = Codec(device="cpu", tile_edge=128, tune=tune)
    seen, pixels = tune is TuneName.VISUAL, picture(64, 80)

    def worth(data: bytes) -> float:
        decoded = codec.decode(data).pixels
        return ssimulacra2(pixels, decoded) if seen else psnr(pixels, decoded)

    limit = len(codec.encode(pixels, 60))
    plain = codec.encode_detailed(pixels, target=Target.size(limit))
    found = codec.encode_detailed(pixels, target=Target.size(limit), effort=2)
    assert len(found.data) <= limit
    assert found.evaluations > plain.evaluations
    told = found.ssimulacra2 if seen else found.psnr
    wanted = worth(plain.data)
    assert told is not None and told >= wanted
    assert told == pytest.approx(worth(found.data), abs=1e-6)
    for limit in (len(codec.encode(pixels, level, effort=2)) for level in (30, 50, 70, 90)):
        found = codec.encode_detailed(pixels, target=Target.size(limit), effort=2)
        assert len(found.data) <= limit
        within = [t for t in found.trials if t.size is not None and t.size <= limit]
        best = (max(t.quality for t in within if t.effort == effort) for effort in (0, 2))
        files = [codec.encode(pixels, q, effort=e) for q, e in zip(best, (0, 2), strict=True)]
        assert found.data == max(files, key=worth)
    target = Target.ssimulacra2(wanted) if seen else Target.psnr(wanted)
    plain, smaller = (codec.encode_detailed(pixels, target=target, effort=e) for e in (0, 2))
    assert min(worth(plain.data), worth(smaller.data)) >= wanted
    assert len(smaller.data) <= len(plain.data)


def test_a_ssimulacra2_is_reached_by_the_lowest_level(codec: Codec) -> None:
    pixels = picture(70, 80)

    def points(level: int) -> float:
        return ssimulacra2(pixels, codec.decode(codec.encode(pixels, level)).pixels)

    for wanted in (points(70) + 0.01, points(90)):
        found = codec.encode_detailed(pixels, target=Target.ssimulacra2(wanted))
        assert found.ssimulacra2 is not None and found.ssimulacra2 >= wanted
        assert found.ssimulacra2 == pytest.approx(points(found.quality), abs=1e-6)
        assert points(found.quality - 1) < wanted
    with pytest.raises(TargetError, match=r"SSIMULACRA2 99.9 cannot be met: the best file"):
        codec.encode(pixels, target=Target.ssimulacra2(99.9))
    with pytest.raises(UsageError, match="ends at 100"):
        Target.ssimulacra2(101)


def test_library_function_takes_a_target(tiny_model: Path) -> None:
    data = lcodec.encode(picture(50, 60), target=lcodec.Target.size("2KB"), device="cpu")
    assert len(data) <= 2000
