"""JPEG 2000 files of every depth: 8 bits through Pillow, others through imagecodecs.

Pillow rounds deeper samples to 8 bits so that the largest become 0, and pads shallower ones with
zeros.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np

from lcodec.errors import InputError
from lcodec.kinds import JPEG2000_CODESTREAM
from lcodec.picture.boxes import boxes, top_boxes
from lcodec.picture.exif import bare
from lcodec.picture.samples import Anysamples, divided, full_range

_SRGB, _GRAY, _SYCC, _CMYK = 16, 17, 18, 12
_OPACITY, _ASSOCIATED = 1, 2
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_EXIF = b"JpgTiffExif->JP2"
_MOST_HEADER = 1 << 24


@dataclass
class Head:
    """The components of a file, and what it carries besides them.

    Attributes:
        bits: of each component.
        space: enumerated colour space, or None.
        alpha: the component that is alpha, by definition or by convention, or None.
        associated: whether the colours are multiplied by alpha.
    """

    width: int
    height: int
    bits: tuple[int, ...]
    signed: bool
    subsampled: bool
    space: int | None = None
    palette: bool = False
    alpha: int | None = None
    associated: bool = False
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    notes: list[str] = field(default_factory=list)


def head(stream: BinaryIO) -> Head | None:
    """The head of a file; None if it is so damaged that Pillow should report the error.

    Raises:
        InputError: a colour space that is not supported.
    """
    stream.seek(0)
    start, header, uuids = 0, b"", []
    if stream.read(4) != JPEG2000_CODESTREAM:
        for kind, offset, size in top_boxes(stream):
            stream.seek(offset)
            if kind == b"jp2h" and size <= _MOST_HEADER:
                header = stream.read(size)
            elif kind == b"uuid" and size <= _MOST_HEADER:
                uuids.append(stream.read(size))
            elif kind == b"jp2c" and not start:
                start = offset
        if not start:
            return None
    found = _codestream(stream, start)
    if found is not None:
        _add_header(found, header)
        for data in uuids:
            if data.startswith(_UUID_XMP):
                found.xmp = data[16:]
            elif data.startswith(_UUID_EXIF):
                found.exif = bare(data[16:])
    return found


def for_pillow(what: Head) -> bool:
    """Whether Pillow reads such components correctly."""
    return set(what.bits) == {8} and not what.signed and not what.associated


def read(stream: BinaryIO, what: Head) -> tuple[Anysamples, Anysamples | None]:
    """Pixels (H, W) or (H, W, 3), with sYCC decoded to RGB, and alpha (H, W) if there is any.

    Raises:
        InputError: a layout that is not supported.
        Exception: of several kinds, if the file is damaged.
    """
    import imagecodecs  # takes a moment

    count = len(what.bits)
    if len(set(what.bits)) > 1 or what.bits[0] > 16:
        depths = ", ".join(map(str, what.bits))
        raise InputError(f"JPEG 2000 with components of {depths} bits: not supported")
    if what.subsampled or what.palette or count > 4 or what.space == _CMYK:
        raise InputError(
            f"JPEG 2000 of {what.bits[0]} bits with subsampled components, a palette or CMYK: "
            "not supported"
        )
    stream.seek(0)
    samples = cast(Any, imagecodecs.jpeg2k_decode(stream.read()))
    samples = samples.reshape(samples.shape[0], samples.shape[1], -1)
    if samples.shape != (what.height, what.width, count):
        raise InputError("JPEG 2000 of an unusual layout: not supported")
    bits = what.bits[0]
    if what.signed:
        samples = (samples.astype(np.int32) + (1 << (bits - 1))).astype(
            np.uint8 if bits <= 8 else np.uint16
        )
    alpha = None if what.alpha is None else full_range(samples[..., what.alpha], bits)
    colours = samples[..., : 3 if count > 2 else 1]
    pixels = full_range(colours, bits)
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    if alpha is not None and what.associated:
        pixels = divided(pixels, alpha)
    return pixels, alpha


def _codestream(stream: BinaryIO, start: int) -> Head | None:
    """The content of the SIZ marker (ISO 15444-1, A.5.1)."""
    stream.seek(start)
    data = stream.read(42 + 3 * 16)
    if len(data) < 45 or not data.startswith(JPEG2000_CODESTREAM):
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, 8)
    (count,) = struct.unpack_from(">H", data, 40)
    parts = [data[42 + 3 * k : 45 + 3 * k] for k in range(count)]
    if not 1 <= count <= 16 or any(len(part) < 3 for part in parts):
        return None
    return Head(
        width=right - left,
        height=bottom - top,
        bits=tuple((part[0] & 0x7F) + 1 for part in parts),
        signed=any(part[0] & 0x80 for part in parts),
        subsampled=any(part[1:] != b"\1\1" for part in parts),
        alpha=count - 1 if count in (2, 4) else None,
    )


def _add_header(what: Head, data: bytes) -> None:
    """Add the content of the JP2 header boxes (ISO 15444-1, I.5.3)."""
    for kind, body in boxes(data):
        if kind == b"pclr":
            what.palette = True
        elif kind == b"colr" and len(body) >= 3:
            if body[0] == 1 and len(body) >= 7 and what.space is None:
                what.space = struct.unpack_from(">I", body, 3)[0]
            elif body[0] in (2, 3) and what.icc is None:
                what.icc = body[3:]
        elif kind == b"cdef" and len(body) >= 2:
            _define(what, body)
    if what.space == _CMYK and len(what.bits) == 4:
        what.alpha = None
    if what.space not in (None, 0, 15, _SRGB, _GRAY, _SYCC, _CMYK) and what.icc is None:
        raise InputError(f"JPEG 2000 with colour space {what.space}: not supported")


def _define(what: Head, body: bytes) -> None:
    count = struct.unpack_from(">H", body)[0]
    if len(body) < 2 + 6 * count:
        return
    kinds = {}
    for k in range(count):
        channel, kind, _ = struct.unpack_from(">3H", body, 2 + 6 * k)
        kinds[channel] = kind
    last = len(what.bits) - 1
    if last in (1, 3) and kinds.get(last) not in (None, _OPACITY, _ASSOCIATED, 0):
        what.alpha = None
        what.notes.append("samples that are neither colour nor alpha dropped")
    what.associated = kinds.get(last) == _ASSOCIATED and last in (1, 3)
