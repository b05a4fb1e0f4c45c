"""Sound files of the corpus in the forms that lcodec reads, but does not write of itself.

What is coded is that of other sound files: sections are put in another order, alpha and metadata
stored in another way.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from lcodec import container
from lcodec.container import EXIF, ICC, PACKED, XMP, LicFile, Section, pack
from tests.fuzz.mutate import Part, join, split

BASES = ("gray", "gray-alpha", "deep-alpha", "metadata", "layer-gray")
"""Sound files that these are made from."""

ALPHA_FORMS = {"gray-alpha": (0x00, 0x01, 0x02, 0x03), "deep-alpha": (0x11, 0x13)}


def alpha_payload(values: NDArray[np.integer], form: int) -> bytes:
    """The payload of an ALPHA section of a form, for values (H, W) of 0 ... 255 or 65535."""
    samples = values.astype(np.int64)
    if form & 1:
        samples = np.diff(samples, axis=1, prepend=0)
    if form & 2:
        samples = np.diff(samples, axis=0, prepend=0)
    size = 1 + (form >> 4)
    stored = (samples % 256**size).astype(f"<u{size}").tobytes()
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 22}]
    return bytes((form,)) + lzma.compress(stored, lzma.FORMAT_RAW, filters=filters)


def alpha_values(height: int, width: int, largest: int) -> NDArray[np.int64]:
    """A disc that fades, with invisible corners, and with noise in the middle."""
    y, x = np.mgrid[0:height, 0:width]
    far = np.hypot(y - height / 2, x - width / 2) / (height / 2)
    fading = (largest * (1.2 - far).clip(0, 1)).astype(np.int64)
    noise = np.random.default_rng(11).integers(0, largest + 1, fading.shape)
    values: NDArray[np.int64] = np.where(far < 0.3, noise, fading)
    return values


def with_payload(data: bytes, code: int, change: Callable[[bytes], bytes]) -> bytes:
    """A file with another payload in its first section of a type."""
    preamble, parts = split(data)
    part = next(part for part in parts if part.code == code)
    part.payload = change(part.payload)
    return join(preamble, parts)


def with_metadata(file: LicFile, sections: Iterable[Section]) -> bytes:
    """A file with other ancillary sections."""
    return container.write(file.header, file.tiles, sections, file.alpha)


def _in_another_order(data: bytes) -> bytes:
    """Alpha after the tiles, sections of unknown types anywhere, a minor version yet to come."""
    preamble, (head, *others, end) = split(data)
    unknown = Part(0x90, b"\0"), Part(0xFF, b"of a later version"), Part(0x90, b"\1")
    others.sort(key=lambda part: part.code == 3)
    parts = [head, unknown[0], *others[:1], unknown[1], *others[1:], unknown[2], end]
    return join(preamble[:9] + b"\x09", parts)


def forms(sound: dict[str, bytes]) -> dict[str, bytes]:
    """Files by name, made from `BASES`."""
    found = {"order": _in_another_order(sound["gray-alpha"])}
    for name, own in ALPHA_FORMS.items():
        file = container.read(sound[name])
        header = file.header
        values = alpha_values(header.height, header.width, 2**header.bit_depth - 1)
        for form in own:
            payload = alpha_payload(values, form)
            made = container.write(header, file.tiles, file.extra, payload)
            found[f"alpha-form-{form:02x}"] = made
    file = container.read(sound["metadata"])
    plain = [Section(code, data) for code, data in container.payloads(file.extra).items()]
    found["metadata-plain"] = with_metadata(file, plain)
    profile, xmp = plain[0], Section(XMP, b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    several = (
        Section(PACKED, b"\x04\x00"),  # a kind, forms and a number that are reserved
        Section(PACKED, b"\x21\x00"),
        Section(PACKED, b"\x02"),
        Section(PACKED, b"\x01\x06"),
        Section(PACKED, b"\x01\x04"),  # a known profile, which counts
        profile,
        Section(PACKED, b"\x01\x00\xff"),  # not looked at
        *pack([Section(EXIF, b"MM\0*\0\0\0\x08" + bytes(60))]),
        xmp,
        Section(PACKED, b"\x13\x00"),
    )
    found["metadata-several"] = with_metadata(file, several)
    deflated = pack([Section(ICC, profile.payload[:128] + bytes(range(200)) * 2)])
    found["metadata-deflated"] = with_metadata(file, deflated)
    layered = container.read(sound["layer-gray"]).tiles[0].layer
    hint = bytes((layered[4] ^ 0x10,))
    other = layered[:4] + hint + layered[5:] + b"what follows"
    found["layer-hint"] = with_layer(sound["layer-gray"], other)
    return found


def with_layer(data: bytes, layer: bytes) -> bytes:
    """A file of one tile with another layer."""
    file = container.read(data)
    tile = file.tiles[0]
    return container.write(
        file.header,
        [container.TilePayload(tile.checksum, tile.hyper, tile.latent, layer)],
        file.extra,
        file.alpha,
    )
