"""The TILE and MIXED sections: the entropy-coded streams of one tile, and its lossless layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lcodec.container.header import Header
from lcodec.container.sections import MAX_LENGTH, MIXED, TILE
from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError, UsageError

WORD_SIZE: Final = 4
LAYER_HEADER: Final = 5
"""Bytes at the start of a layer: signature, both sides less one in 14 bits each, alpha, version."""
_LAYER_SIGNATURE: Final = 0x2F
_LAYER_SIDES: Final = 1 << 14


@dataclass(frozen=True)
class TilePayload:
    """Streams of one tile.

    Attributes:
        checksum: CRC-32 of the tile's symbols, 0..2^32-1.
        hyper: hyper stream, whole 32-bit little-endian words.
        latent: latent stream, whole 32-bit little-endian words.
        layer: pixels that are kept without loss (`lcodec.coding.layer`); empty if there are none.

    Raises:
        UsageError: checksum out of range, or a stream that is not whole words.
    """

    checksum: int
    hyper: bytes
    latent: bytes
    layer: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.checksum < 1 << 32:
            raise UsageError(f"symbol checksum {self.checksum} does not fit in 32 bits")
        for name, stream in (("hyper", self.hyper), ("latent", self.latent)):
            if len(stream) % WORD_SIZE:
                raise UsageError(f"{name} stream of {len(stream)} bytes is not whole words")

    @property
    def section(self) -> int:
        """The type of section that holds the tile."""
        return MIXED if self.layer else TILE


@dataclass(frozen=True)
class TileView:
    """A TilePayload whose streams are views into the file's buffer."""

    checksum: int
    hyper: memoryview
    latent: memoryview
    layer: memoryview

    def copy(self) -> TilePayload:
        """Return a TilePayload that owns its streams."""
        return TilePayload(self.checksum, *map(bytes, (self.hyper, self.latent, self.layer)))


def encode_tile(tile: TilePayload) -> tuple[bytes, ...]:
    """Return the payload of a tile's section in parts, so that streams are not copied."""
    fields = tile.checksum.to_bytes(4, "little") + encode_uvarint(len(tile.hyper))
    if not tile.layer:
        return fields, tile.hyper, tile.latent
    return fields, tile.hyper, encode_uvarint(len(tile.layer)), tile.layer, tile.latent


def decode_tile(cursor: Cursor, section: int) -> TileView:
    """Read the payload of a section of type TILE or MIXED, all of it.

    Raises:
        FormatError: cut off, a stream that is not whole words, or an empty layer.
    """
    checksum = cursor.u32("symbol checksum")
    hyper = cursor.take(cursor.uvarint("hyper stream length", MAX_LENGTH), "hyper stream")
    layer = hyper[:0]
    if section == MIXED:
        layer = cursor.take(cursor.uvarint("layer length", MAX_LENGTH), "lossless layer")
        if not layer:
            raise FormatError("damaged: an empty lossless layer")
    latent = cursor.take(cursor.remaining, "latent stream")
    for name, stream in (("hyper", hyper), ("latent", latent)):
        if len(stream) % WORD_SIZE:
            raise FormatError(f"damaged: {name} stream of {len(stream)} bytes is not whole words")
    return TileView(checksum, hyper, latent, layer)


def check_layer(layer: bytes | memoryview, header: Header, number: int) -> None:
    """Raise FormatError unless a tile of this number can have that layer, which may be empty."""
    if not layer:
        return
    if header.bit_depth != 8:
        raise FormatError("damaged: a lossless layer in a picture of 16 bits")
    left, top, right, bottom = header.tile_box(number)
    check_layer_size(layer, right - left, bottom - top)


def check_layer_size(layer: bytes | memoryview, width: int, height: int) -> None:
    """Raise FormatError unless a layer's bitstream says that it is of this size."""
    stated = layer_size(layer)
    if stated != (width, height):
        raise FormatError(
            f"damaged lossless layer: {stated[0]} x {stated[1]} pixels in a tile of "
            f"{width} x {height}"
        )


def layer_size(layer: bytes | memoryview) -> tuple[int, int]:
    """Width and height that a layer's bitstream states; raises FormatError if it is none."""
    if len(layer) < LAYER_HEADER or layer[0] != _LAYER_SIGNATURE:
        raise FormatError("damaged lossless layer: not a VP8L bitstream")
    bits = int.from_bytes(layer[1:LAYER_HEADER], "little")
    return 1 + bits % _LAYER_SIDES, 1 + (bits >> 14) % _LAYER_SIDES
