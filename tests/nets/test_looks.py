"""Looks: how latents move by what they decode to."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch

from lcodec.library.codec import Codec
from lcodec.metrics.smooth import drift, smooth_blocks
from lcodec.metrics.ssimulacra2 import ssimulacra2
from lcodec.nets import looks
from lcodec.nets.looks import after_looks, moves_for_eyes, moves_for_pixels
from lcodec.nets.steps import Histograms, energy, judge
from lcodec.nets.transforms import Transforms
from lcodec.nets.tune import find_tune
from lcodec.picture import Samples, load
from tests.conftest import RELEASED
from tests.tinymodel import picture

VISUAL = find_tune("visual")
released = pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")


def planes(pixels: Samples) -> torch.Tensor:
    return torch.from_numpy(pixels.astype(np.float32) / 255.0).permute(2, 0, 1)[None]


def look(codec: Codec, pixels: torch.Tensor, quality: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Symbols after the first look, and the moves of the second."""
    transforms = codec.loaded.transforms
    with torch.no_grad():
        symbols = torch.round(transforms.analyse(pixels, quality))
        shown = transforms.show(symbols, quality)
        symbols = symbols + moves_for_pixels(transforms, pixels, shown, quality)
    show = partial(transforms.show, quality=quality)
    return symbols, moves_for_eyes(transforms, VISUAL, pixels, show, symbols, quality)


@released
def test_the_second_look_is_for_the_eye() -> None:
    """Files get smaller at equal SSIMULACRA2, and means of smooth blocks stay."""
    codec = Codec(tune="visual", device="cpu")
    photograph = Path(skimage.__file__).parent / "data" / "chelsea.png"
    pixels: Samples = load(photograph).stripped().pixels[:256, 64:384]

    def point(quality: int) -> tuple[float, float, float]:
        data = codec.encode(pixels, quality)
        shown = codec.decode(data).pixels
        return ssimulacra2(pixels, shown), math.log(len(data)), drift(pixels, shown) or 0.0

    two = [point(quality) for quality in (40, 60, 80)]
    codec.stages.pixels.tune = find_tune("psnr")
    one = [point(quality) for quality in (40, 50, 60, 70, 80, 90)]
    curve = [[row[column] for row in one] for column in range(3)]
    gains = [rate - np.interp(points, curve[0], curve[1]) for points, rate, _ in two]
    assert max(gains) < -0.02
    assert np.mean(gains) < -0.04
    for points, _, moved in two:
        assert moved < 1.05 * np.interp(points, curve[0], curve[2]) + 0.01


@released
def test_no_other_colour_shows_in_a_saturated_weave() -> None:
    """Where red is all there is and has a large error, blue could rise unnoticed by the mean."""
    rows, columns = np.mgrid[0:208, 0:320]
    red = 180.0 + 40.0 * np.sin(columns / 40.0) + 20.0 * np.sin(1.1 * rows) * np.sin(1.1 * columns)
    red += 12.0 * np.random.default_rng(5).standard_normal(red.shape)
    pixels = np.stack([red, 0.05 * red, 0.03 * red], 2).clip(0.0, 255.0).astype(np.uint8)
    codec = Codec(tune="visual", device="cpu", layers=False)

    def coded(quality: int) -> tuple[float, float, float]:
        data = codec.encode(pixels, quality)
        shown = codec.decode(data).pixels
        blue = shown[:, :, 2].astype(float) - pixels[:, :, 2]
        return ssimulacra2(pixels, shown), math.log(len(data)), math.sqrt(np.square(blue).mean())

    points, size, error = coded(55)
    assert error < 2.0
    codec.stages.pixels.tune = find_tune("psnr")
    plain = [coded(quality)[:2] for quality in (55, 65)]
    assert plain[0][0] < points < plain[1][0]
    assert size < np.interp(points, *zip(*plain, strict=True))


