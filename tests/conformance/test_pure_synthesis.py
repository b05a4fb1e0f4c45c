"""The format's description of the synthesis is enough to decode to the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lcodec.library.codec import Codec
from tests.conformance.pure_synthesis import PureSynthesis
from tests.tinymodel import picture


@pytest.mark.parametrize(("tune", "quality"), [("psnr", 60), ("visual", 10), ("visual", 95)])
def test_same_pixels(tiny_model: Path, tune: str, quality: int) -> None:
    codec = Codec(tune=tune, device="cpu")
    # Smooth for the filter, with edges that it leaves alone.
    original = (picture(75, 90) // 40 + 100).astype(np.uint8)
    original[:20] = picture(20, 90, seed=3)
    data = codec.encode(original, quality)
    pure = PureSynthesis(tiny_model / codec.loaded.name)
    assert bool(pure.sizes.get("deblocking")) == (tune == "visual")

    def found() -> NDArray[np.float64]:
        samples = pure.decode(codec.decode_symbols(data).y, quality, 75, 90)
        return 255 * samples.clip(0, 1)

    shown = codec.decode(data).pixels.astype(np.float64)
    assert np.abs(found() - shown).max() < 0.501 + 0.01
    if tune == "visual" and quality < 50:  # without the filter there would be another picture
        pure.sizes["deblocking"] = False
        assert np.abs(found() - shown).max() > 0.6
