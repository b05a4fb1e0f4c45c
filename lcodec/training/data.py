"""Training pictures: loaded once into memory, served as random crops."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcodec.training.pictures import Pixels, identity, load_pictures

SHRINK_MAX = 2.0
SCREENS = 64
"""Number of generated screens in a run."""
HELD_OUT = 1000
"""Screen seeds from here on are for evaluation; no run uses them."""


def training_screens(photographs: Sequence[Pixels], seed: int) -> list[Pixels]:
    """The generated screens of a run, each (H, W, 3).

    Raises:
        UsageError: there are no fonts to draw them with.
    """
    from lcodec.training.screens import draw_screens

    return draw_screens(SCREENS, seed % HELD_OUT, photographs=photographs)


class Crops(Protocol):
    """A source of batches of training crops."""

    def batch(self, count: int, size: int) -> Tensor:
        """The next random crops, uint8 (count, 3, size, size)."""
        ...

    @property
    def identity(self) -> tuple[int, int, str]:
        """That of the pictures, see `lcodec.training.pictures.identity`."""
        ...

    def state(self) -> dict[str, Any]:
        """What the next crops depend on besides torch's random numbers; JSON-serialisable."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a `state`."""
        ...


class CropDataset:
    """Random square crops of pictures held in memory, and of generated screens.

    Pictures are drawn in proportion to the square root of their size, so that large ones are seen
    more often without drowning out the small ones. Half of the crops are shrunk, by up to
    ``SHRINK_MAX``. Pictures smaller than the crop are mirrored. Screens are neither turned nor
    shrunk.
    """

    def __init__(
        self, source: Path, seed: int, limit: int | None = None, screens: float = 0.0
    ) -> None:
        """``source`` is a folder or a pack, see `lcodec.training.pictures`.

        ``screens`` is the share of crops taken from screens.
        """
        self.pictures = load_pictures(source, limit)
        self._share = screens
        self.screens = training_screens(self.pictures, seed) if screens else []
        weights = np.sqrt([p.shape[0] * p.shape[1] for p in self.pictures])
        self._probability = weights / weights.sum()
        self._random = np.random.default_rng(seed)

    @cached_property
    def identity(self) -> tuple[int, int, str]:
        return identity(self.pictures)

    def state(self) -> dict[str, Any]:
        return dict(self._random.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        self._random.bit_generator.state = state

    def _augment(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        draw = self._random.integers(0, 16)
        if draw & 1:
            crop = crop[:, ::-1]
        if draw & 2:
            crop = crop[::-1]
        if draw & 4:
            crop = crop.transpose(1, 0, 2)
        if draw == 15:  # occasionally permute the colours
            crop = crop[:, :, self._random.permutation(3)]
        return crop

    def _crop(self, size: int) -> NDArray[np.uint8]:
        if self.screens and self._random.random() < self._share:
            return self._part(self.screens[self._random.integers(len(self.screens))], size)
        picture = self.pictures[self._random.choice(len(self.pictures), p=self._probability)]
        # Half of the time, shrink a larger part: more detail per pixel, weaker JPEG artefacts, and
        # never quite the same crop twice.
        span = size
        room = min(picture.shape[:2]) / size
        if room > 1 and self._random.random() < 0.5:
            span = round(size * self._random.uniform(1.0, min(SHRINK_MAX, room)))
        crop = self._part(picture, span)
        if span != size:
            shrunk = Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS)
            crop = np.asarray(shrunk)
        return self._augment(crop)

    def _part(self, picture: NDArray[np.uint8], span: int) -> NDArray[np.uint8]:
        h, w = picture.shape[:2]
        if h < span or w < span:
            pad = ((0, max(0, span - h)), (0, max(0, span - w)), (0, 0))
            picture = np.pad(picture, pad, mode="symmetric")
            h, w = picture.shape[:2]
        top = self._random.integers(0, h - span + 1)
        left = self._random.integers(0, w - span + 1)
        return picture[top : top + span, left : left + span]

    def batch(self, count: int, size: int) -> Tensor:
        crops = np.stack([self._crop(size) for _ in range(count)])
        return torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))


def patch_components(
    dataset: Crops,
    count: int,
    patch: int,
    samples: int = 400,
    without: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Principal components of ``patch`` x ``patch`` RGB patches, in pixel_unshuffle order.

    ``without`` (3 * patch^2, n): directions that the components must be orthogonal to. Returns
    components (count, 3 * patch^2), orthonormal rows in order of decreasing variance, and their
    standard deviations (count,) for pixels in [0, 1].
    """
    total = torch.zeros(3 * patch * patch, 3 * patch * patch, dtype=torch.float64)
    seen = 0
    for _ in range(samples):
        crop = dataset.batch(1, 8 * patch).cpu().double() / 255.0 - 0.5
        rows = torch.nn.functional.pixel_unshuffle(crop, patch).flatten(2)[0].t()
        total += rows.t() @ rows
        seen += rows.shape[0]
    if without is not None:
        basis = torch.linalg.qr(without.double())[0]
        rest = torch.eye(len(total), dtype=torch.float64) - basis @ basis.t()
        total = rest @ total @ rest
    values, vectors = torch.linalg.eigh(total / seen)
    order = torch.argsort(values, descending=True)[:count]
    deviation = values[order].clamp(min=1e-8).sqrt()
    return vectors[:, order].t().float().contiguous(), deviation.float()
