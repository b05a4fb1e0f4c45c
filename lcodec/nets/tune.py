"""Tunes, what weights are trained for: how many bits a distortion is worth, by quality level.

The loss of a picture is ``(bpp + error * 255^2 MSE + perceived * (D + fine * F) + calm * U) /
sqrt(reference)``, where D is the SSIMULACRA2 distance, F the fine dissimilarity, which it overlooks
(`lcodec.metrics.ssimulacra2.distances_and_fine`), and U the unrest of smooth areas
(`lcodec.metrics.smooth.unrest`). The factors belong to a tune and rise with the level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lcodec.format import QUALITY_MAX
from lcodec.modules.quality import LAMBDA_MAX, LAMBDA_MIN
from lcodec.tunes import TuneName, parse_tune

CALM = 6.0 * LAMBDA_MIN
"""Bits per pixel that an unrest of 1 is worth at level 0 of the tune psnr."""
CALM_RISE = 0.65
"""Power of the worth of squared error with which it rises: what nobody sees counts less."""


@dataclass(frozen=True)
class Rise:
    """A factor that rises geometrically from ``low`` to ``high`` over the levels."""

    low: float
    high: float

    def at(self, quality: Tensor) -> Tensor:
        """The factor at qualities of any shape, in 0..100."""
        return self.low * torch.exp(quality / QUALITY_MAX * math.log(self.high / self.low))

    def level(self, value: float) -> float:
        """The level, possibly outside 0..100, at which the factor is ``value``."""
        return QUALITY_MAX * math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Tune:
    """Factors of the loss.

    Attributes:
        reference: what ``error`` would be at the same rate if squared error alone counted; levels
            of two tunes with the same reference need about the same rate.
        error: bits per pixel that a mean squared error of 1 / 255^2 is worth.
        perceived: bits per pixel that a distance of 1 is worth; None if it does not count.
        calm: bits per pixel that an unrest of 1 is worth; None if it does not count.
        fine: distance that a fine dissimilarity of 1 counts as.
    """

    reference: Rise
    error: Rise
    perceived: Rise | None = None
    calm: Rise | None = None
    fine: float = 0.0


Reach = tuple[float, float]
"""Where qualities 0 and 100 lie on a scale whose 0 and 1 are `LAMBDA_MIN` and `LAMBDA_MAX`."""

FIRST_REACH: dict[TuneName, Reach] = {TuneName.VISUAL: (-0.3, 1.2), TuneName.PSNR: (0.0, 1.0)}
"""Reach of models whose configuration has none."""

REACH: dict[TuneName, Reach] = {TuneName.VISUAL: (-0.3, 1.35), TuneName.PSNR: (-0.25, 1.2)}
"""Reach of new runs."""


def find_tune(name: str, reach: Reach | None = None) -> Tune:
    """The tune of that name, over qualities of that reach.

    Raises:
        UsageError: there is no such tune.
    """
    tune = parse_tune(name)
    low, high = FIRST_REACH[tune] if reach is None else reach

    def rise(at_0: float, at_1: float, share: float = 1.0) -> Rise:
        ratio = at_1 / at_0
        return Rise(share * at_0 * ratio**low, share * at_0 * ratio**high)

    reference = rise(LAMBDA_MIN, LAMBDA_MAX)
    if tune == TuneName.PSNR:
        return Tune(reference, error=reference)
    # Most of what counts is what is seen; the rest keeps colours and levels right.
    return Tune(
        reference,
        error=rise(LAMBDA_MIN, 2.0 * LAMBDA_MAX, 0.15),
        perceived=rise(0.0076, 250.0 * 0.0076, 0.34),
        fine=120.0,
        calm=rise(CALM, CALM * (LAMBDA_MAX / LAMBDA_MIN) ** CALM_RISE),
    )
