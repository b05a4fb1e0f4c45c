"""Rate-distortion curves as the coordinates of an SVG drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from lcodec.bench.curves import Curve, Metric
from lcodec.bench.plot import METRIC_LABELS, drawn_points, quality_range, quality_words

WIDTH, HEIGHT = 640, 440
LEFT, RIGHT, TOP, BOTTOM = 52, 632, 10, 396
"""The drawing in its own units, and the edges of the area inside the axes."""

_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A grid line: its position along the axis in the drawing, and its label."""

    place: float
    label: str


@dataclass(frozen=True)
class Point:
    """A setting of a codec: its position in the drawing, and its figures as text."""

    x: float
    y: float
    words: str


@dataclass(frozen=True)
class Line:
    """One codec; includes points beyond the axes, which must be clipped.

    ``number`` is its index among all curves, so that its colour is the same in every drawing.
    """

    number: int
    title: str
    dashed: bool
    points: tuple[Point, ...]

    @property
    def path(self) -> str:
        """Its ``points`` attribute."""
        return " ".join(f"{point.x:.1f},{point.y:.1f}" for point in self.points)


@dataclass(frozen=True)
class Chart:
    """A whole drawing; the first line is the subject."""

    label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[Line, ...]


def rd_chart(curves: Sequence[Curve], metric: Metric) -> Chart | None:
    """The curves as `lcodec.bench.plot.plot_rd` draws them; the first one is the subject.

    Curves without that metric are left out; None if the subject is one of them.
    """
    drawn = [(curve, points) for curve in curves if (points := drawn_points(curve, metric))]
    if not drawn or drawn[0][0] is not curves[0]:
        return None
    limit = 1.1 * max(bpp for bpp, _ in drawn[0][1])
    low, high = quality_range([points for _, points in drawn], limit)

    def x(bpp: float) -> float:
        return LEFT + (RIGHT - LEFT) * bpp / limit

    def y(quality: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * (quality - low) / (high - low)

    lines = [
        Line(
            curves.index(curve),
            curve.title,
            curve.kind == "classical",
            tuple(
                Point(
                    x(bpp),
                    y(value),
                    f"{curve.title}: {bpp:.3f} bpp, {quality_words(metric, value)}",
                )
                for bpp, value in points
            ),
        )
        for curve, points in drawn
    ]
    return Chart(
        METRIC_LABELS[metric],
        tuple(Tick(x(value), label) for value, label in _ticks(0.0, limit)),
        tuple(Tick(y(value), label) for value, label in _ticks(low, high)),
        tuple(lines),
    )


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """About six round numbers between two ends, and their labels."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(n for n in _STEPS if n * power >= rough)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(n * step, f"{n * step:.{digits}f}") for n in range(first, last + 1)]
