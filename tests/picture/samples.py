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


class Sips(io.RawIOBase):
    """A raw stream that gives some bytes at a time, as it may."""

    def __init__(self, data: bytes, most: int = 7) -> None:
        self._file = io.BytesIO(data)
        self._most = most

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(memoryview(buffer)[: self._most])


class BareSips:
    """The same, of no class of the standard library, and with no more methods than needed."""

    def __init__(self, data: bytes) -> None:
        self._sips = Sips(data)
        self.seek, self.tell, self.seekable = (
            self._sips.seek,
            self._sips.tell,
            self._sips.seekable,
        )

    def read(self, size: int = -1) -> bytes:
        return self._sips.read(7 if size < 0 else size) or b""


SIPPING: tuple[Any, ...] = (Sips, BareSips)


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


def packed(samples: NDArray[Any], bits: int, order: str = "<") -> bytes:
    """Rows of samples (H, W, C) of ``bits`` bits, each row from a byte of its own on."""
    rows = samples.reshape(len(samples), -1).astype(np.uint16)
    if bits in (8, 16):
        return rows.astype(f"{order}u{bits // 8}").tobytes()
    places = np.arange(bits - 1, -1, -1, dtype=np.uint16)
    single = (rows[..., None] >> places & 1).astype(np.uint8).reshape(len(rows), -1)
    return np.packbits(single, axis=1).tobytes()


def tiff(
    samples: NDArray[Any],
    bits: int,
    photometric: int,
    *,
    order: str = "<",
    planar: bool = False,
    deflate: bool = False,
    tags: dict[int, tuple[int, bytes]] | None = None,
    **short: int,
) -> bytes:
    """A TIFF file of samples (H, W, C), as the specification has it: one strip, or one a plane.

    ``tags`` are types and bytes by number; ``short`` are SHORT values, as ``t338=2``.
    """
    height, width, count = samples.shape
    parts = [samples[..., k : k + 1] for k in range(count)] if planar else [samples]
    strips = [packed(part, bits, order) for part in parts]
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    if short.get("t266") == 2:  # the first pixel in the lowest bit
        table = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
        strips = [strip.translate(table) for strip in strips]

    def shorts(*values: int) -> tuple[int, bytes]:
        return 3, struct.pack(f"{order}{len(values)}H", *values)

    def longs(*values: int) -> tuple[int, bytes]:
        return 4, struct.pack(f"{order}{len(values)}I", *values)

    entries = {256: shorts(width), 257: shorts(height), 258: shorts(*[bits] * count)}
    entries |= {259: shorts(8 if deflate else 1), 262: shorts(photometric), 277: shorts(count)}
    entries |= {273: longs(*[0] * len(strips)), 279: longs(*map(len, strips))}
    entries |= {278: shorts(height), 284: shorts(2 if planar else 1)}
    entries |= {int(name[1:]): shorts(value) for name, value in short.items()} | (tags or {})
    at = 8 + 2 + 12 * len(entries) + 4
    start = at + sum(len(data) + len(data) % 2 for _, data in entries.values() if len(data) > 4)
    places = [start + sum(map(len, strips[:k])) for k in range(len(strips))]
    entries[273] = longs(*places)
    index, values = b"", b""
    sizes = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}
    for tag in sorted(entries):
        kind, data = entries[tag]
        inline = data.ljust(4, b"\0")
        if len(data) > 4:
            inline = struct.pack(f"{order}I", at + len(values))
            values += data + bytes(len(data) % 2)
        index += struct.pack(f"{order}HHI", tag, kind, len(data) // sizes[kind]) + inline
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + index + bytes(4) + values + b"".join(strips)


def png(
    samples: NDArray[Any], bits: int, colour_type: int, extra: bytes = b"", *, late: bytes = b""
) -> bytes:
    """A PNG of samples (H, W, C), unfiltered; chunks before the data, and behind it."""
    height, width, _ = samples.shape
    row = packed(samples, bits, ">")
    step = len(row) // height
    body = b"".join(b"\0" + row[k : k + step] for k in range(0, len(row), step))
    head = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(body))
    signature = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    return signature + extra + data + late + chunk(b"IEND", b"")


def channels(picture: Any) -> NDArray[Any]:
    """Samples (H, W, 1 to 4) of a picture, alpha last."""
    pixels = picture.pixels.reshape(picture.height, picture.width, -1)
    if picture.alpha is None:
        return np.asarray(pixels)
    return np.concatenate([pixels, picture.alpha[..., None]], axis=2)


def full_range(samples: NDArray[Any], bits: int) -> NDArray[Any]:
    """What samples of ``bits`` bits are as 8 or 16 bits, by division."""
    full, out = (1 << bits) - 1, 255 if bits <= 8 else 65535
    wide = (samples.astype(np.int64) * out + full // 2) // full
    return wide.astype(np.uint8 if bits <= 8 else np.uint16)


XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    b'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">%s</rdf:RDF></x:xmpmeta>'
)


def segment(kind: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data


def jpeg(*segments: bytes) -> io.BytesIO:
    data = encoded(Image.fromarray(np.repeat(RGB, 4, axis=0)), "JPEG").getvalue()
    return io.BytesIO(data[:2] + b"".join(segments) + data[2:])


def app1(packet: bytes) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)
