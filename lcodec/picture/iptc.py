"""IPTC fields (IIM 4.2), by the mapping of the IPTC Photo Metadata Standard, as XMP properties."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_NAMES = {
    5: "dc:title",
    10: "photoshop:Urgency",
    15: "photoshop:Category",
    20: "photoshop:SupplementalCategories",
    25: "dc:subject",
    40: "photoshop:Instructions",
    55: "photoshop:DateCreated",
    80: "dc:creator",
    85: "photoshop:AuthorsPosition",
    90: "photoshop:City",
    92: "Iptc4xmpCore:Location",
    95: "photoshop:State",
    100: "Iptc4xmpCore:CountryCode",
    101: "photoshop:Country",
    103: "photoshop:TransmissionReference",
    105: "photoshop:Headline",
    110: "photoshop:Credit",
    115: "photoshop:Source",
    116: "dc:rights",
    120: "dc:description",
    122: "photoshop:CaptionWriter",
}
_VERSION, _TIME, _CHARACTERS = (2, 0), (2, 60), (1, 90)
_RESOURCE, _IPTC_RESOURCE = b"8BIM", 0x0404
_MOST_FIELDS = 10_000


def of_resources(data: bytes) -> bytes | None:
    """The IPTC data among Photoshop's image resources."""
    at = 0
    while data[at : at + 4] == _RESOURCE and len(data) - at >= 12:
        (number,) = struct.unpack_from(">H", data, at + 4)
        name = data[at + 6] + 1
        size_at = at + 6 + name + name % 2
        if len(data) - size_at < 4:
            return None
        (size,) = struct.unpack_from(">I", data, size_at)
        if number == _IPTC_RESOURCE:
            return data[size_at + 4 : size_at + 4 + size]
        at = size_at + 4 + size + size % 2
    return None


def properties(data: bytes) -> tuple[dict[str, list[str]], list[str]]:
    """XMP properties of IPTC data, and the names of fields that have no counterpart."""
    fields = list(_fields(data))
    utf8 = any(key == _CHARACTERS and value == b"\x1b%G" for key, value in fields)
    found: dict[str, list[str]] = {}
    other: set[tuple[int, int]] = set()
    time = next((_text(value, utf8) for key, value in fields if key == _TIME), "")
    for key, value in fields:
        name = _NAMES.get(key[1]) if key[0] == 2 else None
        if name is not None:
            text = _text(value, utf8)
            found.setdefault(name, []).append(_date(text, time) if key[1] == 55 else text)
        elif key[0] != 1 and key not in (_VERSION, _TIME):
            other.add(key)
    return found, [f"IPTC {record}:{number}" for record, number in sorted(other)]


def _fields(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    for _ in range(_MOST_FIELDS):
        if len(data) - at < 5 or data[at] != 0x1C:
            return
        record, number, size = struct.unpack_from(">BBH", data, at + 1)
        at += 5
        if size & 0x8000:
            width = size & 0x7FFF
            if width > 4:
                return
            size, at = int.from_bytes(data[at : at + width], "big"), at + width
        if size > len(data) - at:
            return
        yield (record, number), data[at : at + size]
        at += size


def _text(value: bytes, utf8: bool) -> str:
    try:
        return value.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        return value.decode("utf-8" if utf8 else "latin-1", "replace").rstrip("\0")


def _date(date: str, time: str) -> str:
    """CCYYMMDD and HHMMSS with a zone, as ISO 8601; other texts unchanged."""
    if len(date) != 8 or not date.isdigit():
        return date
    parts = [part for part in (date[4:6], date[6:]) if part != "00"]
    iso = "-".join([date[:4], *parts])
    if len(parts) < 2 or len(time) < 6 or not time[:6].isdigit():
        return iso
    zone = f"{time[6:9]}:{time[9:11]}" if len(time) >= 11 and time[6] in "+-" else ""
    return f"{iso}T{time[:2]}:{time[2:4]}:{time[4:6]}{zone}"
