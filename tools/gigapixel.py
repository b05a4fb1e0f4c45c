"""Measure memory and time for a generated picture of any size, coded strip by strip.

    python -m tools.gigapixel --width 60000 --height 40000 --out large.lic

Prints a line of JSON: seconds and bytes, and the peak memory of the process in bytes.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_bytes
from lcodec.codec import Codec
from lcodec.container import DEFAULT_TILE_EDGE, FileReader
from lcodec.picture import Samples
from lcodec.picture.rows import Rows
from lcodec.strips import decode_strips, encode_strips

_BAND = 64


def bands(height: int, width: int) -> Iterator[Samples]:
    """A landscape of waves with a little noise, generated on demand."""
    random = np.random.default_rng(0)
    across = np.sin(np.arange(width) / 97.0)[None, :, None]
    colours = np.array([0.0, 0.7, 1.9])
    for start in range(0, height, _BAND):
        count = min(_BAND, height - start)
        down = np.sin(np.arange(start, start + count) / 61.0)[:, None, None]
        rows = 128.0 + 60.0 * across * down + 40.0 * np.sin(down * 3 + across + colours)
        rows += random.integers(-3, 4, rows.shape)
        yield rows.clip(0, 255).astype(np.uint8)


def measure(codec: Codec, height: int, width: int, quality: int, out: Path) -> dict[str, float]:
    """Encode to ``out`` and decode it again, keeping nothing."""
    start = time.perf_counter()
    before = peak_bytes()
    with out.open("wb") as stream:
        encoded = encode_strips(
            codec, Rows(height, width, 3, 8, bands(height, width)), stream, quality
        )
    encoded, between = time.perf_counter(), peak_bytes()
    error = 0.0
    with out.open("rb") as stream:
        shown = decode_strips(codec, FileReader(stream, max_pixels=height * width)).bands
        source = bands(height, width)
        for band in shown:
            for row in range(0, len(band), _BAND):
                original = next(source).astype(np.int32)
                error += float(((original - band[row : row + _BAND]) ** 2).sum())
    return {
        "megapixels": height * width / 1e6,
        "bytes": size,
        "mean_squared_error": error / (3 * height * width),
        "encode_seconds": encoded - start,
        "decode_seconds": time.perf_counter() - encoded,
        "peak_before": before,
        "peak_encoded": between,
        "peak": peak_bytes(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--width", type=int, default=60_000)
    parser.add_argument("--height", type=int, default=40_000)
    parser.add_argument("--quality", type=int, default=50)
    parser.add_argument("--model", help="that of the tune visual if not given")
    parser.add_argument("--tile-edge", type=int, default=DEFAULT_TILE_EDGE)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    codec = Codec(given.model, given.device, tile_edge=given.tile_edge)
    print(json.dumps(measure(codec, given.height, given.width, given.quality, given.out)))


if __name__ == "__main__":
    main()
