"""Effort: better files for the same decoder."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.picture import natural
from lcodec.effort import descent
from lcodec.effort.area import Problem, areas
from lcodec.effort.descent import descend
from lcodec.effort.hyper import descend_hyper
from lcodec.effort.levels import HYPER_ROUNDS, ROUNDS
from lcodec.errors import UsageError
from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.library.codec import Codec
from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import ms_ssim
from lcodec.metrics.smooth import unrest
from lcodec.metrics.ssimulacra2 import distances_and_fine, ssimulacra2
from lcodec.nets.steps import LINEAR_SHARE, judge
from lcodec.nets.tune import find_tune
from lcodec.nets.worth import LITTLE_OF_A_COLOUR, MOST_OF_A_COLOUR, SEARCHED_ERROR
from lcodec.picture.rows import of_array
from lcodec.pipeline.looks import analyse_with_looks
from lcodec.pipeline.symbols import PictureSymbols
from lcodec.pipeline.tally import BitTally
from lcodec.strips import encode_strips
from lcodec.tunes import TuneName
from tests.codec.plain import header_of, rounded_symbols, without_looks
from tests.conftest import RELEASED
from tests.tinymodel import picture


@pytest.fixture(params=list(TuneName))
def codec(tiny_model: Path, request: pytest.FixtureRequest) -> Codec:
    return Codec(device="cpu", tile_edge=128, tune=request.param, layers=False)


def planes(pixels: np.ndarray) -> torch.Tensor:
    """A picture (H, W) or (H, W, 3) as (1, 3, H, W) in [0, 1]."""
    found = torch.from_numpy(pixels.astype(np.float32) / 255.0).reshape(*pixels.shape[:2], -1)
    return found.permute(2, 0, 1).expand(3, -1, -1)[None]


def cost(codec: Codec, pixels: np.ndarray, data: bytes, quality: int) -> float:
    """Bits of the file plus what the distortion of its picture is worth to the codec's tune."""
    config, sides = codec.loaded.config, (int(pixels.shape[0]), int(pixels.shape[1]))
    tune, trained = find_tune(config.tune), torch.tensor(config.trained_quality(quality))
    decoded = codec.decode(data).pixels
    error = 255**2 * math.pow(10, -psnr(pixels, decoded) / 10)
    if tune.perceived is None or min(sides) < 8:
        worth = float(tune.reference.at(trained)) * error
    else:
        seen, fine = (float(part) for part in distances_and_fine(planes(pixels), planes(decoded)))
        worth = SEARCHED_ERROR * float(tune.error.at(trained)) * error
        worth += float(tune.perceived.at(trained)) * (seen + tune.fine * fine)
        assert tune.calm is not None
        worth += float(tune.calm.at(trained)) * float(unrest(planes(pixels), planes(decoded)))
    return 8 * len(data) + sides[0] * sides[1] * worth


def test_more_effort_costs_less(codec: Codec) -> None:
    pixels = picture(96, 112)
    files = [codec.encode(pixels, 50, effort=e) for e in (0, 1, 5)]
    plain, *costs = (
        cost(codec, pixels, data, 50) for data in (without_looks(codec, pixels, 50), *files)
    )
    assert costs[2] < costs[1] < costs[0]
    assert costs[2] < 0.995 * plain  # most of the cost is error that no symbol can help


@pytest.mark.skipif(not RELEASED.is_file(), reason="the released weights are not here")
def test_effort_for_the_eye_gains_by_every_measure() -> None:
    """At least 1 % at equal quality; a search for SSIMULACRA2 alone gains nothing by the others."""
    codec, pixels = Codec(tune="visual", device="cpu"), natural(192, 192)

    def point(quality: int, effort: int = 0) -> tuple[float, list[float]]:
        data = codec.encode(pixels, quality, effort=effort)
        shown = codec.decode(data).pixels
        return math.log(len(data)), [of(pixels, shown) for of in (psnr, ms_ssim, ssimulacra2)]

    plain = [point(quality) for quality in (30, 45, 60)]
    rate, values = point(45, effort=3)
    for number, value in enumerate(values):
        curve = [measures[number] for _, measures in plain]
        assert rate < np.interp(value, curve, [size for size, _ in plain]) - 0.01


