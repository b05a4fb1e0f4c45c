"""Signature, version and the framing of sections (docs/FORMAT.md, "File structure")."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lcodec.container.varint import Cursor, encode_uvarint
from lcodec.errors import FormatError, UnsupportedError, UsageError

SIGNATURE: Final = b"\x89LIC\r\n\x1a\n"
MAJOR: Final = 1
MINOR: Final = 3
PREAMBLE_SIZE: Final = len(SIGNATURE) + 2
MAX_LENGTH: Final = 1 << 40
CRC_SIZE: Final = 4
LONGEST_PREFIX: Final = 1 + 6
"""Bytes of a section's type and of a length of up to 2^40."""

END: Final = 0x00
HEAD: Final = 0x01
TILE: Final = 0x02
ALPHA: Final = 0x03
MIXED: Final = 0x04
ICC: Final = 0x81
EXIF: Final = 0x82
XMP: Final = 0x83
PACKED: Final = 0x84
METADATA: Final = (ICC, EXIF, XMP, PACKED)

_ANCILLARY_BIT: Final = 0x80
_LONGEST_HEAD: Final = 64  # payload, which has 15 to 22 bytes
_NAMES: Final = {
    END: "END",
    HEAD: "HEAD",
    TILE: "TILE",
    ALPHA: "ALPHA",
    MIXED: "MIXED",
    ICC: "ICC",
    EXIF: "EXIF",
    XMP: "XMP",
    PACKED: "PACKED",
}


# The minor version that introduced a type, if later than 1.1.
_SINCE: Final = {PACKED: 2, MIXED: 3}


def preamble(types: Iterable[int]) -> bytes:
    """Signature and version of a file with sections of such types.

    The version is the earliest that suffices, so that files are no newer than they need to be.
    """
    return SIGNATURE + bytes((MAJOR, max([_SINCE.get(code, 1) for code in types], default=1)))


def is_tile(code: int) -> bool:
    """Whether section type ``code`` holds a tile, with or without a lossless layer."""
    return code in (TILE, MIXED)


def is_ancillary(code: int) -> bool:
    """Whether a reader that does not know section type ``code`` may skip it."""
    return bool(code & _ANCILLARY_BIT)


def section_name(code: int) -> str:
    """Name of a section type, or its hexadecimal code where it has none."""
    return _NAMES.get(code, f"0x{code:02X}")


@dataclass(frozen=True)
class Section:
    """An ancillary section as kept from one file to the next.

    Raises:
        UsageError: the type is not an ancillary one, or the payload is empty or too long.
    """

    type: int
    payload: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.type <= 0xFF or not is_ancillary(self.type):
            raise UsageError(f"section type {self.type} is not ancillary (128..255)")
        if not 0 < len(self.payload) <= MAX_LENGTH:
            raise UsageError(f"ancillary section of {len(self.payload)} bytes: must be 1..2^40")

    @property
    def name(self) -> str:
        """Name of the type, or its hexadecimal code."""
        return section_name(self.type)

    @property
    def size(self) -> int:
        """Bytes of the whole section, framing included."""
        return len(frame_prefix(self.type, len(self.payload))) + len(self.payload) + CRC_SIZE


@dataclass(frozen=True)
class Frame:
    """Where one section lies, by its type and length; offsets count from the start of the file.

    It need not be sound, nor all there: `scan` yields frames of checked sections.
    """

    type: int
    start: int
    payload_start: int
    payload_end: int
    end: int

    @property
    def size(self) -> int:
        """Bytes of the whole section, framing included."""
        return self.end - self.start

    @property
    def payload_size(self) -> int:
        """Bytes of the payload alone."""
        return self.payload_end - self.payload_start


def frame_prefix(code: int, length: int) -> bytes:
    """Return the type and length fields of a section."""
    return bytes((code,)) + encode_uvarint(length)


def is_lic(head: bytes | memoryview) -> bool:
    """Whether a file that begins with ``head`` is a ``.lic`` file, sound or not."""
    return bytes(head[: len(SIGNATURE)]) == SIGNATURE


