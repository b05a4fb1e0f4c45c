"""Bjontegaard delta rate: the mean difference in rate at equal quality."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from lcodec.bench.curves import Curve, Metric
from lcodec.bench.extras import require
from lcodec.errors import UsageError

NAMES: dict[Metric, str] = {"psnr": "PSNR", "ms_ssim": "MS-SSIM", "ssimulacra2": "SSIMULACRA2"}


_DIGITS: dict[Metric, int] = {"psnr": 1, "ms_ssim": 4, "ssimulacra2": 1}


@dataclass(frozen=True)
class BdRate:
    """``percent``: rate of the tested codec relative to the anchor's; below 0 is better.

    ``low`` and ``high`` bound the range of the measure over which it was averaged; ``overlap`` is
    the part, 0..1, of the shorter of the two curves that the other one covers, too.
    """

    percent: float
    low: float
    high: float
    overlap: float


def bd_rate(
    anchor: Curve,
    test: Curve,
    *,
    metric: Metric = "psnr",
    within: tuple[float, float] | None = None,
) -> BdRate:
    """BD-rate of ``test`` against ``anchor`` over their common range of ``metric``.

    The natural logarithm of the rate is interpolated over the measure by piecewise cubic Hermite
    polynomials (PCHIP) and integrated exactly; ``within`` narrows the range further.
    (Bjontegaard, VCEG-M33, has one cubic instead of the piecewise ones.)

    Raises:
        UsageError: fewer than two points of that measure, equal ones on a curve, or no shared
            range.
        MissingExtraError: scipy is not installed.
    """
    points = [_points(curve, metric) for curve in (anchor, test)]
    low = max(values[0] for values, _ in points)
    high = min(values[-1] for values, _ in points)
    overlap = (high - low) / min(values[-1] - values[0] for values, _ in points)
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    if not low < high:
        raise UsageError(f"curves `{anchor.name}` and `{test.name}` share no {NAMES[metric]} range")
    areas = [_area(*curve, low, high) for curve in points]
    percent = 100.0 * math.expm1((areas[1] - areas[0]) / (high - low))
    return BdRate(percent, low, high, overlap)


def shown_range(metric: Metric, low: float, high: float, to: str = " to ") -> str:
    """The range of a measure as tables show it."""
    digits = _DIGITS[metric]
    return f"{low:.{digits}f}{to}{high:.{digits}f}"


def _points(curve: Curve, metric: Metric) -> tuple[list[float], list[float]]:
    """Values of the measure, rising, and logarithms of the rates."""
    pairs = sorted((value, bpp) for bpp, value in curve.points(metric))
    if len(pairs) < 2:
        raise UsageError(f"curve `{curve.name}`: BD-rate needs at least two points")
    values = [value for value, _ in pairs]
    if any(low >= high for low, high in pairwise(values)):
        raise UsageError(f"curve `{curve.name}`: two points have the same {NAMES[metric]}")
    return values, [math.log(bpp) for _, bpp in pairs]


def _area(values: list[float], log_rates: list[float], low: float, high: float) -> float:
    interpolate = require("scipy.interpolate", "BD-rate")
    return float(interpolate.PchipInterpolator(values, log_rates).integrate(low, high))
