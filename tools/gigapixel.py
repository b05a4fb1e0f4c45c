"""Measure memory and time for a generated picture of any size, coded strip by strip.

    python -m tools.gigapixel --width 60000 --height 40000 --out large.lic

Prints a line of JSON: seconds and bytes, and the peak memory of the process in bytes so far: with
networks loaded, after encoding, and after decoding. `--only decode` decodes the file that
`--only encode` has left; each of these two processes has its own peak.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.memory import peak_bytes
from lcodec.container import DEFAULT_TILE_EDGE, MAX_SIDE, FileReader
from lcodec.library.codec import Codec
from lcodec.picture import Samples
from lcodec.picture.rows import Rows
from lcodec.strips import decode_strips, encode_strips

Figures = dict[str, float]

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


def encode(codec: Codec, height: int, width: int, quality: int, out: Path) -> Figures:
    """Encode to ``out``."""
    start = time.perf_counter()
    rows = Rows(height, width, 3, 8, bands(height, width))
    with out.open("wb") as stream:
        encoded = encode_strips(codec, rows, stream, quality)
    return {
        "megapixels": height * width / 1e6,
        "bytes": encoded.size,
        "encode_seconds": time.perf_counter() - start,
        "peak_encoded": peak_bytes(),
    }


def decode(codec: Codec, out: Path) -> Figures:
    """Decode ``out``, which `encode` has made, and compare it with what it was made from."""
    start, error = time.perf_counter(), 0.0
    with out.open("rb") as stream:
        file = FileReader(stream, max_pixels=MAX_SIDE**2)
        height, width = file.header.height, file.header.width
        source = bands(height, width)
        for band in decode_strips(codec, file).bands:
            for row in range(0, len(band), _BAND):
                original = next(source).astype(np.int32)
                error += float(((original - band[row : row + _BAND]) ** 2).sum())
        size = file.size
    return {
        "megapixels": height * width / 1e6,
        "bytes": size,
        "mean_squared_error": error / (3 * height * width),
        "decode_seconds": time.perf_counter() - start,
        "peak_decoded": peak_bytes(),
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
    parser.add_argument("--only", choices=("encode", "decode"))
    given = parser.parse_args(arguments)
    codec = Codec(given.model, given.device, tile_edge=given.tile_edge)
    figures: Figures = {"peak_before": peak_bytes()}
    if given.only != "decode":
        figures |= encode(codec, given.height, given.width, given.quality, given.out)
    if given.only != "encode":
        figures |= decode(codec, given.out)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
