"""Reading parts of ``.lic`` files: the table of sections by seeking, payloads when asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from lcodec.container import sections
from lcodec.container.bounds import Bounds
from lcodec.container.header import Alpha, Header, decode_header
from lcodec.container.packed import check_unpacked
from lcodec.container.sections import Frame, Section
from lcodec.container.tile import TilePayload, check_layer, decode_tile
from lcodec.container.varint import Cursor
from lcodec.errors import FormatError, InputError, UnsupportedError
from lcodec.limits import DecoderLimits, chosen
from lcodec.process.streams import read_fully


class SeekableReader(Protocol):
    """What `FileReader` needs of a file."""

    def read(self, size: int, /) -> bytes:
        """The next bytes, at most ``size``; none at the end."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to a position, and return it."""


class TileSource(Protocol):
    """A file whose parts are read one by one, such as `FileReader`."""

    @property
    def header(self) -> Header:
        """The picture and what is needed to decode it."""

    @property
    def alpha(self) -> bytes | None:
        """The payload of the ALPHA section, if there is one."""

    @property
    def extra(self) -> tuple[Section, ...]:
        """All ancillary sections in file order."""

    def tile(self, number: int) -> TilePayload:
        """The streams of a tile."""


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:  # the latter of a stream that is closed
        reason = error.strerror if isinstance(error, OSError) else None
        raise InputError(f"the file cannot be read: {reason or error}") from error


class FileReader:
    """A ``.lic`` file of which little is read: the header, and every section's type and length.

    It begins where the stream is, and reaches to the stream's end.
    Other sections are read, and their CRCs checked, when they are asked for, so damage elsewhere
    in the file is not noticed. Not thread-safe.

    Attributes:
        header, version: as in `lcodec.container.LicFile`.
        size: bytes of the file.
        bytes_read: bytes read so far.

    Raises:
        FormatError: not a ``.lic`` file, truncated, or damaged where it was read.
        UnsupportedError: needs a newer version of this program.
        InputError: the stream cannot be read; beyond a limit: ``limits``, or those for
            ``max_pixels``.
    """

    def __init__(
        self,
        stream: SeekableReader,
        *,
        max_pixels: int | None = None,
        limits: DecoderLimits | None = None,
    ) -> None:
        self._limits = bounds = chosen(max_pixels, limits)
        self._stream = stream
        with _readable():
            self._begin = stream.seek(0, io.SEEK_CUR)
            self.size = stream.seek(0, io.SEEK_END) - self._begin
        self.bytes_read = 0
        preamble = self._read(0, sections.PREAMBLE_SIZE)
        self.version = sections.check_preamble(memoryview(preamble))
        head = self._frame(sections.PREAMBLE_SIZE, first=True)
        self.header: Header = decode_header(self._cursor(head, preamble), bounds)
        self._tiles: list[Frame] = []
        self._alpha: Frame | None = None
        self._ancillary: list[Frame] = []
        self._list(head.end, Bounds(self.header, bounds))

    def _list(self, start: int, bounds: Bounds) -> None:
        """Find all sections from ``start`` on."""
        frame = self._frame(start)
        while frame.type != sections.END:
            belongs = bounds.belongs(frame.type, frame.payload_size, frame.start)
            if sections.is_tile(frame.type):
                if not belongs:
                    raise FormatError(
                        f"more tiles than the {self.header.tile_count} of the picture"
                    )
                self._tiles.append(frame)
            elif frame.type == sections.ALPHA and self._alpha is None:
                self._alpha = frame
            elif sections.is_ancillary(frame.type):
                self._ancillary.append(frame)
            else:
                self._payload(frame)  # a damaged type is damage, not a newer version
                name = sections.section_name(frame.type)
                if frame.type in (sections.HEAD, sections.ALPHA):
                    raise FormatError(f"second {name} section at byte {frame.start}")
                raise UnsupportedError(
                    f"critical section {name} at byte {frame.start} needs a newer version "
                    "of this program"
                )
            frame = self._frame(frame.end)
        if frame.end != self.size:
            raise FormatError(f"{self.size - frame.end} bytes of other data follow the end")
        if len(self._tiles) != self.header.tile_count:
            wanted = self.header.tile_count
            raise FormatError(f"{len(self._tiles)} tiles, but the picture has {wanted}")
        if (self._alpha is None) is (self.header.alpha is Alpha.PLANE):
            raise FormatError("the alpha plane is missing, or is one that the header denies")

    def tile(self, number: int) -> TilePayload:
        """The streams of a tile, in raster order.

        Raises:
            FormatError: damaged.
        """
        frame = self._tiles[number]
        tile = decode_tile(self._cursor(frame), frame.type).copy()
        check_layer(tile.layer, self.header, number)
        return tile

    @property
    def alpha(self) -> bytes | None:
        """The payload of the ALPHA section, if there is one; raises FormatError if damaged."""
        return None if self._alpha is None else self._payload(self._alpha)

    @property
    def extra(self) -> tuple[Section, ...]:
        """All ancillary sections in file order.

        Raises:
            FormatError: one is damaged.
            InputError: one unpacks to more than the limit.
        """
        found = tuple(Section(frame.type, self._payload(frame)) for frame in self._ancillary)
        for section in found:
            check_unpacked(section.type, section.payload, self._limits)
        return found

    def _read(self, start: int, size: int) -> bytes:
        with _readable():
            self._stream.seek(self._begin + start)
            data = read_fully(self._stream.read, size)
        self.bytes_read += len(data)
        return data

    def _frame(self, start: int, *, first: bool = False) -> Frame:
        prefix = memoryview(self._read(start, sections.LONGEST_PREFIX))
        frame = sections.read_frame(Cursor(prefix, base=start), first=first)
        if frame.end > self.size:
            raise FormatError(
                f"truncated: {sections.section_name(frame.type)} section at byte {start} "
                f"needs {frame.size} bytes, {self.size - start} left"
            )
        return frame

    def _cursor(self, frame: Frame, before: bytes = b"") -> Cursor:
        """The payload of a section, as `_payload`; positions are those in the file."""
        return Cursor(memoryview(self._payload(frame, before)), base=frame.payload_start)

    def _payload(self, frame: Frame, before: bytes = b"") -> bytes:
        """The payload of a section, whose CRC also covers ``before``."""
        data = self._read(frame.start, frame.size)
        if len(data) != frame.size:
            name = sections.section_name(frame.type)
            raise FormatError(f"truncated: in the {name} section at byte {frame.start}")
        sections.check_crc(frame, data, before)
        return data[frame.payload_start - frame.start : frame.payload_end - frame.start]