@pytest.mark.parametrize(("h", "w"), [(1, 1), (17, 33), (130, 260)])
def test_every_size_stays_decodable_and_gets_no_worse(codec: Codec, h: int, w: int) -> None:
    pixels = picture(h, w)
    data = codec.encode(pixels, 70, effort=1)
    assert codec.decode(data).pixels.shape == pixels.shape
    assert cost(codec, pixels, data, 70) <= cost(codec, pixels, codec.encode(pixels, 70), 70)


def test_gray_gains_too(codec: Codec) -> None:
    pixels = picture(80, 96)[:, :, 1]
    data = codec.encode(pixels, 60, effort=3)
    assert cost(codec, pixels, data, 60) < cost(codec, pixels, codec.encode(pixels, 60), 60)


def test_a_second_time_gives_the_same_file(codec: Codec) -> None:
    pixels = picture(64, 100)
    torch.manual_seed(1)
    first = codec.encode(pixels, 30, effort=3)
    torch.manual_seed(2)
    again = Codec(codec.loaded.name, device="cpu", tile_edge=128)
    assert again.encode(pixels, 30, effort=3) == first


def test_progress_comes_to_its_end(codec: Codec) -> None:
    seen: list[tuple[str, int, int]] = []
    codec.encode_detailed(picture(100, 200), 50, effort=5, progress=lambda *step: seen.append(step))
    own = [(done, total) for stage, done, total in seen if stage == "optimisation"]
    rounds = ROUNDS[5] + HYPER_ROUNDS[5]
    assert own[0] == (0, 2 * rounds)  # two tiles
    assert own == sorted(own)
    assert own[-1] == (2 * rounds, 2 * rounds)


@pytest.mark.parametrize("tune", list(TuneName))
def test_the_lowest_effort_takes_the_first_look_alone(tiny_model: Path, tune: TuneName) -> None:
    """However the file is made; the tune psnr has no other look."""
    codec, pixels = Codec(tune=tune, device="cpu", tile_edge=64), picture(100, 140)
    once = codec.encode(pixels, 60, effort=-1)
    assert (once == codec.encode(pixels, 60)) == (tune == TuneName.PSNR)
    header = header_of(codec, pixels, 60)
    y = codec.stages.pixels.analyse(pixels, 60)
    moved = analyse_with_looks(codec.stages.pixels, pixels, header, again=False).rounded
    assert np.array_equal(codec.decode_symbols(once).y, moved)
    assert np.abs(moved - np.rint(y)).max() == 1
    (together,) = codec.encode_many([pixels], 60, effort=-1)
    assert together.data == once
    stream = io.BytesIO()
    encode_strips(codec, of_array(pixels, 50), stream, 60, effort=-1)
    assert stream.getvalue() == once
    with pytest.raises(UsageError, match=r"effort must lie in -1\.\.0"):
        encode_strips(codec, of_array(pixels, 50), stream, 60, effort=1)


@pytest.mark.parametrize("effort", [-2, 10])
def test_other_efforts_are_refused(codec: Codec, effort: int) -> None:
    with pytest.raises(UsageError, match="effort"):
        codec.encode(picture(8, 8), effort=effort)


def problem(codec: Codec, pixels: np.ndarray, quality: int, symbols: PictureSymbols) -> Problem:
    """The only area of a small picture."""
    header = header_of(codec, pixels, quality)
    (area,) = areas(header)
    return Problem(
        codec.stages.refiner._proxy(), codec.stages.pixels, header, pixels, symbols, area
    )


def rounded_problem(codec: Codec, pixels: np.ndarray, quality: int) -> Problem:
    """The same at plain rounding."""
    return problem(codec, pixels, quality, rounded_symbols(codec, pixels, quality))


def cost_of(one: Problem, symbols: torch.Tensor) -> float:
    """Bits of the latents and the worth of the distortion, as the search sees them."""
    return one.seen(symbols, slope=False).total + float(one.bits(symbols, one.z_hat).sum())


