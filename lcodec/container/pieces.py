"""The sound sections of a damaged file, and the gaps between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lcodec.container import sections
from lcodec.container.header import MAX_TILE_EDGE
from lcodec.container.sections import ALPHA, END, MIXED, TILE, Frame, is_tile
from lcodec.container.tile import WORD_SIZE, TilePayload
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError, UsageError

_KNOWN = frozenset((TILE, MIXED, ALPHA, sections.ICC, sections.EXIF, sections.XMP, sections.PACKED))
_STARTS = re.compile(b"[" + re.escape(bytes(sorted(_KNOWN))) + b"]")
_LARGEST_TILE = 8 * MAX_TILE_EDGE**2  # bytes, far more than noise at the best quality takes
_LOOKED_AT = 64  # times the size of the file: bytes whose CRC is computed in search of sections
_MENDED = 16  # times the size of the file: bytes of sections in which a wrong bit is sought
_AT_LEAST = 1 << 10  # bytes that a small section counts for, whose search takes as long


@dataclass(frozen=True)
class CutTile:
    """The tile that a file ends in, with a complete hyper stream.

    Attributes:
        number: number of the tile.
        payload: its streams; nothing tells whether they are damaged but, if they are complete, the
            symbol checksum.
        complete: whether, by the section's length, the latent stream is complete, too, and only the
            CRC is cut off.
        in_layer: whether the file ends in the layer, of which the payload has the beginning.
    """

    number: int
    payload: TilePayload
    complete: bool
    in_layer: bool


@dataclass(frozen=True)
class Gap:
    """What lies between sound sections: how many tiles, if that is known, and ``cut``, one that
    the file ends in, its number still to be counted.
    """

    fault: str
    tiles: int | None
    cut: CutTile | None = None


@dataclass(frozen=True)
class Piece:
    """A sound section; ``fault`` if it was not quite sound."""

    type: int
    payload: memoryview
    fault: str = ""


def pieces(view: memoryview, start: int) -> Iterator[Piece | Gap]:
    """Sound sections from ``start`` on, and a gap for what is between them."""
    budget = [_LOOKED_AT * len(view) + (1 << 20)]
    mendable = _MENDED * len(view) + (1 << 16)
    while start < len(view):
        frame = _sound(view, start)
        if frame is not None:
            yield Piece(frame.type, view[frame.payload_start : frame.payload_end])
            if frame.type == END:
                return
            start = frame.end
            continue
        stated = _stated(view, start)
        if stated is not None and mendable > 0:
            mendable -= max(stated.size, _AT_LEAST)
            piece = _mended(view, stated)
            if piece is not None:
                yield piece
                start = stated.end
                continue
        following = None if stated is None else _plausible(view, stated.end, budget)
        name = sections.section_name(view[start])
        if following is not None:
            # Its type may be what is damaged.
            lost = 1 if is_tile(view[start]) else None
            yield Gap(f"damaged: {name} section at byte {start}", lost)
            start = following
            continue
        after = next(_search(view, start + 1, budget), None)
        if after is None:
            where = f"in the {name} section " if view[start] in _KNOWN else ""
            fault = f"damaged or truncated {where}from byte {start} on"
            yield Gap(fault, None, _beginning(view, start))
            return
        yield Gap(f"damaged: bytes {start} to {after - 1}", None)
        start = after


def _mended(view: memoryview, stated: Frame) -> Piece | None:
    """The section that ``stated`` tells of, if it is sound but for a single bit."""
    from lcodec.container.mending import mended  # needs numpy, as no sound file does

    section = mended(view[stated.start : stated.end])
    if section is None:
        return None
    frame = _sound(memoryview(section), 0)
    if frame is None or frame.end != stated.size:
        return None
    if frame.type not in _KNOWN and not sections.is_ancillary(frame.type):
        return None
    name = sections.section_name(frame.type)
    fault = f"damaged: {name} section at byte {stated.start}, in one bit, which was put right"
    payload = memoryview(section)[frame.payload_start : frame.payload_end]
    return Piece(frame.type, payload, fault)


def _beginning(view: memoryview, start: int) -> CutTile | None:
    """What there is of a tile's section at ``start`` that reaches beyond the end of the file.

    Its number is not known here, and 0. None if there is no such section, or its hyper stream
    is not complete.
    """
    cursor = Cursor(view, start)
    try:
        section = cursor.u8("type")
        if not is_tile(section):
            return None
        end = cursor.uvarint("length", _LARGEST_TILE) + cursor.pos
        if end + sections.CRC_SIZE <= len(view):
            return None  # all of it is there, so it is damaged in some other way
        payload = Cursor(view, cursor.pos, min(end, len(view)))
        checksum = payload.u32("symbol checksum")
        hyper = payload.take(payload.uvarint("hyper stream length", _LARGEST_TILE), "hyper stream")
        layer, in_layer = hyper[:0], False
        if section == MIXED:
            length = payload.uvarint("layer length", _LARGEST_TILE)
            in_layer = payload.remaining < length
            layer = payload.take(min(length, payload.remaining), "layer")
        latent = payload.take(payload.remaining // WORD_SIZE * WORD_SIZE, "latent stream")
        tile = TilePayload(checksum, bytes(hyper), bytes(latent), bytes(layer))
        return CutTile(0, tile, end <= len(view), in_layer)
    except (FormatError, UsageError):
        return None


def _stated(view: memoryview, start: int) -> Frame | None:
    """Where the section lies that begins at ``start``, if it says that it ends in the file."""
    try:
        frame = sections.stated_frame(Cursor(view, start))
    except FormatError:
        return None
    return frame if frame.payload_size and frame.end <= len(view) else None


def _plausible(view: memoryview, at: int, budget: list[int]) -> int | None:
    """``at``, if a sound section begins there."""
    ends = at == len(view) - 2 and bytes(view[at:]) == b"\0\0"
    return at if ends or _candidate(view, at, budget) else None


def _search(view: memoryview, start: int, budget: list[int]) -> Iterator[int]:
    """Places from ``start`` on where a sound section begins."""
    for match in _STARTS.finditer(view, start):
        if _candidate(view, match.start(), budget):
            yield match.start()
        if budget[0] < 0:
            return
    if len(view) >= start + 2 and bytes(view[-2:]) == b"\0\0":
        yield len(view) - 2


def _candidate(view: memoryview, at: int, budget: list[int]) -> bool:
    """Whether a sound section begins at a place; cheap checks come first."""
    if at >= len(view) or view[at] not in _KNOWN:
        return False
    frame = _stated(view, at)
    if frame is None:
        return False
    end = frame.end
    if is_tile(frame.type):
        if frame.size > _LARGEST_TILE or not _tile_like(view, frame):
            return False
    elif not (end == len(view) or view[end] in _KNOWN or view[end] == END):
        return False
    budget[0] -= frame.size
    return budget[0] >= 0 and _sound(view, at) is not None


def _tile_like(view: memoryview, frame: Frame) -> bool:
    """Whether the lengths in a tile's section fit each other."""
    cursor = Cursor(view, frame.payload_start, frame.payload_end)
    try:
        cursor.u32("checksum")
        hyper = cursor.uvarint("hyper stream length", sections.MAX_LENGTH)
        cursor.take(hyper, "hyper stream")
        if frame.type == MIXED:
            cursor.take(cursor.uvarint("layer length", sections.MAX_LENGTH), "layer")
    except FormatError:
        return False
    return not (hyper % WORD_SIZE or cursor.remaining % WORD_SIZE)


def _sound(view: memoryview, at: int) -> Frame | None:
    """The section at a place, if it is sound."""
    if bytes(view[at : at + 2]) == b"\0\0":
        return Frame(END, at, at + 2, at + 2, at + 2) if at + 2 == len(view) else None
    frame = _stated(view, at)
    if frame is None:
        return None
    try:
        sections.check_crc(frame, view[frame.start : frame.end])
    except FormatError:
        return None
    return frame
