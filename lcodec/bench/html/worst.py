"""The worst pictures of a benchmark, collected while it runs."""

from __future__ import annotations

from dataclasses import replace

from lcodec.bench.html.scene import BUDGET, Pane, Scene, make_scene
from lcodec.bench.results import PictureResult
from lcodec.picture import Picture, Samples


class WorstPictures:
    """Scenes of the ``count`` pictures with the lowest PSNR at one quality; see `observe`.

    Only what a report embeds is kept, `BUDGET` pixels in total, however large the pictures are.
    """

    def __init__(self, quality: int, count: int) -> None:
        self.quality = quality
        self._count = count
        self._kept: list[tuple[float, Scene]] = []

    @property
    def scenes(self) -> list[Scene]:
        """Scenes of an original and its decoded picture, the worst first."""
        return [scene for _, scene in self._kept]

    def observe(self, row: PictureResult, picture: Picture, decoded: Samples) -> None:
        """Take one decoded picture into account; other qualities are ignored."""
        if row.quality != self.quality or not self._count:
            return
        if len(self._kept) == self._count and row.psnr >= self._kept[-1][0]:
            return
        scene = make_scene(
            row.picture,
            [
                (Pane("original", f"{row.width} x {row.height}"), replace(picture, alpha=None)),
                (
                    Pane(f"quality {row.quality}", f"{row.bytes} bytes, {row.psnr:.2f} dB"),
                    Picture(decoded, metadata=picture.metadata),
                ),
            ],
            budget=BUDGET // self._count,
        )
        self._kept.append((row.psnr, scene))
        self._kept.sort(key=lambda kept: kept[0])
        del self._kept[self._count :]
