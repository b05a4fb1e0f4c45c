"""Pictures and files that the tests of reading and writing share."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3
GRAY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
DEEP = np.random.default_rng(3).integers(0, 65536, (4, 6, 4), np.uint16)


def encoded(image: Image.Image, kind: str, **options: Any) -> io.BytesIO:
    """A file of a Pillow image."""
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    buffer.seek(0)
    return buffer


def chunk(kind: bytes, data: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(samples: NDArray[np.uint16], extra: bytes = b"") -> io.BytesIO:
    """A PNG of samples (H, W, 1 to 4), unfiltered; ``extra`` chunks before the data."""
    height, width, channels = samples.shape
    rows = samples.astype(">u2").reshape(height, -1)
    body = b"".join(b"\0" + row.tobytes() for row in rows)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    head = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    return io.BytesIO(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + extra
        + chunk(b"IDAT", zlib.compress(body))
        + chunk(b"IEND", b"")
    )


def icc(space: bytes = b"RGB ", size: int = 200) -> bytes:
    """Bytes that pass for an ICC profile of a colour space."""
    data = bytearray(np.random.default_rng(0).bytes(size))
    data[0:4] = struct.pack(">I", size)
    data[16:20] = space
    data[36:40] = b"acsp"
    return bytes(data)


def cmyk_profile() -> bytes:
    """A CMYK profile by which every ink darkens to one gray: tables of two grid points."""
    paper, ink = (255, 128, 128), (51, 128, 128)  # Lab, 8 bits: L 100 and L 20
    grid = b"".join(bytes(ink if node else paper) for node in range(16))
    ramp = bytes(range(256))
    matrix = b"".join(struct.pack(">i", 65536 * (k % 4 == 0)) for k in range(9))
    table = b"mft1\0\0\0\0\x04\x03\x02\0" + matrix + 4 * ramp + grid + 3 * ramp
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    rights = b"text\0\0\0\0none\0"
    tags = {b"A2B0": table, b"wtpt": white, b"desc": name, b"cprt": rights}
    offset, index, body = 132 + 12 * len(tags), b"", b""
    for kind, data in tags.items():
        data += bytes(-len(data) % 4)
        index += kind + struct.pack(">II", offset + len(body), len(data))
        body += data
    head = bytearray(128)
    head[0:4] = struct.pack(">I", offset + len(body))
    head[8:24] = b"\x02\x10\0\0prtrCMYKLab "
    head[36:40] = b"acsp"
    head[68:80] = struct.pack(">3i", 63190, 65536, 54061)
    return bytes(head) + struct.pack(">I", len(tags)) + index + body


def exif(orientation: int | None = None, order: str = "<") -> bytes:
    """EXIF data with a maker, an exposure time and maybe an orientation; no prefix."""
    data = Image.Exif()
    data.endian = order
    data[0x010F] = "Maker"
    if orientation:
        data[0x0112] = orientation
    data.get_ifd(0x8769)[0x829A] = 0.25
    return data.tobytes().removeprefix(b"Exif\0\0")
