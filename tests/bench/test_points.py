"""Plots of named points: where the labels go."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from lcodec.bench.points import RADIUS, NamedPoint, draw_points, place, plot_points
from lcodec.errors import UsageError

FRAME = (0.0, 0.0, 300.0, 200.0)


def share_area(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return (
        min(one[2], other[2]) > max(one[0], other[0]) + 0.01
        and min(one[3], other[3]) > max(one[1], other[1]) + 0.01
    )


@pytest.mark.parametrize(
    "points",
    [
        [(0.0, 0.0), (300.0, 0.0), (0.0, 200.0), (300.0, 200.0)],
        [(150.0, 100.0), (153.0, 104.0), (152.0, 96.0), (149.0, 100.0)],
        [(290.0, 20.0 * number) for number in range(1, 9)],
        [(40.0 * number, 100.0) for number in range(1, 7)],
    ],
    ids=["corners", "cluster", "column at the edge", "row"],
)
def test_labels_are_inside_and_cover_nothing(points: list[tuple[float, float]]) -> None:
    sizes = [(70.0 + number, 11.0) for number in range(len(points))]
    spots = place(points, sizes, FRAME)
    boxes = [spot.box(*label) for spot, *label in zip(spots, points, sizes, strict=True)]
    for left, bottom, right, top in boxes:
        assert left >= 0 and bottom >= 0 and right <= 300 and top <= 200
    marks = [(x - RADIUS, y - RADIUS, x + RADIUS, y + RADIUS) for x, y in points]
    assert not any(share_area(one, other) for one, other in combinations(boxes, 2))
    assert not any(share_area(box, mark) for box in boxes for mark in marks)


def test_a_label_stays_at_the_right_where_it_can() -> None:
    assert place([(50.0, 100.0)], [(70.0, 11.0)], FRAME)[0][1:] == (1, 0)
    assert place([(250.0, 100.0)], [(70.0, 11.0)], FRAME)[0][1:] == (-1, 0)


def test_labels_are_drawn_inside_the_axes() -> None:
    names = ["a codec with a long name", "another one", "a third codec, named longer still"]
    places = [(0.02, 190.0), (40.0, 4.0), (39.0, 3.0)]
    points = [NamedPoint(name, *at) for name, at in zip(names, places, strict=True)]
    figure = draw_points(points, size=(7.0, 4.5), xlabel="time", ylabel="rate")
    (axes,) = figure.axes
    boxes = {text.get_text(): text.get_window_extent().extents for text in axes.texts}
    assert set(boxes) == set(names)
    frame = axes.bbox.extents
    for left, bottom, right, top in boxes.values():
        assert left >= frame[0] and bottom >= frame[1] and right <= frame[2] and top <= frame[3]
    assert not any(share_area(one, other) for one, other in combinations(boxes.values(), 2))


def test_nothing_and_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no points"):
        plot_points([], tmp_path / "a.svg")
    with pytest.raises(UsageError, match="unknown plot suffix"):
        plot_points([NamedPoint("a", 1.0, 1.0)], tmp_path / "a.gif")
    assert not list(tmp_path.iterdir())
