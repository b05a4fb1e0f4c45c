"""JPEG 2000 of every depth: the largest code value is white, and nothing else is lost."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lcodec.errors import InputError
from lcodec.picture import from_pil, load
from tests.picture.samples import channels, exif, full_range, icc

RANDOM = np.random.default_rng(13)


def noise(bits: int, count: int) -> NDArray[Any]:
    kind = np.uint8 if bits <= 8 else np.uint16
    samples = RANDOM.integers(0, 1 << bits, (9, 11, count), kind)
    samples[0, 0], samples[1, 1] = (1 << bits) - 1, 0
    return samples


def coded(samples: NDArray[Any], bits: int, kind: str = "jp2", **options: Any) -> bytes:
    data = samples[..., 0] if samples.shape[2] == 1 else samples
    return bytes(
        imagecodecs.jpeg2k_encode(
            data, level=0, codecformat=kind, bitspersample=bits, reversible=True, **options
        )
    )


@pytest.mark.parametrize("bits", range(1, 17))
@pytest.mark.parametrize("kind", ["jp2", "j2k"])
def test_every_depth(bits: int, kind: str) -> None:
    for count in (1, 2, 3, 4):
        samples = noise(bits, count)
        data = coded(samples, bits, kind)
        picture = load(io.BytesIO(data))
        assert np.array_equal(channels(picture), full_range(samples, bits)), count
        assert picture.notes == ()
        assert np.array_equal(channels(from_pil(Image.open(io.BytesIO(data)))), channels(picture))


def test_loaded_by_the_caller(tmp_path: Path) -> None:
    samples = noise(12, 3)
    (tmp_path / "a.jp2").write_bytes(coded(samples, 12))
    image = Image.open(tmp_path / "a.jp2")
    image.load()
    assert np.array_equal(from_pil(image).pixels, full_range(samples, 12))
    image.putpixel((0, 0), (9, 9, 9))
    with pytest.raises(InputError, match="Pillow misreads JPEG 2000 of 12 bits"):
        from_pil(image)
    with Image.open(tmp_path / "a.jp2") as small:
        setattr(small, "reduce", 1)  # noqa: B010
        with pytest.raises(InputError, match="Pillow misreads"):
            from_pil(small)


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def with_boxes(data: bytes, colours: bytes, more: bytes = b"", tail: bytes = b"") -> bytes:
    """A JP2 file with other boxes in its header, and more of them before the code stream."""
    at = data.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", data, at)
    header = data[at + 8 : at + size]
    old = header.index(b"colr") - 4
    (length,) = struct.unpack_from(">I", header, old)
    header = header[:old] + box(b"colr", colours) + more + header[old + length :]
    return data[:at] + box(b"jp2h", header) + tail + data[at + size :]


ENUMERATED = b"\1\0\0"


def test_what_the_boxes_say() -> None:
    bits = 12
    rgb = noise(bits, 3)
    data = coded(rgb, bits)
    uuid = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
    tail = box(b"uuid", uuid + b"<x/>") + box(b"uuid", b"JpgTiffExif->JP2" + exif())
    picture = load(io.BytesIO(with_boxes(data, b"\2\0\0" + icc(), tail=tail)))
    assert (picture.metadata.icc, picture.metadata.xmp) == (icc(), b"<x/>")
    assert picture.metadata.exif == exif()
    for space, words in ((14, "colour space 14"), (12, None)):
        changed = with_boxes(data, ENUMERATED + struct.pack(">I", space))
        if words:
            with pytest.raises(InputError, match=words):
                load(io.BytesIO(changed))
    luma = load(io.BytesIO(with_boxes(coded(rgb, bits, mct=False), ENUMERATED + b"\0\0\0\x12")))
    y, _, r = (rgb[..., k].astype(float) for k in range(3))
    red = (y + 1.402 * (r - 2048)).clip(0, 4095) * 65535 / 4095
    assert np.abs(luma.pixels[..., 0] - red).max() <= 16


def test_alpha_multiplied_in() -> None:
    for bits in (8, 12):
        full = (1 << bits) - 1
        colours, alpha = noise(bits, 3).astype(np.int64), noise(bits, 1).astype(np.int64)
        stored = np.concatenate([(colours * alpha + full // 2) // full, alpha], axis=2)
        data = coded(stored.astype(np.uint8 if bits == 8 else np.uint16), bits)
        entries = [(0, 0, 1), (1, 0, 2), (2, 0, 3), (3, 2, 0)]
        cdef = struct.pack(">H", 4) + b"".join(struct.pack(">3H", *entry) for entry in entries)
        at = data.find(b"cdef")
        if at >= 0:
            changed = data[: at + 4] + cdef + data[at + 4 + len(cdef) :]
        else:
            changed = with_boxes(data, ENUMERATED + b"\0\0\0\x10", box(b"cdef", cdef))
        picture = load(io.BytesIO(changed))
        assert picture.alpha is not None
        assert np.array_equal(picture.alpha, full_range(alpha[..., 0], bits))
        solid = alpha[..., 0] > full // 2
        out = 255 if bits == 8 else 65535
        error = np.abs(picture.pixels - colours * (out / full))[solid]
        assert error.max() <= 3 * out / full
