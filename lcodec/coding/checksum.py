"""The checksum over decoded symbols, which detects wrong decoding."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from lcodec.coding.residual import IntArray, as_int32
from lcodec.integer.profile import SYMBOL_LIMIT


def symbol_checksum(arrays: Iterable[IntArray], prefix: bytes = b"") -> int:
    """CRC-32 (zlib) over a prefix, then the symbols as little-endian int16 in the order given.

    Each array is taken in C order whatever its memory layout; shapes do not enter. Raises
    TypeError or ValueError for anything but integers within +-32767.
    """
    crc = zlib.crc32(prefix)
    for array in arrays:
        flat = as_int32("symbols", array, -SYMBOL_LIMIT, SYMBOL_LIMIT)
        crc = zlib.crc32(flat.astype("<i2").tobytes(), crc)
    return crc
