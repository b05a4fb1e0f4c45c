"""The checksum over decoded symbols, which detects wrong decoding."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from lcodec import crc
from lcodec.coding.residual import IntArray, as_int32
from lcodec.integer.profile import SYMBOL_LIMIT


def symbol_checksum(arrays: Iterable[IntArray], prefix: bytes = b"") -> int:
    """CRC-32 (zlib) over a prefix, then the symbols as little-endian int16 in the order given.

    Each array is taken in C order whatever its memory layout; shapes do not enter. Raises
    TypeError or ValueError for anything but integers within +-32767.
    """
    value = zlib.crc32(prefix)
    for array in arrays:
        flat = as_int32("symbols", array, -SYMBOL_LIMIT, SYMBOL_LIMIT)
        value = zlib.crc32(flat.astype("<i2").tobytes(), value)
    return value


def prefix_of(checksum: int, arrays: Iterable[IntArray]) -> bytes:
    """The four bytes with which as prefix the `symbol_checksum` of arrays is ``checksum``.

    There is always exactly one such prefix. Raises as `symbol_checksum`.
    """
    symbols = list(arrays)
    bits = 32 + 16 * sum(array.size for array in symbols)
    change = checksum ^ symbol_checksum(symbols, bytes(4))
    return crc.product(crc.power(-bits), change).to_bytes(4, "little")
