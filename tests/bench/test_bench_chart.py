"""The chart of a page, and the level it shows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lcodec.bench.html import nearest_level
from lcodec.bench.html.chart import LEFT, RIGHT, rd_chart
from lcodec.bench.plot import METRIC_LABELS
from tests.bench.test_bench_report import made


def test_chart_places_points_by_their_figures() -> None:
    curve = made().curve()
    chart = rd_chart([curve], "psnr")
    assert chart is not None
    (line,) = chart.lines
    xs = [point.x for point in line.points]
    assert xs[-1] == pytest.approx(LEFT + (RIGHT - LEFT) / 1.1)
    assert xs[0] == pytest.approx(LEFT + (RIGHT - LEFT) * curve.bpp[0] / (1.1 * curve.bpp[-1]))
    assert [point.y for point in line.points] == sorted((p.y for p in line.points), reverse=True)
    for tick, later in zip(chart.y_ticks, chart.y_ticks[1:], strict=False):
        assert tick.place > later.place and float(tick.label) < float(later.label)
    assert rd_chart([replace(curve, ms_ssim=None), made().curve()], "ms_ssim") is None
    assert rd_chart([replace(curve, bpp=(), psnr=())], "psnr") is None


def test_nearest_level() -> None:
    assert nearest_level((0, 42, 57, 100), 50) == 57
    assert nearest_level((45, 55), 50) == 45


def test_points_of_a_chart_are_told_in_the_unit_of_its_axis() -> None:
    curve = made().curve()
    for metric, label in METRIC_LABELS.items():
        chart = rd_chart([curve], metric)
        assert chart is not None and chart.label == label
        words = [point.words for point in chart.lines[0].points]
        assert words and all(each.endswith(" dB") == ("dB" in label) for each in words)
        assert all(("SSIMULACRA2" in each) == ("SSIMULACRA2" in label) for each in words)
