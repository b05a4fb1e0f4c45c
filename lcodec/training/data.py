"""Training pictures: loaded once into memory, served as random crops."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from lcodec.errors import InputError

SHRINK_MAX = 2.0
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm"}


def picture_files(folder: Path) -> list[Path]:
    """All pictures below ``folder``, sorted by path."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def _load(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8).copy()


class CropDataset:
    """Random square crops of pictures held in memory.

    Pictures are drawn in proportion to the square root of their size, so that large ones are seen
    more often without drowning the small ones. Half of the crops are shrunk, by up to
    ``SHRINK_MAX``. Pictures smaller than the crop are mirrored.
    """

    def __init__(self, folder: Path, seed: int, limit: int | None = None) -> None:
        paths = picture_files(folder)[:limit]
        if not paths:
            raise InputError(f"no pictures found in {folder}")
        with ThreadPoolExecutor(4) as pool:
            self.pictures = list(pool.map(_load, paths))
        weights = np.sqrt([p.shape[0] * p.shape[1] for p in self.pictures])
        self._probability = weights / weights.sum()
        self._random = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.pictures)

    def _augment(self, crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
        draw = self._random.integers(0, 16)
        if draw & 1:
            crop = crop[:, ::-1]
        if draw & 2:
            crop = crop[::-1]
        if draw & 4:
            crop = crop.transpose(1, 0, 2)
        if draw == 15:  # now and then another order of colours
            crop = crop[:, :, self._random.permutation(3)]
        return crop

    def _crop(self, size: int) -> NDArray[np.uint8]:
        picture = self.pictures[self._random.choice(len(self.pictures), p=self._probability)]
        # Half of the time shrink a larger part: more detail per pixel, fewer traces of JPEG, and
        # never quite the same crop again.
        span = size
        room = min(picture.shape[:2]) / size
        if room > 1 and self._random.random() < 0.5:
            span = round(size * self._random.uniform(1.0, min(SHRINK_MAX, room)))
        h, w = picture.shape[:2]
        if h < span or w < span:
            pad = ((0, max(0, span - h)), (0, max(0, span - w)), (0, 0))
            picture = np.pad(picture, pad, mode="symmetric")
            h, w = picture.shape[:2]
        top = self._random.integers(0, h - span + 1)
        left = self._random.integers(0, w - span + 1)
        crop = picture[top : top + span, left : left + span]
        if span != size:
            shrunk = Image.fromarray(crop).resize((size, size), Image.Resampling.LANCZOS)
            crop = np.asarray(shrunk)
        return self._augment(crop)

    def batch(self, count: int, size: int) -> Tensor:
        """uint8 tensor (count, 3, size, size)."""
        crops = np.stack([self._crop(size) for _ in range(count)])
        return torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2)))


def patch_components(
    dataset: CropDataset,
    count: int,
    patch: int,
    samples: int = 400,
    without: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Principal components of ``patch`` x ``patch`` RGB patches, in pixel_unshuffle order.

    ``without`` (3 * patch^2, n): directions to which the components are to be orthogonal. Returns
    components (count, 3 * patch^2), orthonormal rows by falling variance, and their standard
    deviations (count,) for pixels in [0, 1].
    """
    total = torch.zeros(3 * patch * patch, 3 * patch * patch, dtype=torch.float64)
    seen = 0
    for _ in range(samples):
        crop = dataset.batch(1, 8 * patch).double() / 255.0 - 0.5
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
