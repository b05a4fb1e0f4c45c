"""Lossless layers laid over what the networks show, for whole pictures and for parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcodec.coding.layer import Layer, arrived_layer, decode_layer
from lcodec.container import Header
from lcodec.container.tile import check_layer
from lcodec.picture import Samples
from lcodec.region import Region

Layers = Mapping[int, bytes]
"""Bitstreams by tile number; those of tiles without a layer are empty or missing."""


Place = tuple[slice, slice]


def tile_place(header: Header, number: int) -> Place:
    """Rows and columns of the pixels of a tile."""
    left, top, right, bottom = header.tile_box(number)
    return slice(top, bottom), slice(left, right)


def read_layer(header: Header, number: int, data: bytes) -> Layer:
    """The layer of a tile from its bitstream.

    Raises:
        FormatError: it is damaged, or the picture has 16 bits.
        UnsupportedError: the installed Pillow has no WebP.
    """
    check_layer(data, header, number)
    return decode_layer(data, _shape(header, number))


def read_arrived(header: Header, number: int, data: bytes) -> Layer:
    """What there is of a layer whose bitstream ends early: its upper rows; raises as `read_layer`.

    Nothing tells whether they are damaged.
    """
    check_layer(data, header, number)
    return arrived_layer(data, _shape(header, number))


def _shape(header: Header, number: int) -> tuple[int, ...]:
    """The shape of the pixels of a tile."""
    left, top, right, bottom = header.tile_box(number)
    shape = (bottom - top, right - left)
    return (*shape, 3) if header.channels == 3 else shape


def lay_over(shown: Samples, header: Header, layers: Layers) -> None:
    """Lay layers over a whole picture; raises as `read_layer`."""
    for number, data in layers.items():
        if data:
            layer = read_layer(header, number, data)
            layer.lay_over(shown[tile_place(header, number)])


def lay_over_part(
    shown: Samples, header: Header, layers: Layers, region: Region, scale: int
) -> None:
    """Lay layers over a region of a picture at 1/``scale``; raises as `read_layer`.

    ``shown`` begins at the pixel ``(left // scale, top // scale)`` of the reduced picture.
    """
    first_row, first_column = region.top // scale, region.left // scale
    for number, data in layers.items():
        if not data:
            continue
        rows, columns = tile_place(header, number)
        # Edges of tiles are multiples of 64, so squares of the reduced picture are of one tile.
        top, bottom = rows.start // scale, -(-rows.stop // scale)
        left, right = columns.start // scale, -(-columns.stop // scale)
        here = (
            slice(max(top, first_row), min(bottom, first_row + shown.shape[0])),
            slice(max(left, first_column), min(right, first_column + shown.shape[1])),
        )
        if here[0].start >= here[0].stop or here[1].start >= here[1].stop:
            continue
        part = shown[
            here[0].start - first_row : here[0].stop - first_row,
            here[1].start - first_column : here[1].stop - first_column,
        ]
        own = (
            slice((here[0].start - top) * scale, (here[0].stop - top) * scale),
            slice((here[1].start - left) * scale, (here[1].stop - left) * scale),
        )
        layer = read_layer(header, number, data)
        _lay_reduced(part, Layer(layer.pixels[own], layer.kept[own]), scale)


def _lay_reduced(shown: Samples, layer: Layer, scale: int) -> None:
    """Lay a layer over pixels that are means of squares of side ``scale``.

    What is kept of a square counts by its area, what is shown by the rest of it.
    """
    if scale == 1:
        layer.lay_over(shown)
        return
    kept = square_sums(layer.kept, scale)
    area = square_sums(np.ones_like(layer.kept), scale)
    colours = layer.pixels * (layer.kept if shown.ndim == 2 else layer.kept[..., None])
    if shown.ndim == 3:
        kept, area = kept[..., None], area[..., None]
    total = square_sums(colours, scale) + (area - kept) * shown
    shown[...] = ((total + area // 2) // area).astype(shown.dtype)


def square_sums(values: NDArray[Any], scale: int) -> NDArray[np.int64]:
    """Sums over squares of side ``scale``, cropped at the right and lower edges."""
    down = np.add.reduceat(values.astype(np.int64), range(0, values.shape[0], scale), axis=0)
    sums: NDArray[np.int64] = np.add.reduceat(down, range(0, values.shape[1], scale), axis=1)
    return sums
