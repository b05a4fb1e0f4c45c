"""Other codecs on the same pictures: JPEG, WebP, AVIF and JPEG XL, through Pillow.

Files carry no metadata. Each codec is run with settings that its users would choose for small
files, and its own default tuning; JPEG XL needs pillow-jxl-plugin, of the extra ``lcodec[bench]``.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lcodec.bench.curves import Curve
from lcodec.bench.extras import require
from lcodec.errors import UsageError
from lcodec.metrics import measures
from lcodec.picture import Picture, Samples, load


@dataclass(frozen=True)
class Peer:
    """Another codec.

    Attributes:
        name, title: what to call it in options, and in reports.
        kind: Pillow's name of the format.
        settings: values of ``quality`` that are measured.
        options: the other options of Pillow's ``save``.
        module: what has to be imported for the format, if anything.
    """

    name: str
    title: str
    kind: str
    settings: tuple[int, ...]
    options: dict[str, Any] = field(default_factory=dict)
    module: str | None = None

    def encode(self, pixels: Samples, setting: int) -> bytes:
        """The file of 8-bit pixels (H, W) or (H, W, 3) at one of its settings.

        Raises:
            MissingExtraError: the format needs a package that is not installed.
        """
        if self.module is not None:
            require(self.module, self.title)
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, self.kind, quality=setting, **self.options)
        return stream.getvalue()

    def decode(self, data: bytes, like: Samples) -> Samples:
        """The pixels of a file, gray or colour as those of ``like``."""
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("L" if like.ndim == 2 else "RGB"))


_AVIF = (8, 18, 28, 38, 48, 58, 68, 76, 84, 91, 96)

PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            *("jpeg", "JPEG 4:2:0, optimised, progressive", "JPEG"),
            (4, 8, 14, 22, 32, 45, 60, 75, 85, 92, 97),
            {"optimize": True, "progressive": True, "subsampling": "4:2:0"},
        ),
        Peer(
            *("webp", "WebP, method 6", "WEBP"),
            (1, 8, 18, 30, 45, 60, 75, 85, 92, 97, 100),
            {"method": 6},
        ),
        Peer(
            *("avif", "AVIF 4:2:0, speed 6", "AVIF"),
            _AVIF,
            {"speed": 6, "subsampling": "4:2:0"},
        ),
        Peer(
            *("avif444", "AVIF 4:4:4, speed 6", "AVIF"),
            _AVIF,
            {"speed": 6, "subsampling": "4:4:4"},
        ),
        Peer(
            *("jxl", "JPEG XL, effort 7", "JXL"),
            (5, 12, 20, 30, 42, 55, 68, 78, 86, 92, 96),
            {"effort": 7},
            "pillow_jxl",
        ),
    )
}
"""The codecs that can be compared with, by name."""


def find_peers(names: Sequence[str]) -> tuple[Peer, ...]:
    """The codecs of these names.

    Raises:
        UsageError: there is no codec of a name.
        MissingExtraError: one needs a package that is not installed.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise UsageError(f"unknown codec: {unknown[0]} ({', '.join(PEERS)})")
    peers = tuple(PEERS[name] for name in dict.fromkeys(names))
    for peer in peers:
        if peer.module is not None:
            require(peer.module, peer.title)
    return peers


def measure(
    peer: Peer,
    pictures: Sequence[Path],
    on_picture: Callable[[], None] = lambda: None,
) -> Curve:
    """The mean curve of a codec over pictures, 16-bit ones reduced to 8.

    Raises:
        InputError: a picture cannot be read.
        MissingExtraError: the format needs a package that is not installed.
    """
    rows: list[list[tuple[float | None, ...]]] = [[] for _ in peer.settings]
    for path in pictures:
        pixels = _pixels(load(path))
        for row, setting in zip(rows, peer.settings, strict=True):
            row.append(_point(peer, pixels, setting))
        on_picture()
    points = [[_mean([point[i] for point in row]) for i in range(4)] for row in rows]
    source = "measured on the same pictures with Pillow"
    return Curve.from_points(peer.name, points, title=peer.title, source=source, kind="classical")


def _pixels(picture: Picture) -> Samples:
    pixels = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = np.round(pixels / 257.0).astype(np.uint8)
    return pixels


def _point(peer: Peer, pixels: Samples, setting: int) -> tuple[float | None, ...]:
    data = peer.encode(pixels, setting)
    decoded = peer.decode(data, pixels)
    height, width = pixels.shape[:2]
    return 8.0 * len(data) / (width * height), *measures.measure(pixels, decoded)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if len(known) == len(values) else None
