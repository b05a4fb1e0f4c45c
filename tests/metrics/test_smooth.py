"""Squares and blotches in smooth areas."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from lcodec.metrics.smooth import blockiness, drift, smooth_blocks, unrest

Pixels = NDArray[np.uint8]


def sky(h: int = 96, w: int = 128) -> Pixels:
    """A gradient with a little grain; below row 64 it is rough."""
    random = np.random.default_rng(5)
    rows, columns = np.mgrid[0:h, 0:w]
    planes = np.stack([100 + rows * 0.3, 120 + columns * 0.2, 160 + rows * 0.1], 2)
    planes = planes + random.normal(0, 0.7, planes.shape)
    planes[64:] += random.normal(0, 30, (h - 64, w, 3))
    return planes.clip(0, 255).astype(np.uint8)


def planes(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255.0


def squares(pixels: Pixels, levels: float) -> Pixels:
    """Every second block is lighter by so many levels."""
    h, w = pixels.shape[0] // 16, pixels.shape[1] // 16
    lighter = pixels.astype(np.float64)
    for row in range(h):
        for column in range(row % 2, w, 2):
            lighter[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] += levels
    return lighter.clip(0, 255).round().astype(np.uint8)


def test_smooth_blocks_are_those_of_the_sky() -> None:
    smooth = smooth_blocks(255.0 * planes(sky()))[0]
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


def test_unrest_is_movement_and_steps_of_smooth_blocks() -> None:
    picture = planes(sky())
    smooth = smooth_blocks(255.0 * picture)
    share = float(smooth.float().mean())
    assert float(unrest(picture, picture)) == 0.0
    # All lighter by 3 levels: movement alone.
    assert float(unrest(picture, picture + 3 / 255)) == pytest.approx(9 * share, rel=1e-3)
    # Every second block lighter by 4: half of them move, and each border has a step.
    checks = (torch.arange(6)[:, None] + torch.arange(8)) % 2 == 0
    error = checks.repeat_interleave(16, 0).repeat_interleave(16, 1) * (4 / 255)
    both = [(a & b).float().mean() for a, b in zip(*pairs(smooth[0]), strict=True)]
    moved = float((checks & smooth[0]).float().mean())
    expected = 16 * moved + (16 + 2 * 4) * float(sum(both))
    assert float(unrest(picture, picture + error)) == pytest.approx(expected, rel=1e-3)
    # A shallow step counts by its height, not by its square.
    shallow = float(unrest(picture, picture + error / 40))
    assert shallow == pytest.approx(0.01 * moved + 0.21 * float(sum(both)), rel=1e-2)
    # Grain is neither.
    grain = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1)) * (2 / 255)
    assert float(unrest(picture, picture + grain)) < 0.25 * expected
    # Rough blocks do not count, and each picture is its own.
    rough = picture.clone()
    rough[..., 64:, :] += 0.1
    pair = unrest(picture.expand(2, -1, -1, -1), torch.cat([rough, picture + error]))
    assert pair.tolist() == pytest.approx([0.0, expected], rel=1e-3)


def pairs(smooth: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Neighbours side by side and one above the other."""
    return [smooth[:, 1:], smooth[1:]], [smooth[:, :-1], smooth[:-1]]


def test_pictures_of_one_block_or_less_have_no_borders() -> None:
    flat = np.full((40, 20, 3), 90, np.uint8)
    lighter = flat + np.uint8(3)
    assert float(unrest(planes(flat), planes(lighter))) == pytest.approx(9.0)
    assert float(unrest(planes(flat[:12]), planes(lighter[:12]))) == 0.0
    lower = lighter.copy()
    lower[:16] -= 3  # one of two blocks moved, a step along the one border
    assert float(unrest(planes(flat), planes(lower))) == pytest.approx(4.5 + 9 + 6)


def test_unrest_can_be_trained_on() -> None:
    picture = planes(sky())
    shown = picture + 0.05 * torch.rand(picture.shape, generator=torch.Generator().manual_seed(2))
    shown.requires_grad_()
    before = unrest(picture, shown)
    (slope,) = torch.autograd.grad(before.sum(), shown)
    with torch.no_grad():
        step = 0.02 * before / slope.square().sum()
        after = float(unrest(picture, shown - step * slope))
        assert after == pytest.approx(0.98 * float(before), rel=0.005)
