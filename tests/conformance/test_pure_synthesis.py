"""The format's description of the synthesis is enough to decode to the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lcodec.library.codec import Codec
from tests.conformance.pure_synthesis import PureSynthesis
from tests.tinymodel import VISUAL_TRANSFORMS, picture


@pytest.mark.parametrize(
    ("tune", "transforms", "quality"),
    [
        ("psnr", "transforms", 60),
        ("visual", VISUAL_TRANSFORMS, 10),
        ("visual", VISUAL_TRANSFORMS, 95),
    ],
)
def test_same_pixels(tiny_model: Path, tune: str, transforms: str, quality: int) -> None:
    codec = Codec(tune=tune, device="cpu")
    # Smooth for the filter, with edges that it leaves alone.
    original = (picture(75, 90) // 40 + 100).astype(np.uint8)
    original[:20] = picture(20, 90, seed=3)
    data = codec.encode(original, quality)
    pure = PureSynthesis(tiny_model / transforms)
    assert bool(pure.sizes.get("deblocking")) == (tune == "visual")
    found = pure.decode(codec.decode_symbols(data).y, quality, 75, 90)
    shown = codec.decode(data).pixels.astype(np.float64)
    assert np.abs(found - shown).max() < 0.501 + 0.01
    if tune == "visual" and quality < 50:  # without the filter there would be another picture
        pure.sizes["deblocking"] = False
        assert (
            np.abs(pure.decode(codec.decode_symbols(data).y, quality, 75, 90) - shown).max() > 0.6
        )
