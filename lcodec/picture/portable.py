"""PGM and PPM files, whose samples of 16 bits have the high byte first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

import numpy as np

from lcodec.picture.picture import Samples


def write_portable(
    stream: BinaryIO,
    width: int,
    height: int,
    bit_depth: int,
    bands: Iterable[Samples],
    colour: bool,
) -> None:
    """Write rows or bands of samples of 8 or 16 bits, three a pixel if they have ``colour``."""
    kind, full = b"P6" if colour else b"P5", (1 << bit_depth) - 1
    stream.write(b"%s\n%d %d\n%d\n" % (kind, width, height, full))
    for band in bands:
        stream.write(np.ascontiguousarray(band, dtype=f">u{bit_depth // 8}").data)
