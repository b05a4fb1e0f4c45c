"""Residual streams find room in the 16 bits of the integers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from lcodec.integer.kit import Norm
from lcodec.training.checkpoint import load_tensors
from lcodec.training.export import write_model
from lcodec.twin.headroom import LIMIT, scale_streams, stream_peaks, with_headroom
from lcodec.twin.integers import export_entropy
from lcodec.twin.restore import restore_entropy, restore_model
from tests.entropy.test_models import build, inputs, predictions, twin_inputs
from tests.entropy.tiny import TINY
from tests.tinymodel import tiny_codec


@pytest.mark.parametrize("kind", TINY)
def test_networks_do_not_depend_on_the_scale_of_their_streams(kind: str) -> None:
    """So that streams may be scaled: all that writes into them is known, norms alone read them."""
    plain, scaled = (tiny_codec(kind=kind, rounding=False) for _ in range(2))
    found = []
    for codec, factor in ((plain, 50.0), (scaled, 400.0)):  # far above the norms' epsilon
        scale_streams(codec.network, factor, synthesis=False)
        scale_streams(codec.network, factor, synthesis=True)
        with torch.no_grad():
            found.append(codec.network.parallel(*twin_inputs(codec, *inputs())))
    for a, b in zip(*found, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-3)
    assert all(b > 7 * a for a, b in zip(stream_peaks(plain), stream_peaks(scaled), strict=True))


@pytest.mark.parametrize("synthesis", [False, True])
@pytest.mark.parametrize("kind", TINY)
def test_swollen_streams_are_released_with_room(kind: str, synthesis: bool, tmp_path: Path) -> None:
    """Where a plain export would clamp them and predict something else."""
    plain, swollen = tiny_codec(kind=kind), tiny_codec(kind=kind)
    scale_streams(swollen.network, 2000.0, synthesis)
    weights = {name: value.clone() for name, value in swollen.state_dict().items()}
    write_model(swollen, tmp_path, "tiny", "shared")
    assert all(torch.equal(value, weights[name]) for name, value in swollen.state_dict().items())
    roomy = load_tensors(tmp_path / "tiny" / "entropy.safetensors")
    expected, clamped, found = (
        predictions(build((kind, integers)), *inputs())
        for integers in (export_entropy(plain), export_entropy(swollen), roomy)
    )

    def distance(a: list[tuple[Tensor, Tensor]]) -> float:
        """Mean difference of the scale indices from those of streams that fit."""
        pairs = zip(a, expected, strict=True)
        return float(torch.stack([(x[1] - y[1]).float().abs().mean() for x, y in pairs]).mean())

    assert distance(found) < 0.5 and distance(clamped) > 4 * distance(found)
    restored = restore_model(tmp_path / "tiny")
    assert 0.5 * LIMIT < stream_peaks(restored)[synthesis] < 0.8 * LIMIT
    assert with_headroom(restored) is restored


@pytest.mark.parametrize("kind", ["groupedmixer", "memplusplus", "checkerboard"])
def test_a_restored_model_clamps_as_its_integers_do(kind: str) -> None:
    """So that it tells what files cost even where streams are clamped."""
    codec = tiny_codec(kind=kind)
    scale_streams(codec.network, 100.0, synthesis=False)
    integers = export_entropy(codec)
    model = build((kind, integers))
    z, y = inputs()
    indices = [index for _, index in predictions(model, z, y)]
    exact = model.ungroup(indices, *y.shape[2:])
    restore_entropy(codec, integers)

    def distance(bounded: bool) -> float:
        codec.kit.rounding.bounded = bounded
        with torch.no_grad():
            _, index = codec.network.parallel(*twin_inputs(codec, z, y))
        return float((index.clamp(0, 63) - exact).abs().mean())

    assert codec.kit.rounding.bounded
    bounded, free = distance(True), distance(False)
    assert bounded < 0.75 and free > 3 * bounded, (bounded, free)


def test_probes_leave_the_model_as_it_was() -> None:
    codec = tiny_codec(rounding=False)
    codec.kit.rounding.bounded = True
    stream_peaks(codec)
    assert not codec.kit.rounding.enabled and codec.kit.rounding.bounded
    assert not any(m._forward_pre_hooks for m in codec.network.modules())
    assert any(isinstance(m, Norm) for m in codec.network.modules())
