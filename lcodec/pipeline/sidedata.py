"""The alpha plane and metadata, which a file holds besides coded pixels, to sections and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np

from lcodec import container
from lcodec.coding.alpha import decode_alpha, encode_alpha
from lcodec.container import EXIF, ICC, XMP, Alpha, LicFile, Section, TileSource
from lcodec.picture import Metadata, Picture, Samples
from lcodec.picture.metadata import stated_upright


def alpha_kind(picture: Picture) -> Alpha:
    """The kind of alpha that the header states for a picture."""
    if picture.alpha is None:
        return Alpha.NONE
    full = np.iinfo(picture.alpha.dtype).max
    return Alpha.OPAQUE if picture.alpha.min() == full else Alpha.PLANE


def alpha_payload(picture: Picture) -> bytes | None:
    """The payload of the ALPHA section; None if the file needs none."""
    if picture.alpha is None or alpha_kind(picture) is not Alpha.PLANE:
        return None
    return encode_alpha(picture.alpha)


def metadata_sections(metadata: Metadata) -> tuple[Section, ...]:
    """The sections that hold metadata, in as few bytes as possible."""
    metadata = stated_upright(metadata)
    parts = ((ICC, metadata.icc), (EXIF, metadata.exif), (XMP, metadata.xmp))
    return container.pack(Section(code, payload) for code, payload in parts if payload)


def read_alpha(file: LicFile) -> Samples | None:
    """Alpha (H, W) of a file, of its bit depth.

    Raises:
        FormatError, UnsupportedError: see `lcodec.coding.alpha.decode_alpha`.
    """
    header = file.header
    shape, dtype = (header.height, header.width), np.uint8 if header.bit_depth == 8 else np.uint16
    if header.alpha is Alpha.OPAQUE:
        opaque: Any = np.full(shape, np.iinfo(dtype).max, dtype)
        return cast(Samples, opaque)
    return None if file.alpha is None else decode_alpha(file.alpha, shape, dtype)


def read_metadata(file: TileSource) -> Metadata:
    """Metadata of a file.

    Raises:
        FormatError: packed metadata is damaged.
    """
    return metadata_of(file.extra)


def metadata_of(extra: Iterable[Section]) -> Metadata:
    """`read_metadata` from the ancillary sections of a file."""
    found = container.payloads(extra)
    return Metadata(found.get(ICC), found.get(EXIF), found.get(XMP))


def assemble(pixels: Samples, alpha: Samples | None, metadata: Metadata) -> Picture:
    """The decoded picture; ``pixels`` is changed: invisible ones become 0."""
    if alpha is not None:
        # Invisible pixels are then the same on every machine, and compress well.
        pixels[alpha == 0] = 0
    return Picture(pixels, alpha=alpha, metadata=metadata)
