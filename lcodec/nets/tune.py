"""What weights are trained for: how much distortion is worth how many bits, by quality level.

The loss of a picture is ``(bpp + error * 255^2 MSE + perceived * D) / sqrt(reference)``, where D is
the distance of SSIMULACRA2 and the three factors belong to a tune and rise with the level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lcodec.integer.profile import QUALITY_MAX
from lcodec.nets.quality import LAMBDA_MAX, LAMBDA_MIN
from lcodec.tunes import TuneName, parse_tune


@dataclass(frozen=True)
class Rise:
    """A factor that rises from ``low`` to ``high`` over the levels, by equal ratios."""

    low: float
    high: float

    def at(self, quality: Tensor) -> Tensor:
        """The factor at qualities of any shape, in 0..100."""
        return self.low * torch.exp(quality / QUALITY_MAX * math.log(self.high / self.low))

    def level(self, value: float) -> float:
        """The level, perhaps outside of 0..100, at which the factor is ``value``."""
        return QUALITY_MAX * math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True)
class Tune:
    """Factors of the loss.

    Attributes:
        reference: bits that an error of 1 would be worth at the same rate if squared error alone
            counted; levels of two tunes with the same reference need about the same rate.
        error: bits per pixel that a mean squared error of 1 / 255^2 is worth.
        perceived: bits per pixel that a distance of 1 is worth; None where it does not count.
    """

    reference: Rise
    error: Rise
    perceived: Rise | None = None


def _visual() -> Tune:
    """Six sevenths of what counts is what is seen; the rest keeps colours and levels right.

    The levels go on beyond those of the other tune by 30 of them below, by 20 above.
    """

    def span(at_0: float, at_100: float, share: float = 1.0) -> Rise:
        ratio = at_100 / at_0
        return Rise(share * at_0 * ratio**-0.3, share * at_0 * ratio**1.2)

    reference = span(LAMBDA_MIN, LAMBDA_MAX)
    error = span(LAMBDA_MIN, LAMBDA_MAX, 0.15)
    return Tune(reference, error, span(0.0076, 250.0 * 0.0076, 0.85))


_PSNR = Rise(LAMBDA_MIN, LAMBDA_MAX)
TUNES = {TuneName.VISUAL: _visual(), TuneName.PSNR: Tune(_PSNR, _PSNR)}


def find_tune(name: str) -> Tune:
    """The factors of the tune of that name.

    Raises:
        UsageError: there is none.
    """
    return TUNES[parse_tune(name)]