@released
@pytest.mark.parametrize("rounds", [1, 3])
def test_each_position_moves_one_latent_a_round_by_one_step_where_it_is_not_smooth(
    rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "ROUNDS", rounds)
    monkeypatch.setattr(looks, "WORTH_GOING_ON", -1.0)
    codec = Codec(tune="visual", device="cpu")
    pixels: Samples = load(Path(skimage.__file__).parent / "data" / "coffee.png").stripped().pixels
    shown = planes(pixels[:256, :384])
    _, moves = look(codec, shown, torch.tensor([40.0]))
    assert set(moves.unique().tolist()) <= set(range(-rounds, rounds + 1))
    count = moves.abs().sum(1)
    assert float(count.mean()) > 0.1 * rounds**0.5 and float(count.max()) == rounds
    smooth = smooth_blocks(255.0 * shown)
    assert bool(smooth.any()) and not bool(count[smooth].any())


@pytest.fixture
def codec(tiny_model: Path) -> Codec:
    return Codec(tune="visual", device="cpu")


def test_pictures_of_a_batch_are_seen_alone(codec: Codec) -> None:
    shown = torch.cat([planes(picture(64, 96, seed)) for seed in (1, 2)])
    quality = torch.tensor([30.0, 80.0])
    _, both = look(codec, shown, quality)
    alone = [look(codec, shown[i : i + 1], quality[i : i + 1])[1] for i in range(2)]
    assert bool(both.any()) and float((both != torch.cat(alone)).float().mean()) < 1e-3


