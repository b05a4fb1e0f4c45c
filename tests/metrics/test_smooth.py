"""Squares and blotches in smooth areas."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lcodec.metrics.smooth import blockiness, drift, smooth_blocks

Pixels = NDArray[np.uint8]


def sky(h: int = 96, w: int = 128) -> Pixels:
    """A gradient with a little grain; below row 64 it is rough."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:h, 0:w]
    planes = np.stack([100 + rows * 0.3, 120 + columns * 0.2, 160 + rows * 0.1], 2)
    planes = planes + random.normal(0, 0.7, planes.shape)
    planes[64:] += random.normal(0, 30, (h - 64, w, 3))
    return planes.clip(0, 255).astype(np.uint8)


def squares(pixels: Pixels, levels: float) -> Pixels:
    """Every second block is lighter by so many levels."""
    h, w = pixels.shape[0] // 16, pixels.shape[1] // 16
    lighter = pixels.astype(np.float64)
    for row in range(h):
        for column in range(row % 2, w, 2):
            lighter[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] += levels
    return lighter.clip(0, 255).round().astype(np.uint8)


def test_smooth_blocks_are_those_of_the_sky() -> None:
    smooth = smooth_blocks(sky())
    assert smooth.shape == (6, 8)
    # Blocks beside rough ones are left out.
    assert smooth[:2].all() and not smooth[3:].any()


def test_squares_are_found_in_smooth_areas_alone() -> None:
    picture = sky()
    assert blockiness(picture, picture) == 0.0
    # Grain hides a part of each step.
    for levels in (1, 2, 4, 8):
        found = blockiness(picture, squares(picture, levels))
        assert found is not None and levels - 0.9 < found < levels
    rough = picture.copy()
    rough[64:] = squares(picture, 20)[64:]
    assert blockiness(picture, rough) == 0.0


def test_steps_elsewhere_are_not_squares() -> None:
    """Grain, and blocks of another grid."""
    picture = sky()
    grain = picture + np.random.default_rng(1).integers(-3, 4, picture.shape)
    assert blockiness(picture, grain.clip(0, 255).astype(np.uint8)) == pytest.approx(0, abs=0.2)
    beside = np.roll(squares(np.roll(picture, 8, (0, 1)), 6), -8, (0, 1))
    found = blockiness(picture, beside)
    assert found is not None and found < 0.5


def test_drift_is_that_of_block_means() -> None:
    picture = sky()
    assert drift(picture, picture) == 0.0
    lighter = (picture + np.array([3, 0, 0])).clip(0, 255).astype(np.uint8)
    assert drift(picture, lighter) == pytest.approx(np.sqrt(3.0), rel=0.01)
    rough = picture.copy()
    rough[64:] += 9
    assert drift(picture, rough) == 0.0
    deep = [p.astype(np.uint16) * 257 for p in (picture, lighter)]
    assert drift(*deep) == pytest.approx(np.sqrt(3.0), rel=0.01)


def test_pictures_without_smooth_areas_have_neither() -> None:
    noise = np.random.default_rng(2).integers(0, 256, (64, 64), np.uint8)
    assert blockiness(noise, noise) is None and drift(noise, noise) is None
