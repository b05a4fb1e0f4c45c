"""A quality scale that means something: where each level lies among the trained qualities.

With the tune visual, level N is to give SSIMULACRA2 N on photographs. The mean over pictures is
measured at qualities evenly spread over those the networks know; what lies between is
interpolated, monotonically. Levels beyond what is reached go on evenly to the ends.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from lcodec.errors import UsageError
from lcodec.integer.profile import QUALITY_MAX
from lcodec.metrics.ssimulacra2 import distances, score
from lcodec.training.data import CropDataset
from lcodec.tunes import TuneName
from lcodec.twin.codec import TwinCodec

SIDE = 512
STEPS = 17
"""Qualities measured; what is between them is interpolated."""

_LEAST_RISE = 0.02  # of the quality from level to level, so that all levels differ

Floats = NDArray[np.float64]


def calibrated(
    model: TwinCodec,
    pictures: CropDataset,
    count: int = 24,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> TwinCodec:
    """The model with a scale made from ``count`` crops of ``pictures``.

    Raises:
        UsageError: the model is not of the tune visual.
    """
    if model.config.tune != TuneName.VISUAL:
        raise UsageError(f"tune {model.config.tune} has no scale to calibrate")
    crops = torch.cat([pictures.batch(1, SIDE) for _ in range(count)])
    qualities = np.linspace(0.0, QUALITY_MAX, STEPS)
    points = np.zeros(STEPS)
    for step, quality in enumerate(qualities):
        points[step] = mean_score(model, crops, float(quality))
        on_step(step + 1, STEPS)
    scale = scale_of(qualities, points)
    model.rescale(tuple(round(float(q), 3) for q in scale))
    return model


@torch.no_grad()
def mean_score(model: TwinCodec, crops: torch.Tensor, quality: float) -> float:
    """Mean SSIMULACRA2 of uint8 ``crops`` (B, 3, H, W) at one of the networks' qualities."""
    total = 0.0
    for crop in torch.split(crops, 1):
        pixels = crop.float() / 255.0
        given = torch.tensor([quality])
        y_hat = torch.round(model.transforms.analyse(pixels, given))
        shown = model.transforms.synthesise(y_hat, given).clamp(0.0, 1.0)
        shown = torch.round(shown * 255.0) / 255.0
        total += score(float(distances(pixels, shown)))
    return total / len(crops)


def scale_of(qualities: Floats, points: Floats) -> Floats:
    """The quality of each level 0..100, from points measured at rising ``qualities``.

    Where the points fall for once, the highest so far counts.
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
    scale[: first + 1] = np.linspace(0.0, scale[first], first + 1)
    scale[last:] = np.linspace(scale[last], QUALITY_MAX, QUALITY_MAX + 1 - last)
    rising = np.maximum.accumulate(scale - _LEAST_RISE * levels) + _LEAST_RISE * levels
    spread: Floats = rising * (QUALITY_MAX / max(rising[-1], QUALITY_MAX))
    return spread
