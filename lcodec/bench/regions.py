"""Where pictures differ most from a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lcodec.picture import Samples
from lcodec.region import Region

CELL = 8
"""Side in pixels of the squares over which errors are summed."""

Cells: TypeAlias = NDArray[np.int64]
_WIDE = 257  # scales 8-bit samples to 16 bits


@dataclass(frozen=True)
class WorstRegion:
    """A region, the number of the picture that differs most there, and its mean squared error.

    The error is for samples in 0..255.
    """

    region: Region
    picture: int
    mse: float


def error_cells(reference: Samples, other: Samples) -> Cells:
    """Sums of squared differences over squares of `CELL` pixels: (ceil(H / 8), ceil(W / 8)).

    The pictures must have the same shape and type. Gray counts as RGB and 8-bit samples as 16-bit
    ones, so that sums of all kinds are comparable. Squares at the right and lower edges may be
    smaller.
    """
    width = reference.shape[1]
    unit = (3 if reference.ndim == 2 else 1) * (1 if reference.dtype == np.uint16 else _WIDE**2)
    starts = np.arange(0, width, CELL)
    rows = []
    # By rows of squares, to avoid a second picture in wide samples.
    for top in range(0, len(reference), CELL):
        band = reference[top : top + CELL].astype(np.int64) - other[top : top + CELL]
        columns = (band * band).reshape(band.shape[0], width, -1).sum(axis=(0, 2))
        rows.append(np.add.reduceat(columns, starts) * unit)
    return np.array(rows, np.int64)


def worst_regions(
    cells: Sequence[Cells], width: int, height: int, *, side: int, count: int
) -> list[WorstRegion]:
    """At most ``count`` non-overlapping regions, by decreasing error.

    ``cells`` are the `error_cells` of each picture. Regions are squares of ``side`` pixels, rounded
    to squares of `CELL`, and cut off at the edges; the error of a place is that of the worst
    picture there. Places without any error are left out.
    """
    edge = max(1, round(side / CELL))
    rows, columns = (min(edge, n) for n in cells[0].shape)
    sums = np.stack([_window_sums(c, rows, columns) for c in cells])
    worst = sums.max(axis=0)
    found: list[WorstRegion] = []
    while len(found) < count:
        i, j = (int(n) for n in np.unravel_index(int(worst.argmax()), worst.shape))
        if worst[i, j] <= 0:
            break
        left, top = j * CELL, i * CELL
        region = Region(
            left, top, min(columns * CELL, width - left), min(rows * CELL, height - top)
        )
        mse = float(worst[i, j]) / (3 * region.width * region.height * _WIDE**2)
        found.append(WorstRegion(region, int(sums[:, i, j].argmax()), mse))
        worst[max(0, i - rows + 1) : i + rows, max(0, j - columns + 1) : j + columns] = 0
    return found


def _window_sums(cells: Cells, rows: int, columns: int) -> Cells:
    """Sums over all windows of that many cells."""
    total = np.pad(cells, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    windows: Cells = (
        total[rows:, columns:]
        - total[:-rows, columns:]
        - total[rows:, :-columns]
        + total[:-rows, :-columns]
    )
    return windows
