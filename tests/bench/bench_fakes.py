"""A codec without networks for the benchmark's tests: coarse quantisation and zlib."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HEAD = struct.Struct("<IIBB")


@dataclass
class FakeEncoded:
    data: bytes
    estimated_bits_y: float
    estimated_bits_z: float
    timings: dict[str, float]
    layer_bytes: int = 0
    stream_bytes: int = 0


@dataclass
class FakeDecoded:
    pixels: NDArray[np.uint8]
    timings: dict[str, float]


@dataclass
class FakeCodec:
    """Drops low bits by quality. ``slack`` is the fraction that the estimate falls short by."""

    slack: float = 0.005
    efforts: list[int] = field(default_factory=list)
    calls: list[tuple[str, tuple[int, ...] | int]] = field(default_factory=list)

    def encode_detailed(
        self, pixels: NDArray[np.uint8], quality: int, *, effort: int = 0
    ) -> FakeEncoded:
        self.efforts.append(effort)
        self.calls.append(("encode", pixels.shape))
        shift = (100 - quality) // 15
        height, width = pixels.shape[:2]
        body = zlib.compress((pixels >> shift).tobytes())
        data = _HEAD.pack(height, width, pixels.ndim, shift) + body
        bits = 8 * len(data) / (1 + self.slack)
        times = {"analysis": 1e-9, "range coder": 2e-9}
        return FakeEncoded(data, bits * 0.9, bits * 0.1, times, stream_bytes=len(data))

    def decode(self, data: bytes) -> FakeDecoded:
        self.calls.append(("decode", len(data)))
        height, width, dimensions, shift = _HEAD.unpack_from(data)
        shape = (height, width) if dimensions == 2 else (height, width, 3)
        levels = np.frombuffer(zlib.decompress(data[_HEAD.size :]), np.uint8).reshape(shape)
        half = (1 << shift) >> 1
        pixels = ((levels.astype(np.uint16) << shift) + half).astype(np.uint8)
        return FakeDecoded(pixels, {"synthesis": 3e-9})


def write_pictures(folder: Path, sizes: dict[str, tuple[int, int]]) -> None:
    """Smooth colour pictures with a little noise; ``sizes`` gives (height, width) by file name."""
    random = np.random.default_rng(7)
    for name, (height, width) in sizes.items():
        y, x = np.mgrid[0:height, 0:width]
        base = 128 + 80 * np.sin(x / 17.0) * np.cos(y / 11.0)
        planes = np.stack([base, base * 0.8, 255 - base], axis=2)
        noisy = planes + random.normal(0, 3, planes.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / name)
