"""The TILE section: the two entropy-coded streams of one tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lcodec.container.sections import MAX_LENGTH
from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError, UsageError

WORD_SIZE: Final = 4


@dataclass(frozen=True)
class TilePayload:
    """Streams of one tile.

    Attributes:
        checksum: CRC-32 of the tile's symbols, 0..2^32-1.
        hyper: hyper stream, whole 32-bit little-endian words.
        latent: latent stream, whole 32-bit little-endian words.

    Raises:
        UsageError: checksum out of range, or a stream that is not whole words.
    """

    checksum: int
    hyper: bytes
    latent: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.checksum < 1 << 32:
            raise UsageError(f"symbol checksum {self.checksum} does not fit in 32 bits")
        for name, stream in (("hyper", self.hyper), ("latent", self.latent)):
            if len(stream) % WORD_SIZE:
                raise UsageError(f"{name} stream of {len(stream)} bytes is not whole words")


@dataclass(frozen=True)
class TileView:
    """A TilePayload whose streams are views into the file's buffer."""

    checksum: int
    hyper: memoryview
    latent: memoryview

    def copy(self) -> TilePayload:
        """Return a TilePayload that owns its streams."""
        return TilePayload(self.checksum, bytes(self.hyper), bytes(self.latent))


def encode_tile(tile: TilePayload) -> tuple[bytes, bytes, bytes]:
    """Return the payload of a TILE section in parts, so that streams are not copied."""
    fields = tile.checksum.to_bytes(4, "little") + encode_uvarint(len(tile.hyper))
    return fields, tile.hyper, tile.latent


def decode_tile(cursor: Cursor) -> TileView:
    """Read the payload of a TILE section, all of it.

    Raises:
        FormatError: cut off, or a stream that is not whole words.
    """
    checksum = cursor.u32("symbol checksum")
    hyper_size = cursor.uvarint("hyper stream length", MAX_LENGTH)
    hyper = cursor.take(hyper_size, "hyper stream")
    latent = cursor.take(cursor.remaining, "latent stream")
    for name, stream in (("hyper", hyper), ("latent", latent)):
        if len(stream) % WORD_SIZE:
            raise FormatError(f"damaged: {name} stream of {len(stream)} bytes is not whole words")
    return TileView(checksum, hyper, latent)
