"""MS-SSIM of 8-bit and 16-bit pictures, as the field reports it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from lcodec.errors import UsageError
from lcodec.metrics.distortion import same_shape
from lcodec.picture import Samples

PEAK = 255.0

# Wang, Simoncelli, Bovik 2003, "Multi-scale structural similarity": weight of each scale.
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_TAPS = 11
_SIGMA = 1.5
_C1 = (0.01 * PEAK) ** 2
_C2 = (0.03 * PEAK) ** 2

MS_SSIM_MIN_SIDE = _TAPS * 2 ** (len(MS_SSIM_WEIGHTS) - 1)
"""Shortest side, in pixels, for which the smallest scale still holds one whole window."""

_Plane = NDArray[np.float64]


def ms_ssim(reference: Samples, decoded: Samples) -> float:
    """MS-SSIM in 0..1: the mean over the channels of two pictures of one shape and type.

    Five scales with the weights of Wang et al. 2003, Gaussian window of 11x11 with sigma 1.5,
    windows that lie wholly inside the picture only, K1 = 0.01, K2 = 0.03. Each scale halves the
    last by averaging 2x2 samples; an odd last row or column is left out. Negative means of a
    scale count as 0.

    Raises:
        UsageError: a side is shorter than `MS_SSIM_MIN_SIDE`, or as for
            `lcodec.metrics.distortion.psnr`.
    """
    reference, decoded = same_shape(reference, decoded)
    height, width = reference.shape[:2]
    if not has_ms_ssim(reference):
        raise UsageError(
            f"MS-SSIM needs sides of at least {MS_SSIM_MIN_SIDE} pixels, not {width}x{height}"
        )
    planes = reference.reshape(height, width, -1)
    others = decoded.reshape(height, width, -1)
    channels = range(planes.shape[2])
    return sum(_ms_ssim_plane(planes[..., c], others[..., c]) for c in channels) / len(channels)


def has_ms_ssim(pixels: Samples) -> bool:
    """Whether the picture is large enough for `ms_ssim`."""
    return bool(min(pixels.shape[:2]) >= MS_SSIM_MIN_SIDE)


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on the scale of the field's plots: ``-10 log10(1 - value)``; inf at 1."""
    return math.inf if value >= 1.0 else -10.0 * math.log10(1.0 - value)


def _ms_ssim_plane(reference: Samples, decoded: Samples) -> float:
    scaling = PEAK / float(np.iinfo(reference.dtype).max)
    x, y = reference.astype(np.float64) * scaling, decoded.astype(np.float64) * scaling
    result = 1.0
    for scale, weight in enumerate(MS_SSIM_WEIGHTS):
        if scale:
            x, y = _halve(x), _halve(y)
        luminance, contrast = _ssim_maps(x, y)
        last = scale == len(MS_SSIM_WEIGHTS) - 1
        mean = float((luminance * contrast).mean() if last else contrast.mean())
        result *= max(mean, 0.0) ** weight
    return result


def _ssim_maps(x: _Plane, y: _Plane) -> tuple[_Plane, _Plane]:
    """The luminance term and the contrast-structure term of SSIM at every whole window."""
    mean_x, mean_y = _blur(x), _blur(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    variances = _blur(x * x) + _blur(y * y) - square_x - square_y
    covariance = _blur(x * y) - product
    luminance = (2.0 * product + _C1) / (square_x + square_y + _C1)
    contrast = (2.0 * covariance + _C2) / (variances + _C2)
    return luminance, contrast


def _blur(plane: _Plane) -> _Plane:
    """Gaussian mean at every whole window: (H, W) gives (H - 10, W - 10)."""
    return _blur_rows(_blur_rows(plane).T).T


def _blur_rows(plane: _Plane) -> _Plane:
    """Gaussian mean down the columns: (H, W) gives (H - 10, W)."""
    rows = plane.shape[0] - _TAPS + 1
    half = _TAPS // 2
    result = _GAUSSIAN[half] * plane[half : half + rows]
    for tap in range(half):
        mirrored = _TAPS - 1 - tap
        result += _GAUSSIAN[tap] * (plane[tap : tap + rows] + plane[mirrored : mirrored + rows])
    return result


def _halve(plane: _Plane) -> _Plane:
    height, width = plane.shape[0] // 2 * 2, plane.shape[1] // 2 * 2
    even, odd = plane[0:height:2, :width], plane[1:height:2, :width]
    columns = even + odd
    return (columns[:, 0::2] + columns[:, 1::2]) * 0.25


def _gaussian() -> tuple[float, ...]:
    values = [math.exp(-((i - _TAPS // 2) ** 2) / (2.0 * _SIGMA**2)) for i in range(_TAPS)]
    return tuple(value / sum(values) for value in values)


_GAUSSIAN = _gaussian()