def test_squares_are_seen_alone(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shown beyond a square has no influence on its moves."""
    monkeypatch.setattr(looks, "SQUARE", 4)
    monkeypatch.setattr(looks, "WORTH_GOING_ON", -1.0)  # of which squares are not alone
    pixels, quality = planes(picture(64, 160)), torch.tensor([60.0])
    symbols, _ = look(codec, pixels, quality)
    transforms = codec.loaded.transforms

    def show(symbols: torch.Tensor) -> torch.Tensor:
        return transforms.synthesis.linear_only(symbols * inverse).clamp(0.0, 1.0)

    inverse = transforms.gains.inverse(quality)[:, :, None, None]
    whole = moves_for_eyes(transforms, VISUAL, pixels, show, symbols, quality)
    # 10 columns in squares of 3, 3 and 4.
    for first, last in ((0, 3), (3, 6), (6, 10)):
        own = slice(16 * first, 16 * last)
        part = moves_for_eyes(
            transforms, VISUAL, pixels[..., own], show, symbols[..., first:last], quality
        )
        assert bool(part.any())
        assert torch.equal(part, whole[..., first:last])


def test_moves_that_do_not_help_are_taken_back(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what is decoded after all of a round: where that goes wrong none is kept."""
    pixels, quality = planes(picture(64, 96)), torch.tensor([60.0])
    pixels[..., :48] = 0.4
    transforms = codec.loaded.transforms
    symbols, _ = look(codec, pixels, quality)

    def moves(
        rounds: int, right: int, least: float = -1.0
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Those of so many rounds, only the first ``right`` of which decode well; all tried."""
        seen: list[torch.Tensor] = []

        def show(symbols: torch.Tensor) -> torch.Tensor:
            seen.append(symbols)
            shown = transforms.show(symbols, quality)
            return 1.0 - shown if len(seen) > 1 + right else shown

        monkeypatch.setattr(looks, "ROUNDS", rounds)
        monkeypatch.setattr(looks, "WORTH_GOING_ON", least)
        return moves_for_eyes(transforms, VISUAL, pixels, show, symbols, quality), seen

    none, (before, after) = moves(1, 0)
    assert not none.any() and not torch.equal(before, after)
    one, (before, after) = moves(1, 1)
    assert 0 < float(one.abs().sum()) < float((after - before).abs().sum())
    still, seen = moves(3, 1)  # each round begins with what was kept before it
    assert torch.equal(still, one)
    assert all(not torch.equal(tried, symbols + one) for tried in seen[2:])
    refused = [seen[1] != symbols + one, *(tried != symbols + one for tried in seen[2:])]
    assert not (refused[0] & refused[1]).any()  # each latent is tried until it does not help
    assert not ((refused[0] | refused[1]) & refused[2]).any()
    more, _ = moves(3, 3)
    assert float(more.abs().sum()) > float(one.abs().sum())
    rough = ~smooth_blocks(255.0 * pixels)
    assert not bool(rough.all())
    share = float(one.any(1).sum() / rough.sum())
    stopped, seen = moves(3, 3, share)  # too few were kept to go on
    assert torch.equal(stopped, one) and len(seen) == 2
    _, seen = moves(3, 3, share - 0.01)
    assert len(seen) > 2


def test_gray_pictures_move_as_their_mean_is_shown(codec: Codec) -> None:
    """Latents that change colour alone change nothing of a gray picture: only bits move them."""
    transforms, quality = codec.loaded.transforms, torch.tensor([60.0])
    inverse = transforms.gains.inverse(quality)[:, :, None, None].detach()
    gray = planes(picture(64, 96)).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    with torch.no_grad():
        symbols = torch.round(transforms.analyse(gray, quality))

    def show(symbols: torch.Tensor) -> torch.Tensor:
        shown = transforms.synthesis.linear_only(symbols * inverse).clamp(0.0, 1.0)
        return shown.mean(1, keepdim=True).expand(-1, 3, -1, -1)

    def grown() -> int:
        moves = moves_for_eyes(transforms, VISUAL, gray, show, symbols, quality, gray=True)
        assert bool(moves.any())
        return int(((symbols + moves).abs() > symbols.abs())[:, ::2].sum())

    assert grown() > 0
    with torch.no_grad():
        weight = transforms.synthesis.linear.weight.view(3, 256, -1)[..., ::2]
        weight -= weight.mean(0)
        assert float(energy(transforms, quality, gray=True)[0, ::2].max()) < 1e-9
    assert grown() == 0


def test_the_tune_psnr_takes_one_look(codec: Codec) -> None:
    pixels, quality = planes(picture(64, 96)), torch.tensor([60.0])
    transforms: Transforms = codec.loaded.transforms
    with torch.inference_mode():  # where a gradient must be possible all the same
        y = transforms.analyse(pixels, quality)
        one = after_looks(transforms, find_tune("psnr"), y, pixels, quality)
        two = after_looks(transforms, VISUAL, y, pixels, quality)
    symbols, moves = look(codec, pixels, quality)
    assert torch.equal(torch.round(one), symbols)
    assert bool(moves.any())
    assert torch.equal(torch.round(two), symbols + moves)


def test_latents_that_moved_have_no_gradient(codec: Codec) -> None:
    """What was moved for the picture does not follow y; the rest goes straight through."""
    pixels, quality = planes(picture(64, 96)), torch.tensor([60.0])
    y = codec.loaded.transforms.analyse(pixels, quality).detach().requires_grad_()
    looked = after_looks(codec.loaded.transforms, VISUAL, y, pixels, quality)
    (slope,) = torch.autograd.grad(looked.sum(), [y])
    moved = torch.round(looked) != torch.round(y)
    assert 0 < int(moved.sum()) < moved.numel()
    assert torch.equal(slope, (~moved).float())
    assert torch.equal(looked[moved], torch.round(looked[moved]))


def test_bits_of_a_histogram() -> None:
    symbols = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -20.0]]).view(1, 1, 2, 4)
    bits = Histograms(symbols).bits(torch.tensor([0.0, 1.0, -1.0, 8.0, 9.0, 3.0]).view(1, 1, 1, 6))
    zero, one, minus, eight, nine, three = bits.flatten().tolist()
    assert zero == pytest.approx(-math.log2(6.25 / 8.5), abs=0.01)
    assert one == minus == pytest.approx(1.0 - math.log2(1.125 / 8.5), abs=0.01)
    assert nine == pytest.approx(eight + 1.0)
    assert eight < three < 10.0  # rare, but possible


def test_no_move_leaves_the_range() -> None:
    symbols = torch.tensor([4.0, -4.0, 0.0]).view(1, 3, 1, 1)
    slope = torch.tensor([-9.0, 9.0, -9.0]).view(1, 3, 1, 1)
    gain, step = judge(symbols, torch.zeros_like, slope, 1.0, 4)
    assert gain.flatten().tolist() == [0.0, 0.0, 8.0]
    assert step.flatten().tolist() == [1.0, -1.0, 1.0]
