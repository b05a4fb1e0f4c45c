"""Calibrate the quality scale: which of the networks' qualities each level stands for.

With the tune visual, level N is meant to give SSIMULACRA2 N on photographs. Photographs differ: at
the same network quality, detailed ones score lower, by 15 points and more at low levels. A level
is a promise, so the best-scoring quarter is left out: the mean of the others is measured at
qualities evenly spread over the networks' range and interpolated monotonically. Levels beyond the
measured scores are spaced evenly to the ends of the range.

With the tune psnr, level N has the Lagrange multiplier of `lcodec.modules.quality`, except near the
ends, where the levels stretch to the ends of the networks' range.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lcodec.errors import UsageError
from lcodec.format import QUALITY_MAX
from lcodec.metrics.ssimulacra2 import distances, score
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.nets.tune import Reach
from lcodec.tunes import TuneName
from lcodec.twin.codec import TwinCodec

PICTURES = 40
STEPS = 17
"""Number of qualities measured; the scale is interpolated between them."""
COUNTED = 0.75
"""Share of the pictures, the lowest-scoring ones, whose mean makes the scale."""

_UNIT = PATCH * HYPER_STRIDE
_KEPT = (20, 80)  # levels of the tune psnr that keep their meaning, whatever the reach
_LEAST_RISE = 0.02  # of the quality from one level to the next, so that all levels differ

Floats = NDArray[np.float64]
Pixels = NDArray[np.uint8]


def calibrated(
    model: TwinCodec,
    pictures: Sequence[Pixels],
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> TwinCodec:
    """Set the model's scale from `PICTURES` of ``pictures`` (H, W, 3), evenly chosen; returns it.

    Raises:
        UsageError: the model is not of the tune visual, no picture has 64 pixels each way, or the
            scores span fewer than two levels.
    """
    if model.config.tune != TuneName.VISUAL:
        raise UsageError(f"tune {model.config.tune} has no scale to calibrate")
    large = [picture for picture in pictures if min(picture.shape[:2]) >= _UNIT]
    if not large:
        raise UsageError("no picture is large enough to make a scale")
    places = np.linspace(0, len(large) - 1, min(PICTURES, len(large))).round().astype(int)
    chosen = [large[place] for place in places]
    qualities = np.linspace(0.0, QUALITY_MAX, STEPS)
    points = np.zeros(STEPS)
    for step, quality in enumerate(qualities):
        points[step] = lower_mean([scored(model, picture, float(quality)) for picture in chosen])
        on_step(step + 1, STEPS)
    scale = scale_of(qualities, points)
    model.rescale(tuple(round(float(q), 3) for q in scale))
    return model


@torch.no_grad()
def scored(model: TwinCodec, picture: Pixels, quality: float) -> float:
    """SSIMULACRA2 of a picture (H, W, 3) coded at one of the networks' qualities.

    The picture is cropped, from the top left, to whole hyper-latents (multiples of 64 pixels).
    """
    h, w = (side // _UNIT * _UNIT for side in picture.shape[:2])
    pixels = torch.from_numpy(picture[:h, :w].copy()).permute(2, 0, 1)[None].float() / 255.0
    given = torch.tensor([quality])
    y = model.transforms.analyse(pixels, given)
    shown = model.transforms.show(torch.round(model.after_looks(y, pixels, given)), given)
    shown = torch.round(shown * 255.0) / 255.0
    return score(float(distances(pixels, shown)))


def lower_mean(values: Sequence[float]) -> float:
    """Mean of the lowest of the values, `COUNTED` of them, rounded up."""
    return float(np.mean(sorted(values)[: math.ceil(COUNTED * len(values))]))


def lagrangian_scale(reach: Reach) -> tuple[float, ...]:
    """Quality of each level (101,) of a model of the tune psnr of this reach.

    Levels 20 to 80 have the multiplier of `lcodec.modules.quality.quality_lambda`; beyond, steps
    grow evenly, so that 0 and 100 lie where the reach ends.
    """
    levels = np.arange(QUALITY_MAX + 1, dtype=np.float64)
    low, high = (QUALITY_MAX * end for end in reach)
    below = ((_KEPT[0] - levels) / _KEPT[0]).clip(min=0.0)
    above = ((levels - _KEPT[1]) / (QUALITY_MAX - _KEPT[1])).clip(min=0.0)
    places = levels + low * below**2 + (high - QUALITY_MAX) * above**2
    scale = QUALITY_MAX * (places - low) / (high - low)
    return tuple(round(float(quality), 3) for quality in scale)


def scale_of(qualities: Floats, points: Floats) -> Floats:
    """Quality of each level (101,) from scores ``points`` (n,) at rising ``qualities`` (n,).

    Where a score falls, the highest so far counts.

    Raises:
        UsageError: the scores span fewer than two levels.
    """
    from scipy.interpolate import PchipInterpolator

    points = np.maximum.accumulate(points)
    keep = np.concatenate([[True], np.diff(points) > 1e-6])
    qualities, points = qualities[keep], points[keep]
    levels = np.arange(QUALITY_MAX + 1, dtype=np.float64)
    low, high = np.ceil(points[0]), np.floor(points[-1])
    inside = (levels >= low) & (levels <= high)
    if inside.sum() < 2:
        raise UsageError(f"SSIMULACRA2 runs from {points[0]:.1f} to {points[-1]:.1f} only")
    scale = PchipInterpolator(points, qualities)(levels.clip(low, high))
    first, last = int(levels[inside][0]), int(levels[inside][-1])
    if first:  # else level 0 was measured
        scale[: first + 1] = np.linspace(0.0, scale[first], first + 1)
    scale[last:] = np.linspace(scale[last], QUALITY_MAX, QUALITY_MAX + 1 - last)
    rising = np.maximum.accumulate(scale - _LEAST_RISE * levels) + _LEAST_RISE * levels
    spread: Floats = rising * (QUALITY_MAX / max(rising[-1], QUALITY_MAX))
    return spread
