"""Writing ``.lic`` files."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from lcodec.container import sections
from lcodec.container.header import Alpha, Header, encode_header
from lcodec.container.sections import Section
from lcodec.container.tile import TilePayload, encode_tile
from lcodec.errors import UsageError


class BinaryWriter(Protocol):
    """What ``write_to`` needs of a file: each call takes all bytes given, or raises OSError."""

    def write(self, data: bytes, /) -> object:
        """Write all of ``data``."""


class SeekableWriter(BinaryWriter, Protocol):
    """What ``write_seekable`` needs of a file, beside."""

    def tell(self) -> int:
        """The position in bytes."""

    def seek(self, offset: int, /) -> object:
        """Move to a position."""


def write(
    header: Header,
    tiles: Iterable[TilePayload],
    ancillary: Iterable[Section] = (),
    alpha: bytes | None = None,
) -> bytes:
    """Return a whole file; arguments and errors as for ``write_to``."""
    buffer = io.BytesIO()
    tiles = tuple(islice(tiles, header.tile_count + 1))
    layered = any(tile.layer for tile in tiles)
    write_to(buffer, header, tiles, ancillary, alpha, layered=layered)
    return buffer.getvalue()


def write_to(
    fo: BinaryWriter,
    header: Header,
    tiles: Iterable[TilePayload],
    ancillary: Iterable[Section] = (),
    alpha: bytes | None = None,
    *,
    layered: bool = False,
) -> int:
    """Write a file to ``fo`` as the tiles arrive, and return its size in bytes.

    Args:
        fo: binary file; it need not be seekable.
        header: the header.
        tiles: exactly ``header.tile_count`` tiles in raster order; taken one at a time.
        ancillary: sections to put between the header and the first tile, in this order.
        alpha: payload of the ALPHA section, which comes after them; needed if ``header.alpha``
            says that there is one, else None.
        layered: whether tiles may have lossless layers; the file then states the version that
            introduced them.

    Raises:
        UsageError: too few or too many tiles, a layer that was not announced, or alpha missing or
            not expected. What was written by then is not a valid file.
    """
    if (alpha is not None) != (header.alpha is Alpha.PLANE):
        raise UsageError(f"an alpha plane does not go with a header of alpha {header.alpha}")
    ancillary = tuple(ancillary)
    size = _put_head(fo, header, ancillary, layered)
    for section in ancillary:
        size += _put(fo, section.type, (section.payload,))
    if alpha is not None:
        size += _put(fo, sections.ALPHA, (alpha,))
    count = 0
    for tile in tiles:
        count += 1
        if count > header.tile_count:
            raise UsageError(f"more tiles than the {header.tile_count} of the picture")
        if tile.layer and not layered:
            raise UsageError("a tile has a lossless layer, which was not announced")
        size += _put(fo, tile.section, encode_tile(tile))
    if count != header.tile_count:
        raise UsageError(f"{count} tiles given, but the picture has {header.tile_count}")
    end = sections.frame_prefix(sections.END, 0)
    fo.write(end)
    return size + len(end)


def write_seekable(
    fo: SeekableWriter, header: Header, tiles: Iterable[TilePayload], ancillary: Iterable[Section]
) -> int:
    """Write a file without an alpha plane as ``write_to``, as ``layered`` as the tiles turn out.

    The version at the beginning is written once more if no tile has a lossless layer.
    """
    start, ancillary, found = fo.tell(), tuple(ancillary), False

    def watched() -> Iterator[TilePayload]:
        nonlocal found
        for tile in tiles:
            found = found or bool(tile.layer)
            yield tile

    size = write_to(fo, header, watched(), ancillary, layered=True)
    if not found:
        fo.seek(start)
        _put_head(fo, header, ancillary, layered=False)
        fo.seek(start + size)
    return size


def _put_head(fo: BinaryWriter, header: Header, ancillary: Iterable[Section], layered: bool) -> int:
    """Write the preamble and the header; their size is the same for all versions."""
    types = [section.type for section in ancillary]
    preamble = sections.preamble([*types, sections.MIXED] if layered else types)
    fo.write(preamble)
    crc = zlib.crc32(preamble)
    return len(preamble) + _put(fo, sections.HEAD, (encode_header(header),), crc)


def _put(fo: BinaryWriter, code: int, parts: tuple[bytes, ...], crc: int = 0) -> int:
    """Write one section; ``crc`` is that of the bytes before it which its CRC is to cover."""
    length = sum(len(part) for part in parts)
    if length > sections.MAX_LENGTH:
        raise UsageError(f"{sections.section_name(code)} section of {length} bytes is too long")
    prefix = sections.frame_prefix(code, length)
    for part in (prefix, *parts):
        fo.write(part)
        crc = zlib.crc32(part, crc)
    fo.write(crc.to_bytes(4, "little"))
    return len(prefix) + length + sections.CRC_SIZE
