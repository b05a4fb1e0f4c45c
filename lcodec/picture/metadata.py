"""Colour profile, EXIF and XMP: what is kept of a source, and its orientation set to upright."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from PIL import Image

EXIF_PREFIX = b"Exif\0\0"
"""What JPEG, and with it Pillow, puts before EXIF data."""

_ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_GPS_IFD = 0x8825
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))([0-9])')
# What of a TIFF file's own directory describes the picture and not the file: description, maker,
# model, software, date, artist, host, copyright, rating, and the two directories of EXIF.
_DESCRIPTIVE = frozenset(
    (
        *(0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C),
        *(0x8298, 0x4746, _EXIF_IFD, _GPS_IFD),
    )
)
_SPACES = {1: b"GRAY", 3: b"RGB "}


@dataclass(frozen=True)
class Metadata:
    """Each as its own format defines it, or None.

    Attributes:
        icc: colour profile of the pixels, unchanged.
        exif: TIFF structure (without the "Exif" prefix that JPEG puts before it), upright.
        xmp: packet in UTF-8.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    def __bool__(self) -> bool:
        return any((self.icc, self.exif, self.xmp))


NO_METADATA = Metadata()

Given: TypeAlias = Mapping[str, bytes | None]
"""Metadata by the names that Pillow has for it: ``icc_profile``, ``exif``, ``xmp``."""

NOTHING_GIVEN: Given = {}


def collect(
    image: Image.Image, channels: int, given: Given = NOTHING_GIVEN
) -> tuple[Metadata, int, list[str]]:
    """What a loaded image carries, its EXIF orientation (1 to 8), and notes on what is dropped.

    ``channels`` of the pixels that are made of it: a profile of another colour space than theirs
    is dropped. What is ``given`` takes the place of the image's own, EXIF with its orientation;
    None and empty bytes stand for leaving a kind out.
    """
    notes: list[str] = []
    info: dict[Any, Any] = {**image.info, **given}
    orientation, exif = 1, None
    try:
        new = given.get("exif")
        # Of the image's own, Pillow looks in XMP too, and for AVIF at the file's own rotation.
        tags = _parsed(new) if new else image.getexif()
        orientation = int(tags.get(_ORIENTATION, 1))
        if new or "exif" not in given:
            exif = _exif(info.get("exif"), tags)
    except Exception:
        # Pillow's EXIF parser raises many kinds; damaged metadata must not cost the picture.
        notes.append("unreadable EXIF dropped")
    icc = info.get("icc_profile") or None
    if icc is not None and image.mode != "CMYK" and not _fits(icc, channels):
        icc = None
        notes.append("ICC profile of another colour space dropped")
    if image.mode == "CMYK":
        icc = None  # the pixels are no longer in its space
    xmp = info.get("xmp") or None
    if "xmp" not in given:
        xmp = xmp or image.info.get("XML:com.adobe.xmp") or None
    if isinstance(xmp, str):
        xmp = xmp.encode("utf-8")
    if xmp is not None:
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    return Metadata(icc, exif, xmp), orientation, notes


def _fits(icc: bytes, channels: int) -> bool:
    """Whether a profile is one, of colours for RGB pixels, of either kind for gray ones."""
    if len(icc) < 128 or icc[36:40] != b"acsp":
        return False
    # Gray pixels with an RGB profile are common, and mean R = G = B.
    return icc[16:20] in (_SPACES[3], _SPACES[channels])


def _parsed(exif: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(EXIF_PREFIX + exif.removeprefix(EXIF_PREFIX))
    return tags


def _exif(raw: bytes | None, exif: Image.Exif) -> bytes | None:
    """EXIF data, as stored or else as parsed, with an orientation of 1; None if there is none.

    Raises:
        Exception: of any kind, if it is damaged.
    """
    if raw:
        return _upright(raw.removeprefix(EXIF_PREFIX))
    kept = Image.Exif()
    found = False
    for tag, value in exif.items():
        if tag in (_EXIF_IFD, _GPS_IFD):
            kept.get_ifd(tag).update(exif.get_ifd(tag))
        elif tag in _DESCRIPTIVE:
            kept[tag] = value
        found = found or tag in _DESCRIPTIVE
    return kept.tobytes().removeprefix(EXIF_PREFIX) if found else None


def _upright(exif: bytes) -> bytes:
    """The same bytes with an orientation of 1 where there is one; nothing else moves.

    Raises:
        ValueError, struct.error: not a TIFF structure.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        raise ValueError("no TIFF header")
    (start,) = struct.unpack_from(f"{order}I", exif, 4)
    (count,) = struct.unpack_from(f"{order}H", exif, start)
    out = bytearray(exif)
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
        if tag == _ORIENTATION:
            wide = {1: "B", 3: "H", 4: "I"}.get(kind, "H")
            struct.pack_into(f"{order}{wide}", out, entry + 8, 1)
    return bytes(out)


def is_readable(exif: bytes) -> bool:
    """Whether Pillow can parse EXIF data, which it does while it writes some formats."""
    try:
        parsed = _parsed(exif)
        dict(parsed)
        parsed.get_ifd(_EXIF_IFD)
        parsed.get_ifd(_GPS_IFD)
    except Exception:  # of many kinds
        return False
    return True
