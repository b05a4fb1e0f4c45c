"""Groups of symbols for the coder tests."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import settings
from numpy.typing import NDArray

from lcodec.coding import SYMBOL_LIMIT, SymbolDecoder, SymbolEncoder, scale_levels

Int32 = NDArray[np.int32]

STEADY = settings(derandomize=True, database=None, deadline=None)


class Group(NamedTuple):
    symbols: Int32
    mean: Int32
    level: Int32  # not "index", which is a method of every tuple


def logistic_group(rng: np.random.Generator, count: int, index: Int32 | None = None) -> Group:
    """Symbols drawn from the very distribution that the tables model."""
    if index is None:
        index = np.clip(rng.gamma(2.0, 6.0, count), 0, 63).astype(np.int32)
    mean = rng.normal(0, 60, count).astype(np.int32)
    scale = scale_levels()[index] * np.sqrt(3) / np.pi
    value = np.rint(mean / 16 + rng.logistic(0, 1, count) * scale)
    return Group(value.astype(np.int32), mean, index)


def wild_group(rng: np.random.Generator, count: int) -> Group:
    """Anything that is allowed: far means, far symbols, every scale."""
    reach = SYMBOL_LIMIT
    symbols = rng.integers(-reach, reach, count, endpoint=True, dtype=np.int32)
    mean = rng.integers(-20 * reach, 20 * reach, count, dtype=np.int32)
    near = rng.random(count) < 0.5
    symbols[near] = np.clip((mean[near] >> 4) + rng.integers(-3, 4, near.sum()), -reach, reach)
    return Group(symbols, mean, rng.integers(0, 64, count, dtype=np.int32))


def encode(groups: list[Group]) -> bytes:
    encoder = SymbolEncoder()
    for group in groups:
        encoder.put(*group)
    return encoder.finish()


def decode(data: bytes, groups: list[Group]) -> list[Int32]:
    """Decode all and finish; the groups' own symbols are not looked at."""
    decoder = SymbolDecoder(data)
    decoded = [decoder.get(group.mean, group.level) for group in groups]
    decoder.finish()
    return decoded


def assert_round_trip(groups: list[Group]) -> bytes:
    data = encode(groups)
    for group, decoded in zip(groups, decode(data, groups), strict=True):
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, group.symbols)
    return data
