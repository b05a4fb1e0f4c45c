"""SSIMULACRA2 in torch: a differentiable perceptual measure.

The measure of Sneyers (Cloudinary, version 2.1, 2022): six scales in the XYB colour space; maps of
structural dissimilarity, of added edges ("artifact") and of lost ones ("detail"), each averaged by
its mean and by its 4-norm; a weighted sum of these averages, stretched to a scale on which 90
means visually lossless, 70 high, 50 medium and 30 low quality.

All of it is float32 whatever the caller's autocast: in bfloat16 the variances are noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.errors import UsageError
from lcodec.metrics.distortion import same_shape
from lcodec.metrics.weighting import FINE, LUMA, scale_weights
from lcodec.picture import Samples

SCALES = 6
MIN_SIDE = 8
"""Shortest side of a picture and of a scale, in pixels; smaller scales are left out."""

_TAPS, _SIGMA = 11, 1.5
_C2 = 0.0009
_TINY = 1e-24  # keeps the slope of the 4-norm finite where a map is zero
_STRIP = 1 << 19  # pixels processed at a time where no gradient is needed

# Responses of the eye's cones to linear RGB; biased and cube-rooted as in JPEG XL.
_OPSIN = (
    (0.3, 0.622, 0.078),
    (0.23, 0.692, 0.078),
    (0.24342268924547819, 0.20476744424496821, 0.5518098665095536),
)
_OPSIN_BIAS = 0.0037930732552754493


def ssimulacra2(reference: Samples, decoded: Samples) -> float:
    """SSIMULACRA2 of two pictures (H, W) or (H, W, 3) of one type; 100 if they are equal.

    Samples are taken as sRGB, gray ones as equal red, green and blue. Sides of 8 pixels or more.

    Raises:
        UsageError: a side is shorter than `MIN_SIDE`, or as for
            `lcodec.metrics.distortion.psnr`.
    """
    return score(distance(reference, decoded))


def distance(reference: Samples, decoded: Samples) -> float:
    """The weighted sum behind `ssimulacra2`: 0 if the pictures are equal, unbounded above.

    Raises:
        UsageError: a side is shorter than `MIN_SIDE`, or as for
            `lcodec.metrics.distortion.psnr`.
    """
    reference, decoded = same_shape(reference, decoded)
    height, width = reference.shape[:2]
    if not has_ssimulacra2(reference):
        raise UsageError(
            f"SSIMULACRA2 needs sides of at least {MIN_SIDE} pixels, not {width}x{height}"
        )
    if np.array_equal(reference, decoded):
        return 0.0  # rounding in float32 would give slightly more
    with torch.inference_mode():
        return float(distances(_planes(reference), _planes(decoded), strip=_STRIP))


def has_ssimulacra2(pixels: Samples) -> bool:
    """Whether the picture is large enough for `ssimulacra2`."""
    return bool(min(pixels.shape[:2]) >= MIN_SIDE)


def score(value: float) -> float:
    """The published scale: 100 at distance 0, falling, negative for ruined pictures."""
    value = 0.9562382616834844 * value
    slope = 2.326765642916932 + value * (-0.020884521182843837 + value * 6.248496625763138e-05)
    stretched = slope * value
    return 100.0 - 10.0 * stretched**0.6276336467831387 if stretched > 0 else 100.0


def distances(reference: Tensor, decoded: Tensor, strip: int | None = None) -> Tensor:
    """The weighted sum of each pair of pictures (B,), before `score` stretches it.

    ``reference`` and ``decoded`` (B, 3, H, W), sRGB in [0, 1], values outside clipped. The result
    is differentiable with respect to ``decoded``. With ``strip``, that many pixels of a picture
    are processed at a time, which saves memory where no gradient is kept.
    """
    return distances_and_fine(reference, decoded, strip)[0]


def distances_and_fine(
    reference: Tensor, decoded: Tensor, strip: int | None = None
) -> tuple[Tensor, Tensor]:
    """`distances`, and the fine dissimilarity of each pair (B,), which they overlook.

    That is the mean luma dissimilarity at half size and an eighth of it at full size. Of these
    scales, the measure weighs only the 4-norms, of a quarter size the mean: what optimises it
    alone neglects details of two to four pixels (docs/visual.md). Not part of SSIMULACRA2.
    """
    with torch.autocast(reference.device.type, enabled=False):
        total, fine = torch.zeros(2, len(reference), device=reference.device)
        for scale, one, other, channels, weights in _scales(reference, decoded):
            averages = _averages(one, other, channels, strip)
            total = total + (averages * weights).sum((1, 2))
            if scale < len(FINE):
                fine = fine + FINE[scale] * averages[:, channels.index(LUMA), 0]
    return total, fine


@dataclass(frozen=True)
class LocalDistance:
    """Where in pictures the distance comes from.

    Attributes:
        total: the distance (B,), without a gradient.
        cells: (B, h, w), for each cell of a picture. They do not add up to ``total``, but they
            change as it does: their sum has the gradient of the distance if ``norms`` are the
            picture's own.
        norms: mean fourth power of each map (B, channels, 3), for each scale.
    """

    total: Tensor
    cells: Tensor
    norms: tuple[Tensor, ...]


def local_distance(
    reference: Tensor,
    decoded: Tensor,
    cell: int,
    norms: tuple[Tensor, ...] | None = None,
    fine: float = 0.0,
) -> LocalDistance:
    """The distance of pairs of pictures (B, 3, H, W), by cells of ``cell`` pixels, a power of two.

    4-norms do not add up, so a cell has its share of their linear approximation: around the
    picture's own, or around the ``norms`` of another version of it, to compare the two cell by
    cell. ``fine`` is the weight of the fine dissimilarity, which is added to the distance. The rest
    as for `distances`.
    """
    shape = tuple(-(-side // cell) for side in reference.shape[2:])
    found: list[Tensor] = []
    with torch.autocast(reference.device.type, enabled=False):
        cells = torch.zeros(len(reference), *shape, device=reference.device)
        total = cells[:, 0, 0].clone()
        for scale, one, other, channels, weights in _scales(reference, decoded, fine):
            height, width = one.shape[2:]
            seen = _mirrored(0, height, height, one.device)
            pair = (_perceived(planes[:, :, seen], channels) for planes in (one, other))
            maps = _maps(*pair)
            fourth = maps.square().square()
            by_mean, by_norm = torch.split(weights, 3, 1)
            found.append(fourth.detach().mean((3, 4)) + _TINY)
            around = found[-1] if norms is None else norms[len(found) - 1]
            slope = 0.25 * by_norm * around**-0.75
            local = maps * by_mean[..., None, None] + fourth * slope[..., None, None]
            cells = cells + _by_cell(local.sum((1, 2)) / (height * width), scale, cell, shape)
            mean = maps.detach().mean((3, 4))
            total = total + (mean * by_mean + found[-1] ** 0.25 * by_norm).sum((1, 2))
    return LocalDistance(total, cells, tuple(found))


def _by_cell(values: Tensor, scale: int, cell: int, shape: tuple[int, ...]) -> Tensor:
    """Sums by cell (B, *``shape``) of values (B, H, W) at a scale of the pictures."""
    inside, outside = max(1, cell >> scale), max(1, 2**scale // cell)
    h, w = (-(-side // outside) for side in shape)
    values = F.pad(values, (0, w * inside - values.shape[2], 0, h * inside - values.shape[1]))
    sums = values.view(-1, h, inside, w, inside).sum((2, 4))
    spread = sums.repeat_interleave(outside, 1).repeat_interleave(outside, 2) / outside**2
    found: Tensor = spread[:, : shape[0], : shape[1]]
    return found


def _scales(
    reference: Tensor, decoded: Tensor, fine: float = 0.0
) -> Iterator[tuple[int, Tensor, Tensor, list[int], Tensor]]:
    """Every scale that counts: its number, linear light of both, its channels and weights."""
    one, other = (_linear(p.float().clamp(0.0, 1.0)) for p in (reference, decoded))
    count = 1
    while count < SCALES and -(-min(one.shape[2:]) // 2**count) >= MIN_SIDE:
        count += 1
    for scale in range(count):
        if scale:
            one, other = _halved(one), _halved(other)
        channels, weights = scale_weights(count, scale, one.device, fine)
        if channels:
            yield scale, one, other, channels, weights


@lru_cache(maxsize=4)
@torch.inference_mode(mode=False)
def _opsin(device: torch.device) -> Tensor:
    return torch.tensor(_OPSIN, device=device)


def _planes(pixels: Samples) -> Tensor:
    scaled = torch.from_numpy(pixels.astype(np.float32) / float(np.iinfo(pixels.dtype).max))
    return scaled.reshape(*pixels.shape[:2], -1).permute(2, 0, 1).expand(3, -1, -1)[None]


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


def _perceived(linear: Tensor, channels: list[int]) -> Tensor:
    """X, Y and B - Y, shifted and scaled to be positive: those of ``channels``."""
    opsin = _opsin(linear.device)
    mixed = torch.matmul(opsin, linear.flatten(2)).view_as(linear)
    cones = _power(mixed + _OPSIN_BIAS, 1.0 / 3.0) - _OPSIN_BIAS ** (1.0 / 3.0)
    long, medium, short = cones.unbind(1)
    luma = 0.5 * (long + medium)
    planes = (7.0 * (long - medium) + 0.42, luma + 0.01, short - luma + 0.55)
    return torch.stack([planes[c] for c in channels], 1)


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


def _averages(one: Tensor, other: Tensor, channels: list[int], strip: int | None) -> Tensor:
    """Means and 4-norms of the three maps (B, channels, 6), in the order of the weights."""
    height, width = one.shape[2:]
    rows = height if strip is None else max(1, strip // width)
    sums = []
    for top in range(0, height, rows):
        seen = _mirrored(top, min(top + rows, height), height, one.device)
        maps = _maps(_perceived(one[:, :, seen], channels), _perceived(other[:, :, seen], channels))
        sums.append(torch.stack([maps.sum((3, 4)), maps.square().square().sum((3, 4))]))
    mean, fourth = torch.stack(sums).sum(0) / (height * width)
    return torch.cat([mean, (fourth + _TINY) ** 0.25], 2)


def _mirrored(top: int, bottom: int, height: int, device: torch.device) -> Tensor:
    """Rows ``top`` to ``bottom`` and half a window more on each side, mirrored at the edges."""
    half = _TAPS // 2
    rows = torch.arange(top - half, bottom + half, device=device)
    rows = torch.where(rows < 0, -1 - rows, rows)
    return torch.where(rows >= height, 2 * height - 1 - rows, rows)


def _maps(x: Tensor, y: Tensor) -> Tensor:
    """Dissimilarity, artifact and detail (B, C, 3, H, W) from planes of H + 10 rows."""
    count, half = x.shape[1], _TAPS // 2
    # Kept apart from what needs a gradient: that saves half of the backward pass.
    mean_x, square_x = torch.split(_blurred(torch.cat([x, x * x], 1)), count, 1)
    found = _blurred(torch.cat([y, y * y, x * y], 1))
    mean_y, square_y, product = torch.split(found, count, 1)
    luminance = 1.0 - (mean_x - mean_y).square()
    covariance = 2.0 * (product - mean_x * mean_y) + _C2
    variance = (square_x - mean_x.square()) + (square_y - mean_y.square()) + _C2
    dissimilarity = F.relu(1.0 - luminance * covariance / variance)
    x, y = x[:, :, half:-half], y[:, :, half:-half]
    edges = (1.0 + (y - mean_y).abs()) / (1.0 + (x - mean_x).abs()) - 1.0
    return torch.stack([dissimilarity, F.relu(edges), F.relu(-edges)], 2)
