"""The integers that a file holds: latents and hyper-latents of a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lcodec.container import Header
from lcodec.entropy.interface import Extent
from lcodec.pipeline.areas import tile_areas
from lcodec.pipeline.skipping import hyper_of


@dataclass(frozen=True)
class PictureSymbols:
    """All symbols of a picture: y int16 (M, h, w), z int16 (hyper, h/4, w/4) by tile number.

    ``skipped`` has the positions (h, w) of tiles with a lossless layer that are not coded. The
    symbols there are 0 already; see `without_skipped`.
    """

    y: NDArray[np.int16]
    z: list[NDArray[np.int16]] | dict[int, NDArray[np.int16]]
    skipped: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)


def without_skipped(
    header: Header, symbols: PictureSymbols, skipped: Mapping[int, NDArray[np.bool_]]
) -> PictureSymbols:
    """The symbols with zeros where nothing is coded: ``skipped`` (h, w) by tile number."""
    if not skipped:
        return symbols
    areas, y = tile_areas(header), symbols.y.copy()
    z: dict[int, NDArray[np.int16]] = {t.number: symbols.z[t.number].copy() for t in areas}
    for tile in areas:
        own = skipped.get(tile.number)
        if own is not None:
            zero_skipped(y[:, tile.rows, tile.columns], z[tile.number], own, tile.extent)
    return PictureSymbols(y, z, skipped)


def zero_skipped(
    y: NDArray[np.int16], z: NDArray[np.int16], skipped: NDArray[np.bool_], extent: Extent
) -> None:
    """Set to zero what is not coded of a tile: y (M, h, w), z (hyper, h/4, w/4)."""
    y[:, skipped] = 0
    z[:, hyper_of(skipped, extent)] = 0
