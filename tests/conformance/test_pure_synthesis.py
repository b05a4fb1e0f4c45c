"""The format's description of the synthesis is enough to decode to the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from lcodec.library.codec import Codec
from lcodec.library.shared import forget_codecs
from tests.conformance.pure_synthesis import PureSynthesis
from tests.tinymodel import VISUAL_TRANSFORMS, picture, release, tiny_codec


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


@pytest.mark.parametrize("blocks", [0, 2])
def test_same_pixels_of_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: int
) -> None:
    """With layers that are not zero, without and with blocks at 1/4."""
    model = tiny_codec(seed=2, synthesis4=blocks, width4=8, deblocking=True)
    with torch.no_grad():
        for name, parameter in model.transforms.synthesis.named_parameters():
            if "leave" in name:
                parameter.normal_(std=0.3)
    monkeypatch.setenv("LCODEC_MODELS", str(release(tmp_path, model, "deep", VISUAL_TRANSFORMS)))
    forget_codecs()
    codec = Codec("deep", device="cpu")
    original = picture(75, 90)
    data = codec.encode(original, 50)
    pure = PureSynthesis(tmp_path / "models" / "deep")
    symbols = codec.decode_symbols(data).y
    shown = codec.decode(data).pixels.astype(np.float64)
    assert np.abs(255 * pure.decode(symbols, 50, 75, 90).clip(0, 1) - shown).max() < 0.501 + 0.01
    for part in ("leave", "fine.leave")[: 1 + bool(blocks)]:
        kept = pure.tensors[f"synthesis.{part}.weight"]
        pure.tensors[f"synthesis.{part}.weight"] = 0 * kept
        assert np.abs(255 * pure.decode(symbols, 50, 75, 90).clip(0, 1) - shown).max() > 2
        pure.tensors[f"synthesis.{part}.weight"] = kept
