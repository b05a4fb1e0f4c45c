"""Reading ``.lic`` files from streams, no further than such a file can extend."""

from __future__ import annotations

from typing import NamedTuple

from lcodec.container import sections
from lcodec.container.bounds import Bounds
from lcodec.container.header import Header, decode_header
from lcodec.container.reader import BinaryReader, Head, parse_head
from lcodec.container.sections import Frame
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError
from lcodec.limits import DecoderLimits, chosen, longest_alpha, longest_tile

_BLOCK = 1 << 16
_HEAD_BLOCK = 1 << 12  # enough for most heads without a large colour profile
_LARGEST_BLOCK = 1 << 24
_LONGEST_FRAME = sections.LONGEST_PREFIX + sections.CRC_SIZE


class _Growing:
    """The start of a stream, as far as it has been needed."""

    def __init__(self, stream: BinaryReader, start: bytes, block: int = _BLOCK) -> None:
        self._stream = stream
        self._block = block
        self._ended = False
        self.data = bytearray(start)

    def reaches(self, end: int) -> bool:
        """Read on up to ``end``; returns whether the stream goes that far."""
        while len(self.data) < end and not self._ended:
            # In steps: the file may not hold what a length states.
            wanted = min(max(end - len(self.data), self._block), _LARGEST_BLOCK)
            block = self._stream.read(wanted)
            self._ended = not block
            self.data += block or b""
        return len(self.data) >= end


def load(
    stream: BinaryReader, limits: DecoderLimits | None = None, start: bytes = b""
) -> bytearray:
    """The bytes of a file; its lengths are checked as they arrive, everything else by ``read``.

    ``start`` is what was read from the stream before. If it is not a ``.lic`` file, little more
    than the signature is read; if it is damaged, nothing beyond the damage, and ``read`` then
    reports what is wrong.

    Raises:
        FormatError: not a ``.lic`` file, or its header is damaged.
        UnsupportedError: it needs a newer version of this program.
        InputError: beyond a limit.
        OSError: as the stream does.
    """
    limits = limits or DecoderLimits()
    growing = _Growing(stream, start)
    head = _head(growing, limits)
    if head is not None:
        _follow(growing, head.end, head.header, limits)
    return growing.data


def load_damaged(
    stream: BinaryReader, limits: DecoderLimits | None = None, start: bytes = b""
) -> bytearray:
    """As `load`, for a file that may be damaged after its header: reads all that it can have.

    Raises:
        FormatError, UnsupportedError, InputError, OSError: as `load`, for its header.
    """
    limits = limits or DecoderLimits()
    growing = _Growing(stream, start)
    head = _head(growing, limits)
    if head is not None:
        tiles = head.header.tile_count * (longest_tile(head.header) + _LONGEST_FRAME)
        others = limits.metadata + limits.sections * _LONGEST_FRAME
        growing.reaches(head.end + tiles + longest_alpha(head.header) + others)
    return growing.data


def read_head(
    stream: BinaryReader, *, max_pixels: int | None = None, limits: DecoderLimits | None = None
) -> Head:
    """Read and check the head of a file, and little more of the file than that.

    Raises:
        FormatError: not a ``.lic`` file, or truncated or damaged in its head.
        UnsupportedError: needs a newer version of this program.
        InputError: beyond a limit: ``limits``, or those for ``max_pixels``.
        OSError: as the stream does.
    """
    limits = chosen(max_pixels, limits)
    growing = _Growing(stream, b"", _HEAD_BLOCK)
    head = _head(growing, limits)
    if head is not None:
        bounds, at = Bounds(head.header, limits), head.end
        while (section := _next(growing, at)) is not None and sections.is_ancillary(section.type):
            bounds.belongs(section.type, section.payload_size, at)
            if not growing.reaches(section.end) or not _is_sound(growing, section):
                break  # as `parse_head` says; lengths beyond it cannot be trusted
            at = section.end
    return parse_head(memoryview(growing.data), limits)


def _is_sound(growing: _Growing, section: Frame) -> bool:
    try:
        sections.check_crc(section, bytes(growing.data[section.start : section.end]))
    except FormatError:
        return False
    return True


class _Head(NamedTuple):
    header: Header
    end: int


def _head(growing: _Growing, limits: DecoderLimits) -> _Head | None:
    """The header, if all of it is there; raises as `load`."""
    growing.reaches(sections.PREAMBLE_SIZE)
    sections.check_preamble(memoryview(bytes(growing.data[: sections.PREAMBLE_SIZE])))
    head = _next(growing, sections.PREAMBLE_SIZE, first=True)
    if head is None or not growing.reaches(head.end):
        return None
    view = memoryview(bytes(growing.data[: head.end]))
    frame = next(sections.scan(view))
    header = decode_header(Cursor(view, frame.payload_start, frame.payload_end), limits)
    return _Head(header, head.end)


def _follow(growing: _Growing, at: int, header: Header, limits: DecoderLimits) -> None:
    """Read all sections after the header, and one byte more if there is one."""
    bounds = Bounds(header, limits)
    while (section := _next(growing, at)) is not None:
        # What does not belong is rejected when the file is parsed.
        belongs = bounds.belongs(section.type, section.payload_size, at)
        if not growing.reaches(section.end) or not belongs:
            return
        at = section.end
        if section.type == sections.END:
            growing.reaches(at + 1)
            return


def _next(growing: _Growing, at: int, *, first: bool = False) -> Frame | None:
    """The section that begins at a byte; None if it is cut off or makes no sense."""
    end = at + sections.LONGEST_PREFIX
    growing.reaches(end)
    try:
        prefix = memoryview(bytes(growing.data[at:end]))
        return sections.read_frame(Cursor(prefix, base=at), first=first)
    except FormatError:
        return None
