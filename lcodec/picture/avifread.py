"""The colour information of AVIF files, which Pillow does not report."""

from __future__ import annotations

import struct
from typing import BinaryIO

from lcodec.picture.boxes import boxes, content


def code_points(stream: BinaryIO) -> tuple[int, int] | None:
    """Primaries and transfer (H.273) of the first nclx box; None if there is none."""
    for kind, body in boxes(content(stream, b"meta")[4:]):
        for inner, properties in boxes(body) if kind == b"iprp" else ():
            for name, data in boxes(properties) if inner == b"ipco" else ():
                if name == b"colr" and data.startswith(b"nclx") and len(data) >= 10:
                    primaries, transfer = struct.unpack_from(">HH", data, 4)
                    return primaries, transfer
    return None


def has_gain_map(stream: BinaryIO) -> bool:
    """Whether the file declares a tone-mapped picture made with a gain map (ISO 21496-1)."""
    return b"tmap" in content(stream, b"ftyp")[8:]
