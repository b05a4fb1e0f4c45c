"""Symbols as hardly a picture has them, a case for each tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lcodec.container import Header
from lcodec.integer.profile import HYPER_LIMIT, SYMBOL_LIMIT
from lcodec.pipeline.areas import tile_areas
from lcodec.pipeline.symbols import PictureSymbols
from tests.entropy.tiny import HYPER_LATENT, LATENT

Shape = tuple[int, int, int]
Symbols = NDArray[np.int16]


def _limits(random: Generator, y: Shape, z: Shape) -> tuple[Symbols, Symbols]:
    """Nothing but the largest symbols, and z at the ends of what networks see of it."""
    return _ends(random, SYMBOL_LIMIT, y), _ends(random, HYPER_LIMIT, z)


def _alternating(random: Generator, y: Shape, z: Shape) -> tuple[Symbols, Symbols]:
    """Every neighbour is as far off as can be."""
    sign = 1 - 2 * (np.indices(y).sum(0) % 2)
    return (SYMBOL_LIMIT * sign).astype(np.int16), np.zeros(z, np.int16)


def _sparse(random: Generator, y: Shape, z: Shape) -> tuple[Symbols, Symbols]:
    """Large ones far apart among zeros."""
    few = random.random(y) < 1 / 64
    return _ends(random, SYMBOL_LIMIT, y) * few, np.zeros(z, np.int16)


def _heavy(random: Generator, y: Shape, z: Shape) -> tuple[Symbols, Symbols]:
    """Of every size."""

    def drawn(spread: float, limit: int, shape: Shape) -> Symbols:
        values = np.rint(random.standard_cauchy(shape) * spread)
        return values.clip(-limit, limit).astype(np.int16)

    return drawn(300, SYMBOL_LIMIT, y), drawn(40, HYPER_LIMIT, z)


def _beyond(random: Generator, y: Shape, z: Shape) -> tuple[Symbols, Symbols]:
    """z that networks see clamped: no encoder of ours makes it, but a file can hold it."""
    return random.integers(-3, 4, y, np.int16), _ends(random, SYMBOL_LIMIT, z)


CASES: tuple[Callable[[Generator, Shape, Shape], tuple[Symbols, Symbols]], ...] = (
    _limits,
    _alternating,
    _sparse,
    _heavy,
    _beyond,
)


def header_of(tile_edge: int, quality: int) -> Header:
    """A picture with a tile for every case, whose last one is cut off on two sides."""
    return Header(
        width=len(CASES) * tile_edge - 20,
        height=tile_edge - 20,
        channels=3,
        bit_depth=8,
        quality=quality,
        tile_edge=tile_edge,
        profile=1,
        entropy_model="gmix",
        model_id=bytes(4),
    )


def extreme_symbols(header: Header) -> PictureSymbols:
    """Symbols of a tiny model for a picture of `header_of`, always the same."""
    random = np.random.default_rng(20)
    y = np.zeros((LATENT, -(-header.height // 16), -(-header.width // 16)), np.int16)
    z = []
    for case, tile in zip(CASES, tile_areas(header), strict=True):
        extent = tile.extent
        deep = (HYPER_LATENT, extent.padded_h // 4, extent.padded_w // 4)
        y[:, tile.rows, tile.columns], of_tile = case(random, (LATENT, extent.h, extent.w), deep)
        z.append(of_tile)
    return PictureSymbols(y, z)


def _ends(random: Generator, limit: int, shape: Shape) -> Symbols:
    return random.choice(np.array((-limit, limit), np.int16), shape)
