"""Rate-distortion curves: the type, and published curves to compare with."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from lcodec.errors import UsageError

Metric = Literal["psnr", "ms_ssim", "ssimulacra2"]

ANCHOR = "vtm"
"""Name of the anchor for BD-rates: VTM-9.1, RGB 4:4:4, as published."""


@dataclass(frozen=True)
class Curve:
    """Mean rate and quality of one codec over a set of pictures, by increasing PSNR.

    ``bpp`` is bits per pixel of whole files, ``psnr`` RGB PSNR in dB (infinite if a picture came
    back exactly), ``ms_ssim`` in 0..1 and ``ssimulacra2`` in points if known; one entry per
    setting. ``source`` says where the figures come from, ``kind`` is "classical", "learned" or
    "measured".
    """

    name: str
    title: str
    bpp: tuple[float, ...]
    psnr: tuple[float, ...]
    ms_ssim: tuple[float, ...] | None = None
    ssimulacra2: tuple[float, ...] | None = None
    source: str = ""
    kind: str = "measured"

    @classmethod
    def from_points(
        cls,
        name: str,
        points: Iterable[Sequence[float | None]],
        *,
        title: str | None = None,
        source: str = "",
        kind: str = "measured",
    ) -> Curve:
        """A curve from points (bpp, psnr[, ms_ssim or None[, ssimulacra2 or None]]) in any order.

        Where a picture came back exactly, the PSNR is infinite. A measure is kept if all points
        have it.

        Raises:
            UsageError: a rate that is not positive.
        """
        kept = sorted((_whole(name, point) for point in points), key=lambda t: (t[1], t[0]))
        return cls(
            name=name,
            title=title or name,
            bpp=tuple(t[0] for t in kept),
            psnr=tuple(t[1] for t in kept),
            ms_ssim=_complete([t[2] for t in kept]),
            ssimulacra2=_complete([t[3] for t in kept]),
            source=source,
            kind=kind,
        )

    def points(self, metric: Metric) -> list[tuple[float, float]]:
        """Rate and one measure at every point where it is finite; empty without that measure."""
        known: tuple[float, ...] | None = getattr(self, metric)
        pairs = zip(self.bpp, known or (), strict=False)
        return [(bpp, value) for bpp, value in pairs if math.isfinite(value)]


def _complete(values: list[float | None]) -> tuple[float, ...] | None:
    known = [value for value in values if value is not None]
    return tuple(known) if known and len(known) == len(values) else None


_Point = tuple[float, float, float | None, float | None]


def _whole(name: str, point: Sequence[float | None]) -> _Point:
    bpp, quality, *rest = point
    if bpp is None or quality is None or not (0.0 < bpp < math.inf) or math.isnan(quality):
        raise UsageError(f"curve `{name}`: bad point {tuple(point)}")
    structural, points = (*rest, None, None)[:2]
    return bpp, quality, structural, points


@cache
def published_curves() -> dict[str, Curve]:
    """All curves that come with the package, by name, for the 24 Kodak pictures."""
    text = resources.files("lcodec.bench").joinpath("data/kodak_curves.json").read_text("utf-8")
    return {
        entry["name"]: Curve.from_points(
            entry["name"],
            entry["points"],
            title=entry["title"],
            source=entry["source"],
            kind=entry["kind"],
        )
        for entry in json.loads(text)["curves"]
    }


def published_curve(name: str) -> Curve:
    """The published curve ``name``.

    Raises:
        UsageError: no such curve; the message lists all names.
    """
    curves = published_curves()
    if name not in curves:
        raise UsageError(f"unknown curve `{name}`; known curves: {' '.join(curves)}")
    return curves[name]
