"""Plots of named points over a logarithmic axis (with matplotlib, in ``lcodec[bench]``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

from lcodec.bench.plot import make_axes, save
from lcodec.errors import UsageError

GAPS = (6.0, 11.0, 20.0)
"""Distances of a label from its point that are tried, in typographic points."""
SIDES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
"""Directions from a point to its label, right and up positive, the preferred ones first."""
RADIUS = 4.0
"""Of the markers, in typographic points."""
OUTSIDE = 100.0
"""How much worse a label outside the frame is than one that covers another."""
ROUNDS = 10

Box = tuple[float, float, float, float]
"""Left, bottom, right, top."""


class NamedPoint(NamedTuple):
    """A point and its label; ``kind`` as that of a `Curve`."""

    name: str
    x: float
    y: float
    kind: str = "measured"


def plot_points(
    points: Sequence[NamedPoint],
    path: str | os.PathLike[str],
    *,
    size: tuple[float, float] = (8.0, 6.0),
    overwrite: bool = False,
    **words: str,
) -> None:
    """Draw points to a PNG (or SVG, PDF) file; ``words`` are "xlabel", "ylabel" and "title".

    Measured codecs are black, classical ones hollow. Labels lie inside the axes, beside each other
    as far as possible.

    Raises:
        UsageError: unknown suffix, or nothing to draw.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    save(draw_points(points, size=size, **words), path, overwrite=overwrite)


def draw_points(points: Sequence[NamedPoint], *, size: tuple[float, float], **words: str) -> Any:
    """The figure that `plot_points` writes."""
    if not points:
        raise UsageError("no points to draw")
    figure, axes = make_axes(size, xscale="log", **words)
    axes.margins(0.08)
    axes.grid(alpha=0.3)
    for point in points:
        colour = "black" if point.kind == "measured" else "tab:blue"
        inside = "white" if point.kind == "classical" else colour
        order = 3.0 if point.kind == "measured" else 2.0
        axes.plot(
            *(point.x, point.y, "o"),
            markersize=2 * RADIUS - 1,
            color=colour,
            markerfacecolor=inside,
            zorder=order,
        )
    labels = [
        axes.annotate(
            point.name,
            (point.x, point.y),
            xytext=(0, 0),
            textcoords="offset points",
            size="small",
            in_layout=False,
        )
        for point in points
    ]
    figure.draw_without_rendering()  # fixes the layout, and thereby sizes and places in pixels
    scale = 72.0 / figure.dpi
    extents = [label.get_window_extent() for label in labels]
    places = axes.transData.transform([(point.x, point.y) for point in points]) * scale
    spots = place(
        [(float(x), float(y)) for x, y in places],
        [(extent.width * scale, extent.height * scale) for extent in extents],
        tuple(side * scale for side in axes.bbox.extents),
    )
    for label, spot in zip(labels, spots, strict=True):
        # Aligned at the point's side: the width of a text differs a little between formats.
        label.set_position((spot.gap * spot.right, spot.gap * spot.up))
        label.set_horizontalalignment({1: "left", 0: "center", -1: "right"}[spot.right])
        label.set_verticalalignment({1: "bottom", 0: "center", -1: "top"}[spot.up])
    return figure


class Spot(NamedTuple):
    """Where a label is, seen from its point: how far, and in which direction (each -1, 0 or 1)."""

    gap: float
    right: int
    up: int

    def box(self, point: tuple[float, float], size: tuple[float, float]) -> Box:
        """The place of a label of ``size`` (width, height) beside ``point``."""
        left, bottom = (
            at + sign * self.gap + (sign - 1) / 2 * length
            for at, sign, length in zip(point, (self.right, self.up), size, strict=True)
        )
        return left, bottom, left + size[0], bottom + size[1]


SPOTS = tuple(Spot(gap, *side) for gap, side in product(GAPS, SIDES))


def place(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], frame: Box
) -> list[Spot]:
    """Where the labels of ``sizes`` (width, height) go.

    They lie inside ``frame``, and where there is room off the points and off each other. All
    lengths are in typographic points.
    """
    marks = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    chosen = [SPOTS[0]] * len(points)
    boxes = [SPOTS[0].box(*label) for label in zip(points, sizes, strict=True)]

    def cost(number: int, spot: Spot) -> float:
        own = spot.box(points[number], sizes[number])
        others = [*boxes[:number], *boxes[number + 1 :], *marks]
        outside = sizes[number][0] * sizes[number][1] - _common(own, frame)
        return round(sum(_common(own, other) for other in others) + OUTSIDE * outside, 3)

    for _ in range(ROUNDS):  # each in turn to its best place, until all have theirs
        before = list(chosen)
        for number, (point, size) in enumerate(zip(points, sizes, strict=True)):
            chosen[number] = min(SPOTS, key=partial(cost, number))
            boxes[number] = chosen[number].box(point, size)
        if chosen == before:
            break
    return chosen


def _common(one: Box, other: Box) -> float:
    """The area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, width) * max(0.0, height)
