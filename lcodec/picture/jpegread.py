"""Metadata in the application segments of JPEG files that Pillow does not report."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from lcodec.picture import iptc, xmp
from lcodec.picture.carried import Carried

_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_GAIN_MAP = b"urn:iso:std:iso:ts:21496:-1\0"
_MOST_EXTENSION = 1 << 24


def carried(segments: Sequence[tuple[str, bytes]], out: Carried) -> Carried:
    """Add extended XMP and IPTC to what is known: EXIF, and the packet that is extended.

    Segments are given by name and data, as Pillow lists them, without the marker.
    """
    if out.xmp:
        _extend(out, segments)
    photoshop = b"".join(
        data.removeprefix(_PHOTOSHOP)
        for name, data in segments
        if name == "APP13" and data.startswith(_PHOTOSHOP)
    )
    fields = iptc.of_resources(photoshop)
    if fields:
        properties, other = iptc.properties(fields)
        out.add_text(properties)
        out.lost += other
    if any(name == "APP2" and data.startswith(_GAIN_MAP) for name, data in segments):
        out.frames = 2
    return out


def _extend(out: Carried, segments: Sequence[tuple[str, bytes]]) -> None:
    """Merge the extension that the packet names (XMP part 3, 1.1.3.1)."""
    packet = out.xmp or b""
    digest = xmp.extension_id(packet)
    parts: dict[int, bytes] = {}
    length = 0
    for name, data in segments:
        rest = data.removeprefix(_EXTENSION)
        if name != "APP1" or len(rest) == len(data) or len(rest) < 40 or rest[:32] != digest:
            continue
        length, offset = struct.unpack_from(">II", rest, 32)
        parts[offset] = rest[40:]
    if digest is None or not parts:
        return
    whole = b""
    for offset in sorted(parts):
        if offset != len(whole):
            break
        whole += parts[offset]
    merged = None
    if len(whole) == length <= _MOST_EXTENSION:
        merged = xmp.merged(packet, whole)
    if merged is None:
        out.lost.append("extended XMP")
    else:
        out.xmp = merged
