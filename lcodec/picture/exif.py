"""EXIF data as bytes: orientation, and the changes that writers need."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from PIL import Image, TiffTags
from PIL.TiffImagePlugin import IFDRational

from lcodec.picture.ifd import (
    ASCII,
    BYTE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    ORIENTATION,
    RATIONAL,
    SHORT,
    UNDEFINED,
    Entry,
    Reader,
    Tree,
)

EXIF_PREFIX = b"Exif\0\0"
"""The prefix of EXIF data in JPEG, and in Pillow."""

XP_TAGS = frozenset(range(0x9C9B, 0x9CA0))
"""Windows' title, comment, author, keywords and subject, in UTF-16."""

DESCRIPTIVE = frozenset(
    (
        *(0x010D, 0x010E, 0x010F, 0x0110, 0x011D, 0x0131, 0x0132, 0x013B, 0x013C),
        *(0x8298, 0x4746, 0x4749, *XP_TAGS),
    )
)
"""Tags of a TIFF file's own directory that describe the picture, not the file: names and
descriptions, maker, model, software, date, artist, host, copyright, ratings, and Windows' texts."""

_SRATIONAL, _SLONG = 10, 9


def bare(exif: bytes) -> bytes:
    """EXIF data without its prefix, of which some files have two."""
    while exif.startswith(EXIF_PREFIX):
        exif = exif.removeprefix(EXIF_PREFIX)
    return exif


def parsed(exif: bytes) -> Tree:
    """The directories of EXIF data, which is `bare`.

    Raises:
        ValueError: not EXIF data, or built so that reading it takes more than its length.
    """
    return Reader(io.BytesIO(exif)).tree()


def is_readable(exif: bytes) -> bool:
    """Whether EXIF data is sound enough to be written into a file, and handed to Pillow."""
    try:
        parsed(exif)
    except ValueError:
        return False
    return True


def orientation_of(exif: bytes) -> int | None:
    """The orientation, whatever its type; None if there is none.

    Raises:
        ValueError: not EXIF data.
    """
    value = parsed(exif).number(ORIENTATION, 0)
    return value or None


def upright(exif: bytes) -> bytes:
    """The same bytes with any orientation set to 1; nothing else changes.

    Raises:
        ValueError: not EXIF data.
    """
    out = bytearray(exif)
    for at, order, kind in _orientations(exif):
        wide = {BYTE: "B", SHORT: "H", LONG: "I", 6: "b", 8: "h", _SLONG: "i"}.get(kind, "H")
        out[at + 8 : at + 12] = struct.pack(f"{order}{wide}", 1).ljust(4, b"\0")
    return bytes(out)


def without_orientation(exif: bytes) -> bytes:
    """The same without an orientation; all values keep their offsets.

    Raises:
        ValueError: not EXIF data.
    """
    out = bytearray(exif)
    for at, order, _ in reversed(list(_orientations(exif))):
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", out, start)
        end = start + 2 + 12 * count + 4  # the offset of the next directory moves along
        out[at:end] = out[at + 12 : end] + bytes(12)
        struct.pack_into(f"{order}H", out, start, count - 1)
    return bytes(out)


def _orientations(exif: bytes) -> Iterator[tuple[int, str, int]]:
    """Offsets of the orientation entries in the first directory, byte order, and types."""
    parsed(exif)
    order = "<" if exif.startswith(b"II") else ">"
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    for at in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", exif, at)
        if tag == ORIENTATION:
            yield at, order, kind


def from_pillow(tags: Image.Exif, wanted: frozenset[int] | None = None) -> bytes | None:
    """EXIF data, without a prefix, made of tags that Pillow has parsed or that were set by hand.

    Unlike `PIL.Image.Exif.tobytes` it keeps text that is not ASCII: as its original bytes if it
    came from a file, else in UTF-8. ``wanted`` names the tags to keep, all if None, besides the
    nested directories. None if there are none.
    """
    # In Pillow's order, so that where Pillow suffices the bytes are the same.
    tree = Tree("<" if tags.endian == "<" else ">")
    for tag, value in tags.items():
        if tag not in (EXIF_IFD, GPS_IFD) and (wanted is None or tag in wanted):
            _put(tree, tag, value, None)
    for tag in (EXIF_IFD, GPS_IFD):
        # Added directories have no entry among the tags. Asking for one adds it.
        if tag not in tags and tag not in getattr(tags, "_ifds", {}):
            continue
        inner = _tree(tags.get_ifd(tag), tag, tree.order)
        if inner.entries:
            tree.nested[tag] = inner
    return tree.tobytes() if tree.entries or tree.nested else None


def _tree(values: dict[Any, Any], group: int, order: str) -> Tree:
    tree = Tree(order)
    for tag, value in values.items():
        if isinstance(value, dict):
            tree.nested[tag] = _tree(value, tag, order)
        else:
            _put(tree, tag, value, group)
    return tree


def _put(tree: Tree, tag: int, value: Any, group: int | None) -> None:
    known = BYTE if tag in XP_TAGS else TiffTags.lookup(tag, group).type
    if isinstance(value, str):
        data = _text(value) + b"\0"
        tree.entries[tag] = Entry(ASCII, len(data), data)
    elif isinstance(value, bytes):
        kind = known if known in (BYTE, ASCII) else UNDEFINED
        tree.entries[tag] = Entry(kind, len(value), value)
    elif value is not None:
        numbers = value if isinstance(value, (tuple, list)) else (value,)
        if numbers and not any(isinstance(number, (str, bytes)) for number in numbers):
            tree.entries[tag] = _numbers(numbers, known, tree.order)


def _text(value: str) -> bytes:
    try:
        return value.encode("latin-1")  # as Pillow decodes it
    except UnicodeEncodeError:
        return value.encode("utf-8")


def _numbers(numbers: Any, known: int | None, order: str) -> Entry:
    count = len(numbers)
    if all(isinstance(number, int) for number in numbers):
        kind, letter = (_SLONG, "i") if min(numbers) < 0 else (LONG, "I")
        if min(numbers) >= 0 and max(numbers) < 1 << 16 and known != LONG:
            kind, letter = SHORT, "H"
            if known == BYTE and max(numbers) < 256:
                kind, letter = BYTE, "B"
        return Entry(kind, count, struct.pack(f"{order}{count}{letter}", *numbers))
    pairs = [_ratio(number) for number in numbers]
    kind, letter = (_SRATIONAL, "i") if any(top < 0 for top, _ in pairs) else (RATIONAL, "I")
    parts = [part for pair in pairs for part in pair]
    return Entry(kind, count, struct.pack(f"{order}{2 * count}{letter}", *parts))


def _ratio(number: Any) -> tuple[int, int]:
    if isinstance(number, IFDRational):
        top, bottom = int(number.numerator), int(number.denominator)
        if max(abs(top), bottom) < 1 << 31:
            return top, bottom
    ratio = Fraction(float(number)).limit_denominator(1_000_000)
    if abs(ratio) >= 1 << 31:
        raise ValueError("a number too large for EXIF")
    ratio = ratio.limit_denominator(max(1, ((1 << 31) - 1) // (1 + abs(int(ratio)))))
    return ratio.numerator, ratio.denominator
