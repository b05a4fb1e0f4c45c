"""Smooth areas of what is released: no more blocks and blotches than AVIF at equal bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage

from lcodec.bench.peers import PEERS
from lcodec.library.codec import Codec
from lcodec.metrics.smooth import blockiness, drift
from lcodec.picture import load
from tools.picture_comparison import smallest_file

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")


@pytest.mark.parametrize("level", [30, 50, 80])
def test_calmer_than_avif(level: int) -> None:
    codec = Codec(tune="visual", device="cpu")
    found: dict[str, list[list[float]]] = {"lcodec": [], "AVIF": []}
    for name in PHOTOGRAPHS:
        pixels = load(Path(skimage.__file__).parent / "data" / name).stripped().pixels
        own = codec.encode(pixels, level)
        other = smallest_file(PEERS["avif444"], pixels, len(own))
        decoded = codec.decode(own).pixels, PEERS["avif444"].decode(other)
        for codec_name, shown in zip(found, decoded, strict=True):
            blocks, moved = blockiness(pixels, shown), drift(pixels, shown)
            assert blocks is not None and moved is not None  # all have smooth areas
            found[codec_name].append([blocks, moved])
    own_means, other_means = (np.mean(rows, axis=0) for rows in found.values())
    # Below 0, borders are smoother than what lies between them: there are no blocks to see.
    assert own_means[0] <= max(other_means[0], 0.0), "blockiness"
    assert own_means[1] <= other_means[1], "drift"
