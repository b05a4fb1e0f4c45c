"""Colour profile, EXIF and XMP: what is kept from a source, set upright."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from lcodec.errors import UsageError
from lcodec.picture import xmp as packets
from lcodec.picture.carried import Carried
from lcodec.picture.exif import EXIF_PREFIX, bare, is_readable, orientation_of, upright

__all__ = ["EXIF_PREFIX", "NOTHING_GIVEN", "NO_METADATA", "Given", "Metadata", "is_readable"]

_SPACES = {1: b"GRAY", 3: b"RGB "}
_LARGEST_ICC = 1 << 24


@dataclass(frozen=True)
class Metadata:
    """Metadata, each kind in its own format, or None.

    Attributes:
        icc: colour profile of the pixels, unchanged.
        exif: TIFF structure; the "Exif" prefix that JPEG and Pillow put before it is removed.
        xmp: packet in UTF-8.

    The pixels are upright, so in files the orientation in both is 1, whatever they state.

    Raises:
        UsageError: one of them is not bytes.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None

    def __post_init__(self) -> None:
        for name in ("icc", "exif", "xmp"):
            given = getattr(self, name)
            if isinstance(given, bytearray | memoryview):
                object.__setattr__(self, name, bytes(given))
            elif not isinstance(given, bytes | None):
                raise UsageError(f"metadata: {name} must be bytes, not {type(given).__name__}")
        if self.exif:
            object.__setattr__(self, "exif", bare(self.exif))

    def __bool__(self) -> bool:
        return any((self.icc, self.exif, self.xmp))

    def __repr__(self) -> str:
        parts = (("ICC", self.icc), ("EXIF", self.exif), ("XMP", self.xmp))
        held = [f"{name} {len(data):,} bytes" for name, data in parts if data]
        return f"<lcodec.Metadata {', '.join(held) or 'none'}>"


NO_METADATA = Metadata()


def stated_upright(metadata: Metadata) -> Metadata:
    """The same with any orientation set to 1; what cannot be read stays as it is."""
    exif, xmp = metadata.exif, metadata.xmp
    if exif:
        with suppress(ValueError):
            exif = upright(exif)
    return Metadata(metadata.icc, exif, packets.upright(xmp) if xmp else xmp)


Given: TypeAlias = Mapping[str, bytes | None]
"""Metadata by Pillow's names: ``icc_profile``, ``exif``, ``xmp``."""

NOTHING_GIVEN: Given = {}


@dataclass(frozen=True)
class Kept:
    """Metadata, the orientation (1 to 8) to apply, and notes on what was dropped."""

    metadata: Metadata
    orientation: int
    notes: tuple[str, ...]


def keep(carried: Carried, channels: int, *, converted: bool, given: Given = NOTHING_GIVEN) -> Kept:
    """What is kept from a source.

    ``channels`` is that of the resulting pixels: a profile of another colour space is dropped,
    without a note if the pixels were ``converted`` out of it. ``given`` replaces the source's own
    metadata, EXIF together with its orientation; None or empty bytes leave a kind out.
    """
    notes: list[str] = []
    lost = list(carried.lost)
    exif, own_orientation, readable = _exif(carried.exif)
    orientation = carried.orientation or own_orientation
    if not readable and "exif" not in given:
        notes.append("unreadable EXIF dropped")
    if "exif" in given:
        new = bare(given["exif"] or b"")
        exif, stated, readable = _exif(new or None)
        orientation = (stated or 1) if new else orientation
        if not readable:
            notes.append("unreadable EXIF dropped")
    xmp = given.get("xmp", carried.xmp)
    frames = carried.frames
    if xmp:
        orientation = orientation or packets.orientation_of(xmp)
        cleaned = packets.without_other_pictures(packets.upright(xmp))
        xmp = cleaned.xmp
        frames = max(frames, 2) if cleaned.spoke else frames
    if "xmp" not in given:
        xmp, left = packets.with_properties(xmp or None, carried.text)
        lost += left
    icc = _icc(carried, channels, converted, given, notes)
    if frames > 1:
        which = "the first" if carried.shown == 1 else f"number {carried.shown}"
        notes.insert(0, f"only {which} of {frames} frames is kept")
    if lost:
        notes.append(f"dropped: {', '.join(dict.fromkeys(lost))}")
    valid = orientation if orientation in range(1, 9) else None
    return Kept(Metadata(icc, exif, xmp or None), valid or 1, tuple(notes))


def _icc(
    carried: Carried, channels: int, converted: bool, given: Given, notes: list[str]
) -> bytes | None:
    icc = given.get("icc_profile", carried.icc)
    if not icc:
        figures = None if converted or "icc_profile" in given else carried.icc_from_figures
        return figures if figures and _fits(figures, channels) else None
    if converted:
        return None  # the pixels are no longer in its space
    if len(icc) > _LARGEST_ICC:
        notes.append("ICC profile of more than 16 MiB dropped")
        return None
    if not _fits(icc, channels):
        what = "ICC profile of another colour space" if _is_icc(icc) else "unreadable ICC profile"
        notes.append(f"{what} dropped")
        return None
    return icc


def _fits(icc: bytes, channels: int) -> bool:
    """Whether a profile is valid: of colours for RGB pixels, of either kind for gray ones."""
    # Gray pixels with an RGB profile are common, and mean R = G = B.
    return _is_icc(icc) and icc[16:20] in (_SPACES[3], _SPACES[channels])


def _is_icc(data: bytes) -> bool:
    """Whether data has the head of a profile (ICC.1:2022, section 7.2)."""
    return len(data) >= 128 and data[36:40] == b"acsp"


def needs_colours(metadata: Metadata) -> bool:
    """Whether a file has to be of RGB pixels, because its profile is.

    A gray file must not have such a profile (PNG third edition, 11.3.2.3; ICC.1, annex B), but
    written as RGB, gray pixels mean the same.
    """
    return metadata.icc is not None and metadata.icc[16:20] == _SPACES[3]


def is_for_gray(metadata: Metadata) -> bool:
    """Whether the profile is one of gray, which a file of RGB pixels must not have."""
    return metadata.icc is not None and metadata.icc[16:20] == _SPACES[1]


def _exif(exif: bytes | None) -> tuple[bytes | None, int | None, bool]:
    """EXIF data with its orientation set to 1, the original orientation, and readability."""
    if not exif:
        return None, None, True
    try:
        return upright(exif), orientation_of(exif), True
    except ValueError:
        return None, None, False


def of_info(info: Mapping[Any, Any]) -> Carried:
    """Metadata in the ``info`` of a Pillow image, under the usual names."""
    xmp = info.get("xmp") or info.get(packets.PNG_KEYWORD)
    exif, icc = info.get("exif"), info.get("icc_profile")
    return Carried(
        icc=icc if isinstance(icc, bytes) and icc else None,
        exif=bare(exif) if isinstance(exif, bytes) and exif else None,
        xmp=xmp.encode("utf-8") if isinstance(xmp, str) else xmp or None,
    )
