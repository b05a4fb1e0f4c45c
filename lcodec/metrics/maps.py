"""What SSIMULACRA2 compares of two pictures, scale by scale: maps of how they differ.

Colours as the eye's cones see them, in the XYB colour space of JPEG XL; local means and variances;
from these maps of structural dissimilarity, of added edges ("artifact") and of lost ones
("detail"). What is done with the maps is up to `lcodec.metrics.ssimulacra2` and
`lcodec.metrics.localdistance`. Callers see to float32: in bfloat16 the variances are noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.metrics.weighting import scale_weights

SCALES = 6
MIN_SIDE = 8
"""Shortest side of a picture and of a scale, in pixels; smaller scales are left out."""

TINY = 1e-24
"""Added to means of fourth powers: keeps the slope of the 4-norm finite where a map is zero."""

_TAPS, _SIGMA = 11, 1.5
_C2 = 0.0009

# Responses of the eye's cones to linear RGB; biased and cube-rooted as in JPEG XL.
_OPSIN = (
    (0.3, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
_OPSIN_BIAS = 0.0037930732552754493


class Scale(NamedTuple):
    """One of the sizes at which pictures are compared, halved ``number`` times.

    ``channels`` are those that count, none at some scales; ``weights`` (channels, 6) are of the
    means of their three maps, then of the 4-norms.
    """

    number: int
    channels: list[int]
    weights: Tensor


class Original(NamedTuple):
    """What a comparison needs of the picture that another is compared with, at one scale.

    ``planes`` as from `perceived`, their local ``mean`` and mean ``square`` (B, C, H, W).
    """

    planes: Tensor
    mean: Tensor
    square: Tensor

    @classmethod
    def of(cls, planes: Tensor) -> Original:
        """That of planes (B, C, H + 10, W)."""
        mean, square = torch.split(
            _blurred(torch.cat([planes, planes * planes], 1)), planes.shape[1], 1
        )
        return cls(planes, mean, square)


def scales(pixels: Tensor, fine: float = 0.0) -> list[Scale]:
    """All scales of pictures of the size of ``pixels`` (B, 3, H, W), the finest first.

    ``fine`` is the weight of the fine dissimilarity (`lcodec.metrics.weighting`).
    """
    count, least = 1, min(pixels.shape[2:])
    while count < SCALES and -(-least // 2**count) >= MIN_SIDE:
        count += 1
    return [
        Scale(number, *scale_weights(count, number, pixels.device, fine)) for number in range(count)
    ]


def pyramid(pixels: Tensor) -> Iterator[Tensor]:
    """Linear light (B, 3, H / 2^n, W / 2^n) of sRGB pictures, for n = 0, 1, 2, ... without end."""
    light = _linear(pixels.float().clamp(0.0, 1.0))
    while True:
        yield light
        light = _halved(light)


def perceived(light: Tensor, channels: list[int], rows: slice = slice(None)) -> Tensor:
    """Those ``channels`` of X, Y and B - Y, shifted and scaled to be positive (B, C, h + 10, W).

    Of ``rows`` of linear light (B, 3, H, W) and half a window more on each side, mirrored at the
    edges of the picture.
    """
    top, bottom, _ = rows.indices(light.shape[2])
    linear = light[:, :, _mirrored(top, bottom, light.shape[2], light.device)]
    opsin = _opsin(linear.device)
    mixed = torch.matmul(opsin, linear.flatten(2)).view_as(linear)
    cones = _power(mixed + _OPSIN_BIAS, 1.0 / 3.0) - _OPSIN_BIAS ** (1.0 / 3.0)
    long, medium, short = cones.unbind(1)
    luma = 0.5 * (long + medium)
    planes = (7.0 * (long - medium) + 0.42, luma + 0.01, short - luma + 0.55)
    return torch.stack([planes[c] for c in channels], 1)


def difference_maps(original: Original, planes: Tensor) -> Tensor:
    """Dissimilarity, artifact and detail (B, C, 3, H, W) of planes (B, C, H + 10, W).

    Differentiable with respect to ``planes``.
    """
    count, half = planes.shape[1], _TAPS // 2
    x, mean_x, square_x = original
    y = planes
    found = _blurred(torch.cat([y, y * y, x * y], 1))
    mean_y, square_y, product = torch.split(found, count, 1)
    luminance = 1.0 - (mean_x - mean_y).square()
    covariance = 2.0 * (product - mean_x * mean_y) + _C2
    variance = (square_x - mean_x.square()) + (square_y - mean_y.square()) + _C2
    dissimilarity = F.relu(1.0 - luminance * covariance / variance)
    x, y = x[:, :, half:-half], y[:, :, half:-half]
    edges = (1.0 + (y - mean_y).abs()) / (1.0 + (x - mean_x).abs()) - 1.0
    return torch.stack([dissimilarity, F.relu(edges), F.relu(-edges)], 2)


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def _opsin(device: torch.device) -> Tensor:
    return torch.tensor(_OPSIN, dtype=torch.float32, device=device)


def _linear(pixels: Tensor) -> Tensor:
    curve = _power((pixels + 0.055) / 1.055, 2.4)
    return torch.where(pixels <= 0.04045, pixels / 12.92, curve)


def _power(values: Tensor, exponent: float) -> Tensor:
    """Powers of positive values.

    torch's own rounds the last few values of each thread differently, so that results would depend
    on the number of threads.
    """
    return torch.exp(exponent * torch.log(values))


def _halved(linear: Tensor) -> Tensor:
    """Means of 2x2 pixels; of fewer at an odd edge."""
    h, w = linear.shape[2:]
    return F.avg_pool2d(F.pad(linear, (0, w % 2, 0, h % 2), mode="replicate"), 2)


def _blurred(planes: Tensor) -> Tensor:
    """Gaussian mean (B, C, H, W) of planes (B, C, H + 10, W), with zeros to the left and right."""
    count, half = planes.shape[1], _TAPS // 2
    place = torch.arange(-half, half + 1, device=planes.device, dtype=torch.float64)
    kernel = torch.exp(place.square() / (-2.0 * _SIGMA**2))
    kernel = (kernel / kernel.sum()).to(planes.dtype)
    down = kernel.view(1, 1, -1, 1).expand(count, 1, -1, 1)
    across = kernel.view(1, 1, 1, -1).expand(count, 1, 1, -1)
    planes = F.conv2d(planes, down, groups=count)
    return F.conv2d(planes, across, padding=(0, half), groups=count)


def _mirrored(top: int, bottom: int, height: int, device: torch.device) -> Tensor:
    """Rows ``top`` to ``bottom`` and half a window more on each side, mirrored at the edges."""
    half = _TAPS // 2
    rows = torch.arange(top - half, bottom + half, device=device)
    rows = torch.where(rows < 0, -1 - rows, rows)
    return torch.where(rows >= height, 2 * height - 1 - rows, rows)
