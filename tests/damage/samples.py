"""Sound files to damage."""

from __future__ import annotations

import numpy as np

from lcodec.library.codec import Codec
from lcodec.tunes import default_model
from tests.tinymodel import drawn, encode_layered, picture

TILE_EDGE = 64


def sound_files(model: str = default_model()) -> dict[str, bytes]:
    """Files of a model as it is found now: several tiles, one tile, one pixel, many escapes."""
    codec = Codec(model, device="cpu", tile_edge=TILE_EDGE)
    noise = np.random.default_rng(8).integers(0, 256, (30, 40, 3), np.uint8)
    return {
        "tiles": codec.encode(picture(80, 100), 75),
        "gray": codec.encode(picture(50, 60, seed=1)[:, :, 0], 40),
        "noise": codec.encode(noise, 100),
        "pixel": codec.encode(picture(1, 1), 50),
        "layer": encode_layered(codec, drawn(50, 100), 70),
    }
