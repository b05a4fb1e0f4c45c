"""Finding the one wrong bit of a section by its CRC-32.

What the CRC of a message is off by depends on the wrong bits alone. Taken back through k bytes, it
is the pattern by which the four bytes that begin k bytes before the CRC would have to change for it
to fit; a single bit is wrong where that pattern is one. No two single bits of a section have the
same difference, and of n bytes that are damaged otherwise, n in 2^29 look as if one bit were wrong.
"""

from __future__ import annotations

import zlib
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lcodec.container.sections import CRC_SIZE
from lcodec.crc import POLYNOMIAL

_BLOCK: Final = 64
"""Bytes that are taken back one after another, those of all blocks at once."""


def mended(section: memoryview) -> bytes | None:
    """A framed section, with its CRC, without its wrong bit; None if more is wrong, or nothing."""
    bit = wrong_bit(section)
    if bit is None:
        return None
    copy = bytearray(section)
    copy[bit // 8] ^= 1 << bit % 8
    return bytes(copy)


def wrong_bit(section: memoryview) -> int | None:
    """The bit of a framed section by which its CRC does not fit, None if there is no such bit.

    Counted from the lowest bit of the first byte.
    """
    size = len(section) - CRC_SIZE
    off = zlib.crc32(section[:size]) ^ int.from_bytes(section[size:], "little")
    if not off:
        return None
    starts = [off]
    for _ in range(size // _BLOCK):
        starts.append(_block_before(starts[-1]))
    states = np.array(starts, np.uint32)
    for step in range(_BLOCK):
        single = np.flatnonzero(states & (states - np.uint32(1)) == 0)
        if single.size:
            at = size - int(single[0]) * _BLOCK - step
            return 8 * at + int(states[single[0]]).bit_length() - 1 if at >= 0 else None
        states = _byte_before(states)
    return None


def _byte_before(states: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The states of a CRC from which a byte of zeros leads to ``states``."""
    added, by_top = _tables()
    low = by_top[states >> 24]
    before: NDArray[np.uint32] = (states ^ added[low]) << np.uint32(8) | low
    return before


def _block_before(state: int) -> int:
    """The state before `_BLOCK` bytes of zeros, which is the sum of those before its bytes."""
    one, two, three, four = _blocks_before()
    return one[state & 255] ^ two[state >> 8 & 255] ^ three[state >> 16 & 255] ^ four[state >> 24]


@cache
def _blocks_before() -> list[list[int]]:
    """`_block_before` of every value of each byte of a state."""
    states = np.arange(256, dtype=np.uint32) << (8 * np.arange(4, dtype=np.uint32))[:, None]
    for _ in range(_BLOCK):
        states = _byte_before(states)
    found: list[list[int]] = states.tolist()
    return found


@cache
def _tables() -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """What a byte that leaves a state adds to it, and the byte that adds a highest byte."""
    added = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        added = (added >> 1 ^ (added & 1) * np.uint32(POLYNOMIAL)).astype(np.uint32)
    by_top = np.empty(256, np.uint32)
    by_top[added >> 24] = np.arange(256)
    return added, by_top
