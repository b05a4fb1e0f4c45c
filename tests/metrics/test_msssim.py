"""PSNR and MS-SSIM against closed forms and slow references."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lcodec.errors import UsageError
from lcodec.metrics.distortion import psnr
from lcodec.metrics.msssim import (
    MS_SSIM_MIN_SIDE,
    MS_SSIM_WEIGHTS,
    has_ms_ssim,
    ms_ssim,
    ms_ssim_db,
)

C1, C2 = 6.5025, 58.5225


def noisy(seed: int, height: int, width: int, sigma: float) -> tuple[NDArray[np.uint8], ...]:
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = 128 + 60 * np.sin(x / 9.0) + 50 * np.cos(y / 23.0)
    planes = np.stack([base, base.T[:height, :width] if height == width else base * 0.7, base], 2)
    other = planes + random.normal(0, sigma, planes.shape)
    return tuple(p.clip(0, 255).astype(np.uint8) for p in (planes, other))


def slow_ms_ssim(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """One plane, each 11x11 window taken apart, straight from the definition."""
    taps = np.exp(-((np.arange(11) - 5.0) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / np.outer(taps, taps).sum()

    def mean(a: NDArray[np.float64]) -> NDArray[np.float64]:
        views = np.lib.stride_tricks.sliding_window_view(a, (11, 11))
        result: NDArray[np.float64] = np.einsum("ijkl,kl->ij", views, window)
        return result

    result = 1.0
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        value = (2 * cov + C2) / (vx + vy + C2)
        if scale == 4:
            value = value * (2 * mx * my + C1) / (mx**2 + my**2 + C1)
        result *= max(float(value.mean()), 0.0) ** weight
        height, width = x.shape[0] // 2, x.shape[1] // 2
        x, y = (
            a[: 2 * height, : 2 * width].reshape(height, 2, width, 2).mean((1, 3)) for a in (x, y)
        )
    return result


def test_psnr_closed_forms() -> None:
    black = np.zeros((4, 5, 3), np.uint8)
    assert psnr(black, black) == math.inf
    assert psnr(black, black + np.uint8(255)) == 0.0
    one = black.copy()
    one[2, 3, 1] = 10
    assert psnr(black, one) == pytest.approx(10 * math.log10(255**2 * 60 / 100), abs=1e-12)
    assert psnr(one, black) == psnr(black, one)
    gray = np.full((2, 2), 200, np.uint8)
    assert psnr(gray, gray - np.uint8(100)) == pytest.approx(20 * math.log10(2.55))


def test_ms_ssim_of_equal_and_of_flat_pictures() -> None:
    picture, _ = noisy(0, 176, 200, 1.0)
    assert ms_ssim(picture, picture) == pytest.approx(1.0, abs=1e-12)
    dark, light = np.full((180, 176), 100, np.uint8), np.full((180, 176), 110, np.uint8)
    luminance = (2 * 100 * 110 + C1) / (100**2 + 110**2 + C1)
    assert ms_ssim(dark, light) == pytest.approx(luminance**0.1333, abs=1e-12)


@pytest.mark.parametrize(("height", "width"), [(176, 176), (191, 183)])
def test_ms_ssim_matches_the_definition(height: int, width: int) -> None:
    reference, decoded = noisy(3, height, width, 20.0)
    expected = [
        slow_ms_ssim(reference[..., c].astype(np.float64), decoded[..., c].astype(np.float64))
        for c in range(3)
    ]
    assert ms_ssim(reference, decoded) == pytest.approx(np.mean(expected), abs=1e-10)
    assert ms_ssim(reference[..., 0], decoded[..., 0]) == pytest.approx(expected[0], abs=1e-10)


def test_single_scale_terms_match_scikit_image() -> None:
    skimage = pytest.importorskip("skimage.metrics")
    from lcodec.metrics.msssim import _ssim_maps

    reference, decoded = (p[..., 0] for p in noisy(5, 64, 80, 15.0))
    expected = skimage.structural_similarity(
        reference,
        decoded,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    luminance, contrast = _ssim_maps(reference.astype(np.float64), decoded.astype(np.float64))
    assert float((luminance * contrast).mean()) == pytest.approx(expected, abs=1e-9)


def test_opposite_pictures_do_not_break_ms_ssim() -> None:
    random = np.random.default_rng(1).integers(0, 256, (176, 176), np.uint8)
    assert ms_ssim(random, 255 - random) == 0.0


def test_small_pictures_are_refused_clearly() -> None:
    assert MS_SSIM_MIN_SIDE == 176
    small = np.zeros((175, 400), np.uint8)
    assert not has_ms_ssim(small)
    with pytest.raises(UsageError, match="at least 176 pixels, not 400x175"):
        ms_ssim(small, small)


def test_shapes_must_agree() -> None:
    with pytest.raises(UsageError, match="different shapes"):
        psnr(np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8))


def test_decibels() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20.0)
    assert ms_ssim_db(1.0) == math.inf
