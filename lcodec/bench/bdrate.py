"""Bjontegaard delta rate: the mean difference in rate at equal quality."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lcodec.bench.curves import Curve
from lcodec.bench.extras import require
from lcodec.errors import UsageError


@dataclass(frozen=True)
class BdRate:
    """``percent``: rate of the tested codec over that of the anchor, less 100; below 0 is better.

    ``low`` and ``high`` bound the PSNR range in dB over which it was averaged.
    """

    percent: float
    low: float
    high: float


def bd_rate(anchor: Curve, test: Curve, *, psnr_range: tuple[float, float] | None = None) -> BdRate:
    """BD-rate of ``test`` against ``anchor`` over the PSNR range that they share.

    The natural logarithm of the rate is interpolated over PSNR by piecewise cubic Hermite
    polynomials (PCHIP) and integrated exactly; ``psnr_range`` narrows the range further.
    (Bjontegaard, VCEG-M33, has one cubic instead of the piecewise ones.)

    Raises:
        UsageError: fewer than two points, equal PSNRs on a curve, or no shared range.
        MissingExtraError: scipy is not installed.
    """
    low = max(_ends(anchor)[0], _ends(test)[0])
    high = min(_ends(anchor)[1], _ends(test)[1])
    if psnr_range is not None:
        low, high = max(low, psnr_range[0]), min(high, psnr_range[1])
    if not low < high:
        raise UsageError(f"curves `{anchor.name}` and `{test.name}` share no PSNR range")
    difference = _log_rate_area(test, low, high) - _log_rate_area(anchor, low, high)
    return BdRate(100.0 * math.expm1(difference / (high - low)), low, high)


def _ends(curve: Curve) -> tuple[float, float]:
    if len(curve.psnr) < 2:
        raise UsageError(f"curve `{curve.name}`: BD-rate needs at least two points")
    if any(low >= high for low, high in zip(curve.psnr, curve.psnr[1:], strict=False)):
        raise UsageError(f"curve `{curve.name}`: two points have the same PSNR")
    return curve.psnr[0], curve.psnr[-1]


def _log_rate_area(curve: Curve, low: float, high: float) -> float:
    interpolate = require("scipy.interpolate", "BD-rate")
    log_rates = [math.log(bpp) for bpp in curve.bpp]
    spline = interpolate.PchipInterpolator(curve.psnr, log_rates)
    return float(spline.integrate(low, high))
