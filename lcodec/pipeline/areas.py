"""Where the tiles of a picture lie on its latent grid, and what of it is theirs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.coding import prefix_of, symbol_checksum
from lcodec.container import Header
from lcodec.entropy.interface import Extent, Symbols
from lcodec.limits import PIECE
from lcodec.nets.transforms import HYPER_STRIDE, PATCH

NEAR = 4
"""Latent positions around what effort optimises whose pixels it changes noticeably, and that change
its own."""


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

    def pieces(self, side: int = PIECE) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of pieces of up to ``side`` positions each way, a multiple of 4."""
        for top in range(self.rows.start, self.rows.stop, side):
            for left in range(self.columns.start, self.columns.stop, side):
                rows = slice(top, min(top + side, self.rows.stop))
                yield rows, slice(left, min(left + side, self.columns.stop))


def tile_areas(header: Header) -> list[TileArea]:
    """All tiles in the order of the file."""
    return [_tile_area(header, number) for number in range(header.tile_count)]


def _tile_area(header: Header, number: int) -> TileArea:
    left, top, right, bottom = header.tile_box(number)
    rows = slice(top // PATCH, -(-bottom // PATCH))
    return TileArea(number, rows, slice(left // PATCH, -(-right // PATCH)))


def tiles_within(header: Header, rows: slice, columns: slice) -> Iterator[TileArea]:
    """The tiles of these latent positions, which are those of whole tiles, in the file's order."""
    edge = header.tile_edge // PATCH
    for down in range(rows.start // edge, -(-rows.stop // edge)):
        for along in range(columns.start // edge, -(-columns.stop // edge)):
            yield _tile_area(header, down * header.tiles_x + along)


def padded_tile(y: NDArray[Any], tile: TileArea, device: torch.device) -> Tensor:
    """The part of y (M, h, w) in one tile, with zeros up to the padded extent."""
    part = torch.from_numpy(np.ascontiguousarray(y[:, tile.rows, tile.columns])).to(device)
    extent = tile.extent
    return F.pad(part, (0, extent.padded_w - extent.w, 0, extent.padded_h - extent.h))


def tile_checksum(tile: TileArea, z: Symbols, y: Symbols) -> int:
    """Checksum over a tile's number and its coded symbols: z, then y without its padding."""
    return symbol_checksum(_coded(tile.extent, z, y), tile.number.to_bytes(4, "little"))


def _coded(extent: Extent, z: Symbols, y: Symbols) -> tuple[Symbols, Symbols]:
    return z, np.ascontiguousarray(y[:, : extent.h, : extent.w])


class Places:
    """Tiles of a picture whose symbols are sought. They have at most four extents."""

    def __init__(self, tiles: Iterable[TileArea]) -> None:
        self._tiles: dict[Extent, dict[int, TileArea]] = {}
        for tile in tiles:
            self._tiles.setdefault(tile.extent, {})[tile.number] = tile

    def of_each_extent(self) -> list[TileArea]:
        """One tile of each extent."""
        return [next(iter(tiles.values())) for tiles in self._tiles.values()]

    def holding(self, checksum: int, extent: Extent, z: Symbols, y: Symbols) -> TileArea | None:
        """The tile whose symbols have a `tile_checksum`, if it is sought.

        Its number follows from the checksum, so this takes no longer for many tiles.
        """
        number = int.from_bytes(prefix_of(checksum, _coded(extent, z, y)), "little")
        return self._tiles.get(extent, {}).get(number)

    def remove(self, tile: TileArea) -> None:
        """Seek a tile no longer."""
        same = self._tiles[tile.extent]
        del same[tile.number]
        if not same:
            del self._tiles[tile.extent]
