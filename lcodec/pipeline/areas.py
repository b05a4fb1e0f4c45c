"""Where the tiles of a picture lie on its latent grid."""

from __future__ import annotations

from dataclasses import dataclass

from lcodec.container import Header
from lcodec.entropy.interface import Extent
from lcodec.nets.transforms import HYPER_STRIDE, PATCH


@dataclass(frozen=True)
class TileArea:
    """Position of one tile on the latent grid."""

    number: int
    rows: slice
    columns: slice

    @property
    def extent(self) -> Extent:
        h, w = self.rows.stop - self.rows.start, self.columns.stop - self.columns.start
        s = HYPER_STRIDE
        return Extent(h, w, -(-h // s) * s, -(-w // s) * s)


def tile_areas(header: Header) -> list[TileArea]:
    """All tiles in the order of the file."""
    areas = []
    for number in range(header.tile_count):
        left, top, right, bottom = header.tile_box(number)
        rows = slice(top // PATCH, -(-bottom // PATCH))
        columns = slice(left // PATCH, -(-right // PATCH))
        areas.append(TileArea(number, rows, columns))
    return areas
