"""Where bfloat16 is used."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lcodec.nets import precision
from lcodec.nets.precision import has_fast_bfloat16, processor_has_fast_bfloat16
from lcodec.pipeline.pixels import AnalysisStarts, PixelTransform
from tests.tinymodel import picture, tiny_codec


@pytest.mark.parametrize(
    ("capabilities", "fast"),
    [
        ({}, False),
        ({"avx2": True, "avx512_bf16": False, "cpu_name": "AMD EPYC"}, False),
        ({"avx512_bf16": True, "cpu_name": "AMD EPYC"}, True),
        ({"avx512_bf16": True, "amx_bf16": False, "cpu_name": "Intel Xeon"}, False),
        ({"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}, True),
        ({"neon": True, "bf16": True}, True),
        ({"neon": True, "bf16": False}, False),
    ],
)
def test_processors_that_gain_from_bfloat16(capabilities: dict[str, object], fast: bool) -> None:
    assert processor_has_fast_bfloat16(capabilities) is fast


def test_this_machine_is_one_of_them_or_not() -> None:
    known: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    assert has_fast_bfloat16(torch.device("cpu")) is processor_has_fast_bfloat16(known)


@pytest.mark.parametrize("fast", [True, False])
def test_the_analysis_is_in_bfloat16_where_that_is_fast(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "has_fast_bfloat16", lambda device: fast)
    transforms = tiny_codec().transforms
    with torch.no_grad():
        transforms.analysis.leave.weight.normal_(std=0.05)
    pixels, starts = picture(64, 96), AnalysisStarts()
    seen = PixelTransform(transforms, torch.device("cpu")).analyse(pixels, 50, starts)
    start = starts.get((0, 0))
    assert start is not None
    assert start.features.dtype == (torch.bfloat16 if fast else torch.float32)
    assert start.linear.dtype == torch.float32
    scaled = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255.0
    with torch.no_grad():
        expected = transforms.analyse(scaled, torch.tensor([50.0]))[0].numpy()
    apart = float(np.abs(seen - expected).max())
    assert 1e-3 < apart < 0.1 if fast else apart < 1e-4


def test_the_linear_analysis_is_never_in_bfloat16() -> None:
    """Its outputs are thousands of steps at the highest qualities."""
    transforms = tiny_codec().transforms
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    expected = transforms.analysis.begin(pixels).linear
    with torch.autocast("cpu", dtype=torch.bfloat16):
        start = transforms.analysis.begin(pixels)
    assert start.features.dtype == torch.bfloat16
    torch.testing.assert_close(start.linear, expected, rtol=1e-6, atol=1e-6)
