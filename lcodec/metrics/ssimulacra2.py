"""SSIMULACRA2 in torch: a differentiable perceptual measure.

The measure of Sneyers (Cloudinary, version 2.1, 2022): six scales in the XYB colour space; maps of
structural dissimilarity, of added edges ("artifact") and of lost ones ("detail"), each averaged by
its mean and by its 4-norm; a weighted sum of these averages, stretched to a scale on which 90
means visually lossless, 70 high, 50 medium and 30 low quality.

All of it is float32 whatever the caller's autocast: in bfloat16 the variances are noise.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lcodec.errors import UsageError
from lcodec.integer.carriers import exact_products
from lcodec.metrics.distortion import same_shape
from lcodec.metrics.maps import (
    MIN_SIDE,
    TINY,
    Original,
    Scale,
    difference_maps,
    perceived,
    pyramid,
    scales,
)
from lcodec.metrics.weighting import FINE, LUMA
from lcodec.picture import Samples

_STRIP = 1 << 19  # pixels processed at a time where no gradient is needed


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
    with exact_products():
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
        total, fine = torch.zeros(2, len(reference), dtype=torch.float32, device=reference.device)
        sizes = zip(scales(reference), pyramid(reference), pyramid(decoded), strict=False)
        for scale, one, other in sizes:
            if not scale.channels:
                continue
            averages = _averages(scale, one, other, strip)
            total = total + (averages * scale.weights).sum((1, 2))
            if scale.number < len(FINE):
                fine = fine + FINE[scale.number] * averages[:, scale.channels.index(LUMA), 0]
    return total, fine


def _planes(pixels: Samples) -> Tensor:
    scaled = torch.from_numpy(pixels.astype(np.float32) / float(np.iinfo(pixels.dtype).max))
    return scaled.reshape(*pixels.shape[:2], -1).permute(2, 0, 1).expand(3, -1, -1)[None]


def _averages(scale: Scale, one: Tensor, other: Tensor, strip: int | None) -> Tensor:
    """Means and 4-norms of the three maps (B, channels, 6), in the order of the weights."""
    height, width = one.shape[2:]
    step = height if strip is None else max(1, strip // width)
    sums = []
    for top in range(0, height, step):
        rows = slice(top, top + step)
        original = Original.of(perceived(one, scale.channels, rows))
        maps = difference_maps(original, perceived(other, scale.channels, rows))
        sums.append(torch.stack([maps.sum((3, 4)), maps.square().square().sum((3, 4))]))
    mean, fourth = torch.stack(sums).sum(0) / (height * width)
    return torch.cat([mean, (fourth + TINY) ** 0.25], 2)