def test_the_proxy_agrees_with_the_file(codec: Codec) -> None:
    rows, columns = np.mgrid[0:90, 0:100]
    sky = np.stack([100 + rows * 0.3, 120 + columns * 0.2, 160 + rows * 0.1], 2).astype(np.uint8)
    for pixels in (picture(90, 100), sky):
        encoded = codec.encode_detailed(pixels, 60)
        one = problem(codec, pixels, 60, codec.decode_symbols(encoded.data))
        total = cost_of(one, one.start)
        worth = cost(codec, pixels, encoded.data, 60) - 8 * len(encoded.data)
        # Rounding to bytes, which the proxy leaves out, is seen where there is nothing else.
        near = 0.04 if pixels is sky else 0.02
        assert total == pytest.approx(encoded.estimated_bits_y + worth, rel=near)
        perceived = one.distortion.worth.perceived
        if perceived is not None:
            found = planes(codec.decode(encoded.data).pixels)
            moved = float(unrest(planes(pixels), found))
            share = float(perceived.calm) * moved * 90 * 100 / total
            assert share > 2 * near if pixels is sky else share < near


def test_single_changes_cost_what_is_foretold(tiny_model: Path) -> None:
    codec = Codec(device="cpu", tile_edge=128, tune="psnr")
    one = rounded_problem(codec, picture(64, 64), 60)
    slope, prediction = one.seen(one.start).slope, one.prediction(one.start)
    assert slope is not None
    assert not prediction.influence.any()
    whole = one.prediction(one.start, influence=True)
    assert torch.equal(whole.mean, prediction.mean) and torch.equal(whole.sigma, prediction.sigma)
    slope = slope + whole.influence
    gain, step = judge(one.start, whole.bits, slope, one.curvature(), SYMBOL_LIMIT)
    before, foretold, found = cost_of(one, one.start), [], []
    for position in torch.topk(gain.flatten(), 25).indices.tolist():
        trial = one.start.clone().flatten()
        trial[position] += step.flatten()[position]
        foretold.append(float(gain.flatten()[position]))
        found.append(before - cost_of(one, trial.view_as(one.start)))
    # The tiny model's network bends less than its linear branch.
    assert 0.7 * np.mean(foretold) < np.mean(found) < 3.0 * np.mean(foretold)
    assert np.mean(np.array(found) > 0.0) > 0.7 and np.corrcoef(foretold, found)[0, 1] > 0.5


def test_the_curvature_is_that_of_squared_error(codec: Codec) -> None:
    """For a colour picture and a gray one, against a step of each channel by itself."""
    for pixels in (picture(64, 64), picture(64, 64)[..., 1]):
        one = rounded_problem(codec, pixels, 60)
        curvature = one.curvature().flatten()
        for channel in (0, 1, 5):
            flat = torch.zeros_like(one.start)
            step = flat.clone()
            step[0, channel, 1, 1] = 1.0
            transforms = codec.stages.pixels.transforms
            gains = transforms.gains.inverse(one.quality)[:, :, None, None]
            planes = [transforms.synthesis.linear_only(y * gains) for y in (flat, step)]
            moved = planes[1] - planes[0]
            moved = moved.mean(1) if one.gray else moved
            expected = LINEAR_SHARE * one.weight * float(moved.square().sum())
            assert float(curvature[channel]) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_cells_tell_where_costs_change(codec: Codec) -> None:
    one = rounded_problem(codec, picture(70, 90), 60)
    before = one.seen(one.start)
    again = one.seen(one.start, before.norms, slope=False)
    assert torch.allclose(again.cells, before.cells, rtol=1e-4) and again.slope is None
    told, found = [], []
    for channel, row, column in ((0, 1, 1), (1, 2, 4), (0, 4, 5), (0, 0, 0), (2, 3, 2), (1, 4, 0)):
        for size in (1.0, 3.0):
            trial = one.start.clone()
            trial[0, channel, row, column] += size
            after = one.seen(trial, before.norms)
            change = after.cells - before.cells
            if size == 1.0:  # the 4-norms are linear in small changes only
                told.append(float(change.sum()))
                found.append(after.total - before.total)
        assert change.abs().argmax() == row * change.shape[1] + column
    assert told == pytest.approx(found, rel=0.15, abs=2.0)


