"""Random crops cut on the device, which holds all pictures as one tensor of bytes.

A batch takes a few dozen small operations whatever its size, and none on the host, which could not
cut crops as fast as a large GPU trains on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lcodec.training.pictures import Pixels, identity, on_all_cores

SCALES = (1.0, 0.8, 0.67, 0.5)
"""Scales at which every picture is kept, in decreasing order."""
WHOLE = 0.5  # share of the crops taken at full size


class GatheredCrops:
    """Like `CropDataset`, but at the few `SCALES` only, and with torch's random numbers.

    Pictures smaller than a crop are mirrored at their edges. ``screens_share`` is the share of
    crops taken from ``screens``, upright and at full size.
    """

    def __init__(
        self,
        pictures: Sequence[Pixels],
        device: torch.device,
        screens: Sequence[Pixels] = (),
        screens_share: float = 0.0,
    ) -> None:
        self.device = device
        self._photographs = len(pictures)
        self._identity = identity(pictures)
        pictures = [*pictures, *screens]
        levels = [list(pictures), *(_shrunk(pictures, scale) for scale in SCALES[1:])]
        sides = torch.tensor([[p.shape[:2] for p in level] for level in levels])
        areas = sides.prod(2)
        photographs = areas[0, : self._photographs]
        starts = torch.cat((torch.zeros(1, dtype=torch.int64), areas.flatten().cumsum(0)[:-1]))
        data = np.empty((int(areas.sum()), 3), np.uint8)
        place = 0
        for picture in (p for level in levels for p in level):
            area = picture.shape[0] * picture.shape[1]
            data[place : place + area] = picture.reshape(-1, 3)
            place += area
        self._data = torch.from_numpy(data.reshape(-1)).to(device)
        self._starts = starts.view(areas.shape).to(device)
        self._heights, self._widths = sides.to(device).unbind(2)
        weights = photographs.double().sqrt()
        parts = [weights / weights.sum()]
        if screens:
            each = torch.full((len(screens),), 1.0 / len(screens), dtype=torch.float64)
            parts = [parts[0] * (1.0 - screens_share), each * screens_share]
        self._share = torch.cat(parts).cumsum(0).float().to(device)
        self._axes: dict[int, Tensor] = {}

    @property
    def identity(self) -> tuple[int, int, str]:
        return self._identity

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def batch(self, count: int, size: int) -> Tensor:
        # A column per crop: picture, full size or not, scale, position (2 rows), orientation.
        draws = torch.rand(6, count, device=self.device)
        picture = torch.searchsorted(self._share, draws[0]).clamp(max=len(self._share) - 1)
        shorter = torch.minimum(self._heights[1:, picture], self._widths[1:, picture])
        smaller = (shorter >= size).sum(0)  # scales at which it is large enough
        drawn = picture >= self._photographs
        smaller *= ~drawn
        level = torch.minimum((draws[2] * smaller).long() + 1, smaller) * (draws[1] >= WHOLE)
        height, width = self._heights[level, picture], self._widths[level, picture]
        top, left = (
            (draw * (extent - size + 1).clamp(min=1)).long()
            for draw, extent in ((draws[3], height), (draws[4], width))
        )
        way = (draws[5] * 16).long() * ~drawn
        rows, columns = self._oriented(way, size)
        rows = _mirrored(rows + _each(top), _each(height))
        columns = _mirrored(columns + _each(left), _each(width))
        pixel = _each(self._starts[level, picture]) + rows * _each(width) + columns
        place = 3 * pixel[:, None] + self._colours(way)[:, :, None, None]
        return torch.take(self._data, place)

    def _oriented(self, way: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Rows and columns in an upright crop of the pixels (count, size, size) of a turned one."""
        if size not in self._axes:
            self._axes[size] = torch.arange(size, device=self.device)
        down, along = self._axes[size][:, None], self._axes[size][None]
        swapped = _each(way >> 2 & 1)
        rows, columns = down + swapped * (along - down), along + swapped * (down - along)
        last = size - 1
        rows = rows + _each(way >> 1 & 1) * (last - 2 * rows)
        return rows, columns + _each(way & 1) * (last - 2 * columns)

    def _colours(self, way: Tensor) -> Tensor:
        """Order of the colours (count, 3), occasionally permuted."""
        other = torch.rand(len(way), 3, device=self.device).argsort(1)
        usual = torch.arange(3, device=self.device)
        return usual + (way == 15)[:, None] * (other - usual)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None]


def _mirrored(index: Tensor, extent: Tensor) -> Tensor:
    """Non-negative indices mirrored into ``[0, extent)``, edge pixels repeated."""
    index = index % (2 * extent)
    return torch.minimum(index, 2 * extent - 1 - index)


def _shrunk(pictures: Sequence[Pixels], scale: float) -> list[Pixels]:
    def shrink(picture: Pixels) -> Pixels:
        height, width = (max(1, round(scale * extent)) for extent in picture.shape[:2])
        image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
        return np.asarray(image, dtype=np.uint8)

    return on_all_cores(shrink, pictures)
