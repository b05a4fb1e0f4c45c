"""The quality scale of the tune visual, made from pictures."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from lcodec.errors import UsageError
from lcodec.format import QUALITY_LEVELS
from lcodec.modules.quality import quality_lambda
from lcodec.nets.tune import find_tune
from lcodec.training import calibrate
from lcodec.training.calibrate import calibrated, lagrangian_scale, lower_mean, scale_of, scored
from lcodec.twin.codec import TwinCodec
from tests.tinymodel import picture, tiny_codec


def visual_codec() -> TwinCodec:
    codec = tiny_codec()
    codec.config = replace(codec.config, tune="visual")
    return codec


def test_the_quarter_that_scores_best_does_not_count() -> None:
    assert lower_mean([50.0, -10.0, 20.0, 90.0]) == 20.0
    assert lower_mean([3.0, 1.0, 2.0, 5.0, 4.0]) == 2.5
    assert lower_mean([7.0]) == 7.0


def test_levels_lie_where_the_pictures_score_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Score = quality for the harder pictures; the easy quarter, 30 points above, is left out."""

    def made_up(model: TwinCodec, pixels: calibrate.Pixels, quality: float) -> float:
        return 10.0 + 0.8 * quality + (30.0 if pixels[0, 0, 0] == 3 else 0.0)

    monkeypatch.setattr(calibrate, "scored", made_up)
    pictures = [np.full((64, 64, 3), i % 4, np.uint8) for i in range(8)]
    small = np.zeros((63, 200, 3), np.uint8)
    steps: list[tuple[int, int]] = []
    model = calibrated(visual_codec(), [small, *pictures], lambda *step: steps.append(step))
    assert steps[-1] == (calibrate.STEPS, calibrate.STEPS)
    scale = model.config.scale
    assert len(scale) == QUALITY_LEVELS and scale[0] == 0.0 and scale[100] == 100.0
    for level in (10, 30, 50, 90):
        assert scale[level] == pytest.approx((level - 10) / 0.8, abs=0.5)


def test_scores_rise_with_quality() -> None:
    model, pixels = visual_codec(), picture(130, 70, 3)
    points = [scored(model, pixels, quality) for quality in (0.0, 50.0, 100.0)]
    assert points == sorted(points) and points[-1] <= 100.0
    cut = pixels[:128, :64]
    assert scored(model, cut, 50.0) == points[1]


def test_a_scale_rises_even_where_the_points_do_not() -> None:
    qualities, points = np.linspace(0, 100, 5), np.array([-20.0, 30.0, 29.0, 60.0, 91.5])
    scale = scale_of(qualities, points)
    assert (np.diff(scale) > 0).all() and scale[0] >= 0 and scale[-1] <= 100
    assert scale[30] == pytest.approx(25.0, abs=0.7) and scale[60] == pytest.approx(75.0, abs=0.7)
    assert np.diff(scale)[:2] == pytest.approx(0.5, abs=0.1)  # level 0 was measured as others were


@pytest.mark.parametrize(
    ("low", "high"), [(-20.0, 93.0), (-0.5, 99.5), (0.0, 100.0), (12.5, 103.0)]
)
def test_all_levels_that_were_measured_have_their_score(low: float, high: float) -> None:
    qualities = np.linspace(0.0, 100.0, 17)
    scale = scale_of(qualities, np.linspace(low, high, 17))
    levels = np.arange(max(0, math.ceil(low)), min(100, math.floor(high)) + 1)
    # The levels above all scores have to rise, too, which takes a little from the others.
    assert scale[levels] == pytest.approx(100 * (levels - low) / (high - low), rel=2e-3)
    assert np.diff(scale).min() > 0


def test_levels_of_the_tune_psnr_keep_their_meaning_but_for_the_ends() -> None:
    scale = np.array(lagrangian_scale((-0.25, 1.2)))
    assert scale[0] == 0.0 and scale[100] == 100.0
    steps = np.diff(scale)
    assert steps.min() > 0.6 and np.abs(np.diff(steps)).max() < 0.1  # no kinks
    tune = find_tune("psnr", (-0.25, 1.2))
    for level in (20, 50, 80):
        found = float(tune.reference.at(torch.tensor(scale[level])))
        assert found == pytest.approx(quality_lambda(level), rel=1e-3)


def test_what_cannot_be_calibrated() -> None:
    with pytest.raises(UsageError, match="tune psnr"):
        calibrated(tiny_codec(), [picture(64, 64, 1)])
    with pytest.raises(UsageError, match="no picture is large enough"):
        calibrated(visual_codec(), [picture(63, 640, 1)])
    with pytest.raises(UsageError, match="runs from"):
        scale_of(np.array([0.0, 100.0]), np.array([20.2, 20.7]))