def may_be_lic(start: bytes) -> bool:
    """Whether a file that begins with ``start`` is a ``.lic`` file, or too short to tell."""
    return SIGNATURE.startswith(start[: len(SIGNATURE)])


def check_preamble(view: memoryview) -> tuple[int, int]:
    """Check signature and version; return (major, minor).

    Raises:
        FormatError: not a ``.lic`` file, or cut off within the first ten bytes.
        UnsupportedError: a newer major version.
    """
    if not len(view):
        raise FormatError("the file is empty")
    if not is_lic(view):
        raise FormatError(_signature_problem(bytes(view[: len(SIGNATURE)])))
    if len(view) < PREAMBLE_SIZE:
        raise FormatError("truncated: the file ends before its version number")
    major, minor = view[len(SIGNATURE)], view[len(SIGNATURE) + 1]
    if major > MAJOR:
        raise UnsupportedError(
            f"format version {major}.{minor} is newer than this program's {MAJOR}.{MINOR}"
        )
    if major < MAJOR:
        raise FormatError(f"format version {major}.{minor} does not exist")
    return major, minor


def _signature_problem(found: bytes) -> str:
    if may_be_lic(found):
        return "truncated: the file ends within its signature"
    if found[1:4] == SIGNATURE[1:4]:
        return "damaged signature (was the file transferred as text?)"
    return "not a .lic file"


def scan(view: memoryview) -> Iterator[Frame]:
    """Yield the sections of a file whose preamble is sound, each after its CRC was checked.

    The first one is HEAD and the last one END, after which nothing follows. Payloads are
    neither copied nor interpreted.

    Raises:
        FormatError: truncated, damaged, wrong first section, or data after the end.
    """
    cursor = Cursor(view, PREAMBLE_SIZE)
    frame = _next_frame(view, cursor, first=True)
    yield frame
    while frame.type != END:
        frame = _next_frame(view, cursor, first=False)
        yield frame
    if cursor.remaining:
        raise FormatError(f"{cursor.remaining} bytes of other data follow the end of the file")


def _next_frame(view: memoryview, cursor: Cursor, *, first: bool) -> Frame:
    frame = read_frame(cursor, first=first)
    cursor.take(frame.end - cursor.pos, f"{section_name(frame.type)} section")
    # The header's CRC also covers signature and version.
    check_crc(frame, view[frame.start : frame.end], view[: frame.start] if first else b"")
    return frame


def read_frame(cursor: Cursor, *, first: bool = False) -> Frame:
    """Where a section lies that begins at the cursor, which is moved to its payload.

    Nothing but its type and length is read. ``first`` says that it is the first one of its file.

    Raises:
        FormatError: cut off, or of a type or length that no file has there.
    """
    if not cursor.remaining:
        raise FormatError(f"truncated: no end section at byte {cursor.pos}")
    frame = stated_frame(cursor)
    name, length = section_name(frame.type), frame.payload_size
    if first and frame.type != HEAD:
        raise FormatError(f"damaged: the first section is {name}, not HEAD")
    if (length == 0) != (frame.type == END) or (first and length > _LONGEST_HEAD):
        raise FormatError(f"damaged: {name} section at byte {frame.start} has {length} bytes")
    return frame


def stated_frame(cursor: Cursor) -> Frame:
    """As `read_frame`, but of any type and length; raises FormatError if it is cut off."""
    start = cursor.pos
    code = cursor.u8("section type")
    length = cursor.uvarint("section length", MAX_LENGTH)
    payload_end = cursor.pos + length
    end = payload_end + (CRC_SIZE if length else 0)
    return Frame(code, start, cursor.pos, payload_end, end)


def check_crc(frame: Frame, section: bytes | memoryview, before: bytes | memoryview = b"") -> None:
    """Check a section by all its bytes; its CRC, if it has one, also covers those ``before`` it.

    Raises:
        FormatError: damaged.
    """
    size = frame.payload_end - frame.start
    crc = zlib.crc32(section[:size], zlib.crc32(before))
    if frame.payload_size and crc != int.from_bytes(section[size:], "little"):
        name = section_name(frame.type)
        raise FormatError(f"damaged: wrong CRC in {name} section at byte {frame.start}")
