"""The worst pictures of a benchmark, collected while it runs."""

from __future__ import annotations

import math
from dataclasses import replace

from lcodec.bench.html.scene import BUDGET, Pane, Scene, make_scene
from lcodec.bench.results import PictureResult
from lcodec.metrics.compare import shown_psnr
from lcodec.picture import Picture, Samples


def order(row: PictureResult, visual: bool) -> tuple[float, float]:
    """Where a result is in the order from the worst to the best.

    By SSIMULACRA2 for a codec made for the eye, pictures too small for it last; else by PSNR.
    """
    points = row.ssimulacra2 if visual else 0.0
    return math.inf if points is None else points, row.psnr


def told(row: PictureResult, visual: bool) -> str:
    """The measure that `order` goes by, in words."""
    psnr = f"{shown_psnr(row.psnr)} dB"
    if not visual or row.ssimulacra2 is None:
        return psnr
    return f"SSIMULACRA2 {row.ssimulacra2:.2f}, {psnr}"


class WorstPictures:
    """Scenes of the ``count`` worst pictures at one quality (see `order`); see `observe`.

    Only what a report embeds is kept, `BUDGET` pixels in total, however large the pictures are.
    """

    def __init__(self, quality: int, count: int, visual: bool = False) -> None:
        self.quality = quality
        self._count = count
        self._visual = visual
        self._kept: list[tuple[tuple[float, float], Scene]] = []

    @property
    def scenes(self) -> list[Scene]:
        """Scenes of an original and its decoded picture, the worst first."""
        return [scene for _, scene in self._kept]

    def observe(self, row: PictureResult, picture: Picture, decoded: Samples) -> None:
        """Take one decoded picture into account; other qualities are ignored."""
        if row.quality != self.quality or not self._count:
            return
        place = order(row, self._visual)
        if len(self._kept) == self._count and place >= self._kept[-1][0]:
            return
        scene = make_scene(
            row.picture,
            [
                (Pane("original", f"{row.width} x {row.height}"), replace(picture, alpha=None)),
                (
                    Pane(f"quality {row.quality}", f"{row.bytes} bytes, {told(row, self._visual)}"),
                    Picture(decoded, metadata=picture.metadata),
                ),
            ],
            budget=BUDGET // self._count,
        )
        self._kept.append((place, scene))
        self._kept.sort(key=lambda kept: kept[0])
        del self._kept[self._count :]
