"""Where the tiles of a picture lie on its latent grid, and what of it is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from lcodec.coding import symbol_checksum
from lcodec.container import Header
from lcodec.entropy.interface import Extent, Symbols
from lcodec.nets.transforms import HYPER_STRIDE, PATCH

PIECE = 64
"""Latent positions along a side of what is optimised at a time: a tile of the usual size."""


@dataclass(frozen=True)
class TileArea:
    """Position of one tile on the latent grid, or of a piece of it."""

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


def pieces(header: Header, side: int = PIECE) -> Iterator[TileArea]:
    """All tiles in pieces of up to ``side`` positions each way, a multiple of 4."""
    for tile in tile_areas(header):
        for top in range(tile.rows.start, tile.rows.stop, side):
            for left in range(tile.columns.start, tile.columns.stop, side):
                rows = slice(top, min(top + side, tile.rows.stop))
                columns = slice(left, min(left + side, tile.columns.stop))
                yield TileArea(tile.number, rows, columns)


def padded_tile(y: NDArray[Any], tile: TileArea, device: torch.device) -> Tensor:
    """The part of y (M, h, w) in one tile, with zeros up to the padded extent."""
    part = torch.from_numpy(np.ascontiguousarray(y[:, tile.rows, tile.columns])).to(device)
    extent = tile.extent
    return F.pad(part, (0, extent.padded_w - extent.w, 0, extent.padded_h - extent.h))


def tile_checksum(tile: TileArea, z: Symbols, y: Symbols) -> int:
    """Checksum over a tile's number and its coded symbols: z, then y without its padding."""
    inside = np.ascontiguousarray(y[:, : tile.extent.h, : tile.extent.w])
    return symbol_checksum([z, inside], tile.number.to_bytes(4, "little"))
