"""Find what is left of a damaged file: its sound sections, and which tiles they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from lcodec.container import sections
from lcodec.container.header import Alpha, Header, decode_header
from lcodec.container.packed import check_unpacked
from lcodec.container.pieces import CutTile, Gap, pieces
from lcodec.container.reader import Buffer, as_view
from lcodec.container.sections import ALPHA, END, Section, is_tile
from lcodec.container.tile import TilePayload, decode_tile
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError
from lcodec.limits import Ancillary, DecoderLimits, chosen


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


@dataclass
class Survey:
    """Everything sound in a file with a sound header.

    Sections in which a single bit was wrong are among it, and in ``faults``.

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
    header = decode_header(payload, bounds)
    found = Survey(header, version)
    count = Ancillary(bounds)
    runs: list[_Run] = [_Run()]
    seen: set[TilePayload] = set()
    ended = False
    for piece in pieces(view, first.end):
        if piece.fault:
            found.faults.append(piece.fault)
        if isinstance(piece, Gap):
            runs.append(_Run(tiles_before=piece.tiles, cut=piece.cut))
        elif is_tile(piece.type):
            try:
                tile = decode_tile(Cursor(piece.payload), piece.type).copy()
            except FormatError as error:
                found.faults.append(str(error))
                runs.append(_Run(tiles_before=1))
                continue
            if tile in seen:  # checksums cover numbers, so no two tiles of a picture are the same
                found.faults.append("the same tile again")
                continue
            seen.add(tile)
            runs[-1].tiles.append(tile)
        elif piece.type == ALPHA and header.alpha is Alpha.PLANE and found.alpha is None:
            found.alpha = bytes(piece.payload)
        elif piece.type == END:
            ended = True
        elif sections.is_ancillary(piece.type):
            count.add(len(piece.payload))
            check_unpacked(piece.type, piece.payload, bounds)
            found.extra.append(Section(piece.type, bytes(piece.payload)))
        elif piece.type in (ALPHA, sections.HEAD):
            found.faults.append(f"{sections.section_name(piece.type)} section where none belongs")
        else:
            name = sections.section_name(piece.type)
            found.faults.append(f"critical section {name} needs a newer version of this program")
    if not ended and not found.faults:
        found.faults.append("truncated")
    found.tiles = list(_numbered(runs, header.tile_count, ended))
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
