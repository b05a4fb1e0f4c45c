"""Other codecs on the same pictures: JPEG, WebP and AVIF by Pillow, JPEG XL by imagecodecs.

Files carry no metadata. Each codec has settings that its users would choose for small files, with
its own default tuning.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from PIL import Image

from lcodec.bench.curves import Curve
from lcodec.bench.results import mean_of_all
from lcodec.errors import UsageError
from lcodec.metrics import measures
from lcodec.picture import Samples, load
from lcodec.picture.convert import reduced_to_bytes


@dataclass(frozen=True)
class Peer:
    """Another codec.

    Attributes:
        name, title: its names in options and in reports.
        settings: the settings to measure, by increasing quality: "quality", or for JPEG XL the
            distance, 1 for visually lossless.
        encode: encodes 8-bit pixels (H, W) or (H, W, 3) at a setting.
        decode: decodes a file to pixels, gray or colour.
    """

    name: str
    title: str
    settings: tuple[float, ...]
    encode: Callable[[Samples, float], bytes]
    decode: Callable[[bytes], Samples]


def _pillow(name: str, title: str, settings: tuple[float, ...], kind: str, **options: Any) -> Peer:
    """A codec of Pillow."""

    def encode(pixels: Samples, setting: float) -> bytes:
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, kind, quality=round(setting), **options)
        return stream.getvalue()

    def decode(data: bytes) -> Samples:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image if image.mode == "L" else image.convert("RGB"))

    return Peer(name, title, settings, encode, decode)


def _jpeg_xl() -> Peer:
    def encode(pixels: Samples, setting: float) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(pixels, distance=setting, effort=7))

    def decode(data: bytes) -> Samples:
        return np.asarray(imagecodecs.jpegxl_decode(data))

    distances = (20.0, 14.0, 9.0, 6.0, 4.2, 3.0, 2.1, 1.4, 0.9, 0.55, 0.3)
    return Peer("jxl", "JPEG XL, effort 7", distances, encode, decode)


_AVIF = (8, 18, 28, 38, 48, 58, 68, 76, 84, 91, 96)

PEERS = {
    peer.name: peer
    for peer in (
        _pillow(
            *("jpeg", "JPEG 4:2:0, optimised, progressive"),
            *((4, 8, 14, 22, 32, 45, 60, 75, 85, 92, 97), "JPEG"),
            optimize=True,
            progressive=True,
            subsampling="4:2:0",
        ),
        _pillow(
            *("webp", "WebP, method 6"),
            *((1, 8, 18, 30, 45, 60, 75, 85, 92, 97, 100), "WEBP"),
            method=6,
        ),
        _pillow("avif", "AVIF 4:2:0, speed 6", _AVIF, "AVIF", speed=6, subsampling="4:2:0"),
        _pillow("avif444", "AVIF 4:4:4, speed 6", _AVIF, "AVIF", speed=6, subsampling="4:4:4"),
        _jpeg_xl(),
    )
}
"""The available codecs, by name."""


def find_peers(names: Sequence[str]) -> tuple[Peer, ...]:
    """The codecs with these names.

    Raises:
        UsageError: unknown name.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise UsageError(f"unknown codec: {unknown[0]} ({', '.join(PEERS)})")
    return tuple(PEERS[name] for name in dict.fromkeys(names))


def measure(
    peer: Peer,
    pictures: Sequence[Path],
    on_picture: Callable[[], None] = lambda: None,
) -> Curve:
    """The mean curve of a codec over pictures, with 16-bit ones reduced to 8 bits.

    Raises:
        InputError: a picture cannot be read.
    """
    rows: list[list[tuple[float | None, ...]]] = [[] for _ in peer.settings]
    for path in pictures:
        pixels = reduced_to_bytes(load(path).pixels)
        for row, setting in zip(rows, peer.settings, strict=True):
            row.append(_point(peer, pixels, setting))
        on_picture()
    points = [[mean_of_all([point[i] for point in row]) for i in range(4)] for row in rows]
    source = "measured on the same pictures"
    return Curve.from_points(peer.name, points, title=peer.title, source=source, kind="classical")


def _point(peer: Peer, pixels: Samples, setting: float) -> tuple[float | None, ...]:
    data = peer.encode(pixels, setting)
    decoded = peer.decode(data)
    if pixels.ndim == 2 and decoded.ndim == 3:
        decoded = decoded[..., 0]  # WebP has no gray
    height, width = pixels.shape[:2]
    return 8.0 * len(data) / (width * height), *measures.measure(pixels, decoded)