def test_the_margin_counts_where_it_is_next_to(codec: Codec) -> None:
    pixels = picture(100, 120)
    header = header_of(codec, pixels, 50)
    symbols, proxy = rounded_symbols(codec, pixels, 50), codec.stages.refiner._proxy()
    for area in areas(header, side=4):
        one = Problem(proxy, codec.stages.pixels, header, pixels, symbols, area)
        found = one.seen(one.start)
        assert found.cells.shape == one.start.shape[2:]
        seen = one.distortion.of(one._shown(one.start), found.norms).cells[0]
        assert float(one._folded(seen).sum()) == pytest.approx(float(seen.sum()), rel=1e-5)


def test_descent_takes_back_what_does_not_help(codec: Codec) -> None:
    one = rounded_problem(codec, picture(64, 64), 60)
    totals = []
    for rounds in (0, 2, 6):
        totals.append(cost_of(one, descend(one, rounds, lambda: None)))
    assert totals[0] > totals[1] > totals[2]


def test_no_colour_gets_much_worse_for_what_only_a_measure_likes(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = rounded_problem(codec, picture(128, 128), 30)
    before = one.seen(one.start, slope=False).errors

    def largest_rise() -> float:
        """Of the squared error of a colour of 16x16 pixels, relative to what is allowed."""
        errors = one.seen(descend(one, 6, lambda: None), slope=False).errors
        return float((errors / (MOST_OF_A_COLOUR * before + LITTLE_OF_A_COLOUR)).max())

    bounded = largest_rise()
    monkeypatch.setattr(descent, "keeps_colours", lambda errors, before: errors.isfinite().all(1))
    if one.distortion.worth.perceived is None:
        assert bounded == largest_rise()  # squared error is all that counts
    else:
        # Neighbours whose changes were taken back leave a little more.
        assert bounded < 1.1 < largest_rise()


def test_hyper_latents_are_chosen_for_the_latents(codec: Codec) -> None:
    """Fewer bits in real files, for the same latents; more rounds, fewer bits."""
    pixels = picture(100, 120)
    symbols, header = rounded_symbols(codec, pixels, 40), header_of(codec, pixels, 40)
    one, sizes, estimates = problem(codec, pixels, 40, symbols), [], []
    for rounds in (0, 1, 6):
        with torch.enable_grad():
            z = descend_hyper(one, one.start, rounds, lambda: None)
        estimates.append(float(one.bits(one.start, z).sum() + one.hyper_bits(z).sum()))
        tally = BitTally()
        better = PictureSymbols(symbols.y, [z[0].numpy().astype(np.int16)])
        codec.code_symbols(header, better, tally=tally)
        sizes.append(tally.bits_y + tally.bits_z)
    assert torch.equal(descend_hyper(one, one.start, 0, lambda: None), one.z_hat)
    assert estimates[0] > estimates[1] > estimates[2] and sizes[0] > sizes[1] > sizes[2]
    assert sizes == pytest.approx(estimates, rel=0.01)


def test_effort_changes_hyper_latents(codec: Codec) -> None:
    pixels = picture(100, 120)
    plain, better = (codec.decode_symbols(codec.encode(pixels, 40, effort=e)) for e in (4, 5))
    assert not np.array_equal(plain.z[0], better.z[0])


def test_a_cost_that_is_no_number_changes_nothing(codec: Codec) -> None:
    one = rounded_problem(codec, picture(32, 32), 60)
    one.weight = math.nan
    assert torch.equal(descend(one, 3, lambda: None), one.start)


def test_areas_cover_every_latent_once() -> None:
    from lcodec.container import Header

    header = Header(700, 500, 3, 8, 50, 256, 1, "gmix", bytes(4))
    counts = np.zeros((32, 44), int)
    for area in areas(header, side=8):
        counts[area.rows, area.columns] += 1
        h, w = area.rows.stop - area.rows.start, area.columns.stop - area.columns.start
        assert 1 <= h <= 8 and 1 <= w <= 8
        assert area.z_rows.stop - area.z_rows.start == -(-h // 4)
        assert area.z_columns.stop - area.z_columns.start == -(-w // 4)
    assert counts.min() == counts.max() == 1


def test_tiles_larger_than_an_area_are_done_in_pieces(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lcodec.effort import area

    monkeypatch.setattr(area, "areas", lambda header: areas(header, side=4))
    pixels = picture(100, 120)
    better = codec.encode(pixels, 50, effort=2)
    assert cost(codec, pixels, better, 50) < cost(codec, pixels, codec.encode(pixels, 50), 50)
