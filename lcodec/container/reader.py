"""Reading ``.lic`` files in memory: whole ones, or their beginnings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lcodec.container import sections
from lcodec.container.header import Alpha, Header, decode_header
from lcodec.container.packed import check_unpacked, unpacked
from lcodec.container.sections import Frame, Section
from lcodec.container.tile import TilePayload, TileView, check_layer, decode_tile
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError, UnsupportedError, UsageError
from lcodec.limits import Ancillary, DecoderLimits, chosen

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class LicFile:
    """Contents of a ``.lic`` file.

    Attributes:
        header: the picture and what is needed to decode it.
        tiles: one per tile, in raster order.
        extra: all ancillary sections in file order, known or not, to be kept when rewriting.
        version: (major, minor) of the format.
        alpha: payload of the ALPHA section, if ``header.alpha`` says there is one, else None.
    """

    header: Header
    tiles: tuple[TilePayload, ...]
    extra: tuple[Section, ...] = ()
    version: tuple[int, int] = (sections.MAJOR, sections.MINOR)
    alpha: bytes | None = None

    def tile(self, number: int) -> TilePayload:
        """The streams of a tile, in raster order."""
        return self.tiles[number]

    @property
    def layers(self) -> dict[int, bytes]:
        """The lossless layers of the tiles that have one, by number."""
        return {number: tile.layer for number, tile in enumerate(self.tiles) if tile.layer}


class BinaryReader(Protocol):
    """What is needed of a file to read it from its start."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end."""


@dataclass(frozen=True)
class Head:
    """The part of a file before its tiles and its alpha plane.

    Attributes:
        header: the picture and what is needed to decode it.
        extra: the ancillary sections there, known or not; a file may have others further on.
        version: (major, minor) of the format.
    """

    header: Header
    extra: tuple[Section, ...]
    version: tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """A checked file as views into its buffer: every section, and the tiles among them."""

    version: tuple[int, int]
    header: Header
    frames: tuple[Frame, ...]
    tiles: tuple[TileView, ...]
    alpha: Frame | None


def read(
    data: Buffer, *, max_pixels: int | None = None, limits: DecoderLimits | None = None
) -> LicFile:
    """Read a file, checking all of it: framing, every CRC, every field, the number of tiles.

    Memory used is at most the size of ``data`` again, whatever lengths the file declares.

    Raises:
        FormatError: not a ``.lic`` file, truncated or damaged.
        UnsupportedError: needs a newer version of this program.
        InputError: beyond a limit: ``limits``, or those for ``max_pixels``.
    """
    view = as_view(data)
    layout = parse(view, chosen(max_pixels, limits))
    extra = tuple(
        _section(view, frame) for frame in layout.frames if sections.is_ancillary(frame.type)
    )
    tiles = tuple(tile.copy() for tile in layout.tiles)
    plane = layout.alpha
    alpha = None if plane is None else bytes(view[plane.payload_start : plane.payload_end])
    return LicFile(layout.header, tiles, extra, layout.version, alpha)


def parse_head(view: memoryview, limits: DecoderLimits) -> Head:
    """Check the beginning of a file, up to the type of the section after its head.

    Raises:
        FormatError: not a ``.lic`` file, or truncated or damaged in its head.
        UnsupportedError: needs a newer version of this program.
        InputError: beyond a limit.
    """
    version = sections.check_preamble(view)
    frames = sections.scan(view)
    frame = next(frames)
    header = decode_header(_payload(view, frame), limits)
    extra, count = [], Ancillary(limits)
    while frame.end == len(view) or sections.is_ancillary(view[frame.end]):
        frame = next(frames)
        count.add(frame.payload_size)
        section = _section(view, frame)
        check_unpacked(section.type, section.payload, limits)
        extra.append(section)
    return Head(header, tuple(extra), version)


def payloads(extra: Iterable[Section]) -> dict[int, bytes]:
    """Payloads by type of section, packed metadata unpacked; of several of a type the first counts.

    Raises:
        FormatError: packed metadata is damaged.
    """
    found: dict[int, bytes] = {}
    for section in unpacked(extra):
        found.setdefault(section.type, section.payload)
    return found


def as_view(data: Buffer) -> memoryview:
    """Return ``data`` as a flat view of bytes, copying only where it is not contiguous.

    Raises:
        UsageError: ``data`` has no bytes to view.
    """
    try:
        view = memoryview(data)
    except TypeError:
        raise UsageError(f"expected the bytes of a .lic file, not {data!r}") from None
    # Views with a side of zero cannot be cast.
    return view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())


def parse(view: memoryview, limits: DecoderLimits) -> Layout:
    """Check a file and locate its parts without copying; raises as ``read`` does."""
    version = sections.check_preamble(view)
    frames = sections.scan(view)
    head = next(frames)
    header = decode_header(_payload(view, head), limits)
    seen, count = [head], Ancillary(limits)
    tiles: list[TileView] = []
    alpha: Frame | None = None
    for frame in frames:
        seen.append(frame)
        if sections.is_tile(frame.type):
            if len(tiles) == header.tile_count:
                raise FormatError(f"more tiles than the {header.tile_count} of the picture")
            tile = decode_tile(_payload(view, frame), frame.type)
            check_layer(tile.layer, header, len(tiles))
            tiles.append(tile)
        elif frame.type == sections.ALPHA:
            if alpha is not None or header.alpha is not Alpha.PLANE:
                raise FormatError(f"alpha plane at byte {frame.start} where none belongs")
            alpha = frame
        else:
            _check_other(frame)
            if frame.type != sections.END:
                count.add(frame.payload_size)
                payload = view[frame.payload_start : frame.payload_end]
                check_unpacked(frame.type, payload, limits)
    if alpha is None and header.alpha is Alpha.PLANE:
        raise FormatError("the alpha plane is missing")
    if len(tiles) != header.tile_count:
        raise FormatError(f"{len(tiles)} tiles, but the picture has {header.tile_count}")
    return Layout(version, header, tuple(seen), tuple(tiles), alpha)


def _section(view: memoryview, frame: Frame) -> Section:
    return Section(frame.type, bytes(view[frame.payload_start : frame.payload_end]))


def _payload(view: memoryview, frame: Frame) -> Cursor:
    return Cursor(view, frame.payload_start, frame.payload_end)


def _check_other(frame: Frame) -> None:
    """Reject a section that is neither part of the picture, nor the end, nor skippable."""
    if frame.type == sections.HEAD:
        raise FormatError(f"second header at byte {frame.start}")
    if frame.type != sections.END and not sections.is_ancillary(frame.type):
        name = sections.section_name(frame.type)
        raise UnsupportedError(
            f"critical section {name} at byte {frame.start} needs a newer version of this program"
        )
