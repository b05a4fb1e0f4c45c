"""The sections of a file, their fields, metadata and alpha, written from docs/FORMAT.md alone.

Everything that the page calls damage is refused as `Damaged`, everything reserved as `Newer`.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]

NAMES = (b"gmix", b"chkb", b"hypr", b"serl", b"ectx", b"memp")
METADATA = Path(__file__).parents[2] / "lcodec" / "container" / "metadata_v1.bin"
PROFILES = (0, 3144, 3816, 4404, 4884, 5364, 5944)  # where each begins; the last has an end


class Damaged(ValueError):
    """Not a file of the format."""


class Newer(ValueError):
    """A file that needs a newer reader."""


def check(condition: bool, message: str) -> None:
    """Raises Damaged with the message unless the condition holds."""
    if not condition:
        raise Damaged(message)


@dataclass(frozen=True)
class Tile:
    """Payload of a TILE or MIXED section."""

    checksum: int
    hyper: bytes
    latent: bytes
    layer: bytes | None


@dataclass(frozen=True)
class File:
    """What HEAD, TILE, MIXED and ALPHA sections say; ``alpha_kind`` is the number in the mode."""

    width: int
    height: int
    quality: int
    edge: int
    entropy_model: bytes
    model_id: bytes
    tiles: list[Tile]
    colour: bool
    depth: int
    alpha_kind: int
    alpha: bytes | None
    others: list[tuple[int, bytes]]  # ancillary sections


class Fields:
    """Reads fields one after another. Raises Damaged if one does not fit."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    @property
    def left(self) -> int:
        """Bytes that follow."""
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        """The next bytes."""
        check(count <= self.left, "cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def u8(self) -> int:
        """A byte."""
        return self.take(1)[0]

    def u32(self) -> int:
        """Four bytes, least significant first."""
        return int.from_bytes(self.take(4), "little")

    def uvarint(self, most: int) -> int:
        """A LEB128 number in its shortest form."""
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            check(value <= most and shift < 64, "a number that is too large")
            if byte < 128:
                check(byte > 0 or not shift, "a number that is not in its shortest form")
                return value
            shift += 7


def sections(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and payload of every section up to END, each after its CRC was checked."""
    check(data[:8] == b"\x89LIC\r\n\x1a\n" and len(data) >= 10 and data[8] > 0, "not a .lic file")
    if data[8] > 1:
        raise Newer("another major version")
    fields, begin = Fields(data, 10), 0  # the first CRC covers signature and version too
    while True:
        start = fields.at
        kind, length = fields.u8(), fields.uvarint(1 << 40)
        check((length == 0) == (kind == 0), "a payload that is empty, or that END has")
        check(start > 10 or (kind == 1 and length <= 64), "the first section is not HEAD")
        if kind == 0:
            check(not fields.left, "bytes after the end")
            return
        payload = fields.take(length)
        crc = zlib.crc32(data[begin : fields.at])
        check(crc == fields.u32(), "wrong CRC")
        yield kind, payload
        begin = fields.at


def parse(data: bytes) -> File:
    """Read the container. Raises Damaged or Newer."""
    others = sections(data)
    head = Fields(next(others)[1])
    width, height = head.uvarint((1 << 31) - 1), head.uvarint((1 << 31) - 1)
    mode = head.u8()
    alpha_kind, depth = mode >> 1 & 7, 8 << (mode >> 4)
    if alpha_kind > 2 or depth > 16:
        raise Newer("an unknown mode")  # and nothing is known of what follows
    quality, edge, profile = head.take(3)
    name, model_id = head.take(4), head.take(4)
    check(not head.left and width > 0 and height > 0, "a bad header")
    check(quality <= 100 and 1 <= edge <= 32, "a bad header")
    check(all(0x20 <= byte <= 0x7E for byte in name), "a name that is not printable")
    if profile != 1 or name not in NAMES:
        raise Newer("an unknown profile or entropy model")
    tiles: list[Tile] = []
    ancillary, alpha = [], None
    edge = 64 * edge
    columns, rows = -(-width // edge), -(-height // edge)
    for kind, payload in others:
        if kind in (2, 4):
            tile, (row, column) = parse_tile(payload, kind == 4), divmod(len(tiles), columns)
            check(row < rows, "more tiles than the picture has")
            if tile.layer is not None:
                check(depth == 8, "a layer in a picture of 16 bits")
                sides = min(edge, width - edge * column), min(edge, height - edge * row)
                check(stated_size(tile.layer) == sides, "a layer of another size than the tile's")
            tiles.append(tile)
        elif kind == 3:
            check(alpha is None and alpha_kind == 1, "an alpha plane where none belongs")
            alpha = payload
        elif kind >= 128:
            ancillary.append((kind, payload))
        else:
            check(kind != 1, "a second header")
            raise Newer("an unknown critical section")
    check((alpha is None) == (alpha_kind != 1), "the alpha plane is missing")
    check(len(tiles) == columns * rows, "tiles are missing")
    return File(
        width=width,
        height=height,
        quality=quality,
        edge=edge,
        entropy_model=name,
        model_id=model_id,
        tiles=tiles,
        colour=mode % 2 == 1,
        depth=depth,
        alpha_kind=alpha_kind,
        alpha=alpha,
        others=ancillary,
    )


def parse_tile(payload: bytes, mixed: bool) -> Tile:
    """Read a TILE section, or a ``mixed`` one."""
    fields, layer = Fields(payload), None
    checksum = fields.u32()
    hyper = fields.take(fields.uvarint(1 << 40))
    if mixed:
        layer = fields.take(fields.uvarint(1 << 40))
        check(bool(layer), "an empty layer")
    latent = fields.take(fields.left)
    check(len(hyper) % 4 == len(latent) % 4 == 0, "streams that are not whole words")
    return Tile(checksum, hyper, latent, layer)


def stated_size(layer: bytes) -> tuple[int, int]:
    """Width and height that a bitstream of WebP lossless states."""
    fields = Fields(layer)
    check(fields.u8() == 0x2F, "not a bitstream of WebP lossless")
    bits = fields.u32()
    return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1


def metadata(file: File) -> dict[int, bytes]:
    """Payloads of ICC (129), EXIF (130) and XMP (131). Raises Damaged."""
    found: dict[int, bytes] = {}
    for kind, payload in file.others:
        if kind == 132:
            kind = packed_kind(payload)
            if kind and kind not in found:
                payload = unpacked(payload)
        if kind in (129, 130, 131):
            found.setdefault(kind, payload)
    return found


def packed_kind(payload: bytes) -> int:
    """Type of the section that a PACKED one stands for; 0 if that is reserved."""
    fields = Fields(payload)
    form, kind = divmod(fields.u8(), 16)
    if kind not in (1, 2, 3) or form > 1 or (form == 0 and kind != 1):
        return 0
    reserved = form == 0 and fields.left and fields.u8() >= len(PROFILES) - 1
    return 0 if reserved else 128 + kind


def unpacked(payload: bytes) -> bytes:
    """Payload of the section that a PACKED one, not a reserved one, stands for."""
    fields, common = Fields(payload), METADATA.read_bytes()
    if fields.u8() >> 4:
        size, stream = fields.uvarint(1 << 24), zlib.decompressobj(-15, common)
        check(size > 0, "empty metadata")
        try:
            data = stream.decompress(fields.take(fields.left), size + 1)
        except zlib.error as error:
            raise Damaged("not a deflate stream") from error
        check(len(data) == size and stream.eof and not stream.unused_data, "not of that size")
        return data
    number, last = fields.u8(), -1
    profile = bytearray(common[PROFILES[number] : PROFILES[number + 1]])
    while fields.left:
        place = fields.uvarint(len(profile) - 1)
        check(place > last, "changes out of order")
        profile[place], last = fields.u8(), place
    return bytes(profile)


def alpha_plane(file: File) -> Ints:
    """Alpha values (H, W). Raises ValueError if there are none, Damaged or Newer."""
    shape = file.height, file.width
    if file.alpha_kind == 2:
        return np.full(shape, 2**file.depth - 1)
    if file.alpha is None:
        raise ValueError("no alpha")
    prediction, size = file.alpha[0] & 15, 1 + (file.alpha[0] >> 4)
    if prediction > 3 or 8 * size > file.depth:
        raise Newer("an unknown form of alpha")
    stream = lzma.LZMADecompressor(
        lzma.FORMAT_RAW, None, [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
    )
    try:
        data = stream.decompress(file.alpha[1:])
    except lzma.LZMAError as error:
        raise Damaged("not an LZMA2 stream") from error
    check(stream.eof and not stream.unused_data, "an alpha plane without its end, or beyond it")
    check(len(data) == shape[0] * shape[1] * size, "an alpha plane of another size")
    values = np.frombuffer(data, f"<u{size}").astype(np.int64).reshape(shape)
    for y in range(file.height if prediction & 2 else 0):
        values[y] += values[y - 1] if y else 0
    for x in range(file.width if prediction & 1 else 0):
        values[:, x] += values[:, x - 1] if x else 0
    values %= 2 ** (8 * size)
    return values * (257 if file.depth > 8 * size else 1)
