"""Rate-distortion plots (with matplotlib, in the extra ``lcodec[bench]``)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lcodec.bench.curves import Curve, Metric
from lcodec.bench.extras import require
from lcodec.errors import UsageError
from lcodec.metrics.msssim import ms_ssim_db
from lcodec.process.atomic import atomic_write

Points = list[tuple[float, float]]

PLOT_SUFFIXES = frozenset({".png", ".svg", ".pdf"})
METRIC_LABELS: dict[Metric, str] = {
    "psnr": "RGB PSNR (dB)",
    "ms_ssim": "MS-SSIM (dB)",
    "ssimulacra2": "SSIMULACRA2",
}
_IN_WORDS: dict[Metric, str] = {
    "psnr": "{:.2f} dB",
    "ms_ssim": "{:.2f} dB",
    "ssimulacra2": "SSIMULACRA2 {:.2f}",
}


def plot_rd(
    curves: Sequence[Curve],
    path: str | os.PathLike[str],
    *,
    metric: Metric = "psnr",
    title: str = "Kodak, mean of 24 pictures",
    overwrite: bool = False,
) -> None:
    """Draw the curves to a PNG (or SVG, PDF) file; the first one is the subject, drawn thick.

    Classical codecs are dashed. The rate axis ends a little beyond the subject's highest rate.
    MS-SSIM is in dB, ``-10 log10(1 - MS-SSIM)``; curves without it are left out.

    Raises:
        UsageError: unknown suffix, or nothing to draw.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    plot_format(path)
    drawn = [(curve, drawn_points(curve, metric)) for curve in curves]
    drawn = [(curve, points) for curve, points in drawn if points]
    if not drawn:
        raise UsageError(f"no curve has points in {METRIC_LABELS[metric]}")
    figure, axes = make_axes(xlabel="bits per pixel", ylabel=METRIC_LABELS[metric], title=title)
    palette = require("matplotlib", "a plot").colormaps["tab20"].colors
    # Strong colours first, then the pale ones; black for the subject.
    axes.set_prop_cycle(color=["black", *palette[0::2], *palette[1::2]])
    for number, (curve, points) in enumerate(drawn):
        axes.plot(
            *zip(*points, strict=True),
            marker=".",
            linestyle="--" if curve.kind == "classical" else "-",
            linewidth=1.0 if number else 2.5,
            zorder=2.0 if number else 3.0,
            label=curve.title,
        )
    limit = 1.1 * max(bpp for bpp, _ in drawn[0][1])
    axes.set_xlim(0.0, limit)
    axes.set_ylim(*quality_range([points for _, points in drawn], limit))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    save(figure, path, overwrite=overwrite)


def make_axes(size: tuple[float, float] = (8.0, 6.0), **words: str) -> tuple[Any, Any]:
    """A figure of ``size`` in inches, and its axes with these properties.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    # A Figure of its own, not pyplot: no window system, no global state.
    figure = require("matplotlib.figure", "a plot").Figure(figsize=size, layout="constrained")
    return figure, figure.add_subplot(**words)


def plot_format(path: str | os.PathLike[str]) -> str:
    """The format of a plot by its file's suffix: "png", "svg" or "pdf"; else UsageError."""
    suffix = Path(path).suffix.lower()
    if suffix not in PLOT_SUFFIXES:
        raise UsageError(
            f"{path}: unknown plot suffix; use one of {' '.join(sorted(PLOT_SUFFIXES))}"
        )
    return suffix[1:]


def save(figure: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Write a figure.

    Raises:
        UsageError: unknown suffix.
        OutputError: the file exists and ``overwrite`` is false, or it cannot be written.
    """
    kind = plot_format(path)
    with atomic_write(path, overwrite=overwrite) as stream:
        figure.savefig(stream, format=kind, dpi=120)


def drawn_points(curve: Curve, metric: Metric) -> Points:
    """Rate and quality of each point of a curve as drawn; empty if the curve lacks that metric."""
    points = curve.points(metric)
    if metric != "ms_ssim":
        return points
    decibels = ((bpp, ms_ssim_db(value)) for bpp, value in points)
    return [(bpp, value) for bpp, value in decibels if math.isfinite(value)]


def quality_words(metric: Metric, value: float) -> str:
    """One drawn value of a metric, with its unit: "31.40 dB", "SSIMULACRA2 80.12"."""
    return _IN_WORDS[metric].format(value)


def quality_range(drawn: Sequence[Points], limit: float) -> tuple[float, float]:
    """Ends of the quality axis: the points with rates up to ``limit``, with a margin."""
    inside = [value for points in drawn for bpp, value in points if bpp <= limit]
    margin = 0.05 * (max(inside) - min(inside)) or 1.0
    return min(inside) - margin, max(inside) + margin
