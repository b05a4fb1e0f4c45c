"""TIFF directories, including those of EXIF, with every value as its stored bytes.

Pillow decodes text when parsing and encodes it again when writing, which loses non-ASCII text and
the types of values. Here nothing is decoded. Reading is bounded: values of a sound file do not
overlap, so together they are no longer than the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
ORIENTATION = 0x0112
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= {16: 8, 17: 8, 18: 8}
_WHOLE = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_NESTED = (EXIF_IFD, GPS_IFD, INTEROP_IFD)
_MOST_ENTRIES = 4096  # of one directory; the format itself would allow 65535
_MOST_PAGES = 1 << 16


@dataclass(frozen=True)
class Entry:
    """A value: its TIFF type, count, and bytes."""

    kind: int
    count: int
    data: bytes

    def numbers(self, order: str) -> tuple[int, ...]:
        """The values as whole numbers; empty for other types."""
        letter = _WHOLE.get(self.kind)
        return () if letter is None else struct.unpack(f"{order}{self.count}{letter}", self.data)


@dataclass
class Tree:
    """A directory and those it points to, in one byte order (``<`` or ``>``)."""

    order: str = "<"
    entries: dict[int, Entry] = field(default_factory=dict)
    nested: dict[int, Tree] = field(default_factory=dict)

    def number(self, tag: int, default: int) -> int:
        """The first whole number under a tag."""
        entry = self.entries.get(tag)
        numbers = entry.numbers(self.order) if entry else ()
        return numbers[0] if numbers else default

    def put(self, tag: int, kind: int, *numbers: int) -> None:
        """Set whole numbers under a tag."""
        data = struct.pack(f"{self.order}{len(numbers)}{_WHOLE[kind]}", *numbers)
        self.entries[tag] = Entry(kind, len(numbers), data)

    def tobytes(self) -> bytes:
        """Header, directories and values, without any data that the values point to."""
        mark = b"II*\0" if self.order == "<" else b"MM\0*"
        return mark + struct.pack(f"{self.order}I", 8) + self._body(8)

    def _body(self, start: int) -> bytes:
        tags = sorted({*self.entries, *self.nested})
        at = start + 2 + 12 * len(tags) + 4
        out, values = struct.pack(f"{self.order}H", len(tags)), b""
        for tag in tags:
            if tag in self.nested:
                kind, count = LONG, 1
                inline = struct.pack(f"{self.order}I", at + len(values))
                values += self.nested[tag]._body(at + len(values))
            else:
                entry = self.entries[tag]
                kind, count, inline = entry.kind, entry.count, entry.data
                if len(inline) > 4:
                    inline = struct.pack(f"{self.order}I", at + len(values))
                    values += entry.data
            values += bytes(len(values) % 2)
            out += struct.pack(f"{self.order}HHI", tag, kind, count) + inline.ljust(4, b"\0")
        return out + bytes(4) + values


class Reader:
    """Reads directories from a stream; their values have at most as many bytes as the stream.

    Raises:
        ValueError: not a TIFF structure (also from the methods, for directories that are damaged
            or whose values overlap).
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.length = stream.seek(0, 2)
        self._left = self.length
        mark = self._read(0, 4)
        order = {b"II": "<", b"MM": ">"}.get(mark[:2])
        version = 0 if order is None else struct.unpack(f"{order}H", mark[2:])[0]
        if order is None or version not in (42, 43):
            raise ValueError("no TIFF header")
        self.order, self._big = order, version == 43
        self._first = self._number(8, "Q") if self._big else self._number(4, "I")

    def pages(self) -> Iterator[int]:
        """Offsets of the chained directories."""
        seen: set[int] = set()
        offset = self._first
        while offset and offset not in seen and len(seen) < _MOST_PAGES:
            seen.add(offset)
            yield offset
            try:
                count, start, width = self._shape(offset)
                end = start + count * width
                offset = self._number(end, "Q" if self._big else "I")
            except ValueError:
                return

    def tree(self, offset: int | None = None, wanted: frozenset[int] | None = None) -> Tree:
        """A directory, by default the first one, with the EXIF ones inside it.

        ``wanted`` names the tags to read, all if None; nested directories are read whole.
        """
        self._left = self.length
        return self._tree(self._first if offset is None else offset, wanted, depth=0)

    def _tree(self, offset: int, wanted: frozenset[int] | None, depth: int) -> Tree:
        count, start, width = self._shape(offset)
        tree = Tree(self.order)
        table = self._read(start, count * width)
        for at in range(0, count * width, width):
            tag, kind = struct.unpack_from(f"{self.order}HH", table, at)
            if wanted is not None and tag not in wanted:
                continue
            entry = self._entry(kind, table[at + 4 : at + width])
            if entry is None:
                continue
            if tag in _NESTED and depth < 2 and kind in (LONG, 13, 16, 18) and entry.count == 1:
                place = entry.numbers(self.order)[0]
                try:
                    tree.nested[tag] = self._tree(place, None, depth + 1)
                except Overlap:
                    raise
                except ValueError:
                    continue  # of a broken pointer only its target is lost
            else:
                tree.entries.setdefault(tag, entry)
        return tree

    def _shape(self, offset: int) -> tuple[int, int, int]:
        """Number of entries of a directory, their offset, and the size of each in bytes."""
        wide = self._big
        count = self._number(offset, "Q" if wide else "H")
        if not 0 < count <= _MOST_ENTRIES:
            raise ValueError("no directory")
        return count, offset + (8 if wide else 2), 20 if wide else 12

    def _entry(self, kind: int, rest: bytes) -> Entry | None:
        """The value of an entry; None if its type is unknown or it lies outside the stream."""
        letter = "Q" if self._big else "I"
        count = struct.unpack_from(f"{self.order}{letter}", rest)[0]
        room = len(rest) // 2
        size = _SIZES.get(kind, 0) * count
        if not size:
            return None
        if size <= room:
            return Entry(kind, count, rest[room : room + size])
        place = struct.unpack_from(f"{self.order}{letter}", rest, room)[0]
        if size > self.length or place > self.length - size:
            return None
        self._left -= size
        if self._left < 0:
            raise Overlap("values overlap")
        return Entry(kind, count, self._read(place, size))

    def _number(self, offset: int, letter: str) -> int:
        size = struct.calcsize(f"={letter}")
        return int(struct.unpack(f"{self.order}{letter}", self._read(offset, size))[0])

    def _read(self, offset: int, size: int) -> bytes:
        if offset + size > self.length:
            raise ValueError("truncated")
        self._stream.seek(offset)
        data = self._stream.read(size)
        if len(data) < size:
            raise ValueError("truncated")
        return data


class Overlap(ValueError):
    """Values take more bytes than the stream has."""
