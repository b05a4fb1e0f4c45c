"""Find what is left of a damaged file: its sound sections, and which tiles they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lcodec.container import sections
from lcodec.container.header import MAX_TILE_EDGE, Header, decode_header
from lcodec.container.packed import check_unpacked
from lcodec.container.reader import Buffer, as_view
from lcodec.container.sections import ALPHA, END, MIXED, TILE, Frame, Section, is_tile
from lcodec.container.tile import WORD_SIZE, TilePayload, decode_tile
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError, UsageError
from lcodec.limits import Ancillary, DecoderLimits, chosen

_KNOWN = frozenset((TILE, MIXED, ALPHA, sections.ICC, sections.EXIF, sections.XMP, sections.PACKED))
_STARTS = re.compile(b"[" + re.escape(bytes(sorted(_KNOWN))) + b"]")
_LARGEST_TILE = 8 * MAX_TILE_EDGE**2  # bytes, far more than noise at the best quality takes
_LOOKED_AT = 64  # times the size of the file: bytes whose CRC is computed in search of sections


@dataclass(frozen=True)
class FoundTile:
    """A sound section of a tile.

    Attributes:
        number: number of the tile; None where sections before and after it are lost, so that only
            its symbols can tell (their checksum covers the number, too).
        payload: its streams.
    """

    number: int | None
    payload: TilePayload


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


@dataclass
class Survey:
    """Everything sound in a file with a sound header.

    Attributes:
        tiles: sound tiles in file order, at most as many as the picture has, each once.
        alpha: payload of a sound ALPHA section.
        extra: sound ancillary sections.
        cut: the tile that the file ends in, if it is known which, and its hyper stream is
            complete.
        faults: what is wrong, in file order; empty if the file is sound.
    """

    header: Header
    version: tuple[int, int]
    tiles: list[FoundTile] = field(default_factory=list)
    alpha: bytes | None = None
    extra: list[Section] = field(default_factory=list)
    cut: CutTile | None = None
    faults: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[int]:
        """Numbers of the tiles that no sound section is known to hold."""
        known = {tile.number for tile in self.tiles}
        return [number for number in range(self.header.tile_count) if number not in known]


def survey(
    data: Buffer, *, max_pixels: int | None = None, limits: DecoderLimits | None = None
) -> Survey:
    """Find the sound sections of a file, whatever lies between them.

    Raises:
        FormatError: not a ``.lic`` file, or so damaged that its header is lost.
        UnsupportedError: needs a newer version of this program.
        InputError: beyond a limit: ``limits``, or those for ``max_pixels``.
    """
    bounds = chosen(max_pixels, limits)
    view = as_view(data)
    version = sections.check_preamble(view)
    first = next(sections.scan(view))
    payload = Cursor(view, first.payload_start, first.payload_end)
    found = Survey(decode_header(payload, bounds), version)
    count = Ancillary(bounds)
    runs: list[_Run] = [_Run()]
    seen: set[TilePayload] = set()
    ended = False
    for piece in _pieces(view, first.end):
        if isinstance(piece, _Gap):
            found.faults.append(piece.fault)
            runs.append(_Run(tiles_before=piece.tiles, cut=piece.cut))
        elif is_tile(piece.type):
            payload = Cursor(view, piece.payload_start, piece.payload_end)
            try:
                tile = decode_tile(payload, piece.type).copy()
            except FormatError as error:
                found.faults.append(str(error))
                runs.append(_Run(tiles_before=1))
                continue
            if tile in seen:  # checksums cover numbers, so no two tiles of a picture are the same
                found.faults.append("the same tile again")
                continue
            seen.add(tile)
            runs[-1].tiles.append(tile)
        elif piece.type == ALPHA:
            found.alpha = found.alpha or bytes(view[piece.payload_start : piece.payload_end])
        elif piece.type == END:
            ended = True
        elif sections.is_ancillary(piece.type):
            count.add(piece.payload_size)
            section = Section(piece.type, bytes(view[piece.payload_start : piece.payload_end]))
            check_unpacked(section.type, section.payload, bounds)
            found.extra.append(section)
    if not ended and not found.faults:
        found.faults.append("truncated")
    found.tiles = list(_numbered(runs, found.header.tile_count, ended))
    found.cut = _cut(found, runs)
    _drop_surplus(found)
    return found


def _drop_surplus(found: Survey) -> None:
    """Keep no more tiles than the picture has, those of known number first.

    More cannot all be its own, and every one that does not fit costs its decoding.
    """
    count = found.header.tile_count
    if len(found.tiles) <= count:
        return
    found.faults.append(f"more tiles than the {count} of the picture")
    first = sorted(range(len(found.tiles)), key=lambda at: found.tiles[at].number is None)
    found.tiles = [found.tiles[at] for at in sorted(first[:count])]


@dataclass
class _Run:
    """Tiles that follow each other, and how many were lost before them; None if that is unknown."""

    tiles_before: int | None = 0
    tiles: list[TilePayload] = field(default_factory=list)
    cut: CutTile | None = None  # before the run, its number still to be counted


@dataclass(frozen=True)
class _Gap:
    fault: str
    tiles: int | None
    cut: CutTile | None = None


def _numbered(runs: list[_Run], count: int, ended: bool) -> Iterator[FoundTile]:
    """The tiles with their numbers, counted forwards and, if the end was found, backwards.

    Where the two disagree, something was misread and neither counts.
    """
    forth: list[int | None] = []
    at: int | None = 0
    for run in runs:
        at = None if at is None or run.tiles_before is None else at + run.tiles_before
        forth.append(at)
        at = None if at is None else at + len(run.tiles)
    back: list[int | None] = []
    at = count if ended else None
    for run in reversed(runs):
        at = None if at is None else at - len(run.tiles)
        back.append(at)
        at = None if at is None or run.tiles_before is None else at - run.tiles_before
    for run, one, other in zip(runs, forth, reversed(back), strict=True):
        start = one if other is None or one == other else other if one is None else None
        for offset, payload in enumerate(run.tiles):
            number = None if start is None else start + offset
            yield FoundTile(number if number is not None and 0 <= number < count else None, payload)


def _pieces(view: memoryview, start: int) -> Iterator[Frame | _Gap]:
    """Sound sections from ``start`` on, and a gap for what is between them."""
    budget = [_LOOKED_AT * len(view) + (1 << 20)]
    while start < len(view):
        piece = _piece(view, start)
        if piece is not None:
            yield piece
            if piece.type == END:
                return
            start = piece.end
            continue
        stated = _stated(view, start)
        following = None if stated is None else _plausible(view, stated.end, budget)
        name = sections.section_name(view[start])
        if following is not None:
            # Its type may be what is damaged.
            lost = 1 if is_tile(view[start]) else None
            yield _Gap(f"damaged: {name} section at byte {start}", lost)
            start = following
            continue
        after = next(_search(view, start + 1, budget), None)
        if after is None:
            where = f"in the {name} section " if view[start] in _KNOWN else ""
            fault = f"damaged or truncated {where}from byte {start} on"
            yield _Gap(fault, None, _beginning(view, start))
            return
        yield _Gap(f"damaged: bytes {start} to {after - 1}", None)
        start = after


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


def _cut(found: Survey, runs: list[_Run]) -> CutTile | None:
    """The tile that the file ends in, if its number is known."""
    cut = runs[-1].cut
    if cut is None:
        return None
    number: int | None = 0
    if runs[-2].tiles:
        last = found.tiles[-1].number
        number = None if last is None else last + 1
    elif len(runs) > 2:
        number = None
    if number is None or number >= found.header.tile_count:
        return None
    return replace(cut, number=number)


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
    return budget[0] >= 0 and _piece(view, at) is not None


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


def _piece(view: memoryview, at: int) -> Frame | None:
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
