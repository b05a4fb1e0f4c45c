"""Which neighbours the two models with a masked convolution see."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lcodec.entropy import checkerboard, serial
from lcodec.entropy.registry import make_config
from lcodec.errors import WeightsError
from tests.entropy.test_models import H, W, inputs, twin_inputs
from tests.entropy.tiny import COMMON, LATENT
from tests.tinymodel import tiny_codec


def influenced(kind: str, row: int, column: int) -> set[tuple[int, int]]:
    """Offsets of the positions whose predictions change with the latents of one position."""
    codec = tiny_codec(kind=kind)
    z, y = inputs()
    other = y.clone()
    other[:, :, row, column] += 9
    with torch.no_grad():
        first = codec.network.parallel(*twin_inputs(codec, z, y))
        second = codec.network.parallel(*twin_inputs(codec, z, other))
    pairs = zip(first, second, strict=True)
    changed = torch.stack([(a != b)[0] for a, b in pairs]).flatten(0, 1).any(0)
    return {(int(r) - row, int(c) - column) for r, c in changed.nonzero()}


def test_an_anchor_tells_its_twelve_neighbours() -> None:
    assert len(checkerboard.OFFSETS) == 12
    assert influenced("checkerboard", 3, 5) == {(-r, -c) for r, c in checkerboard.OFFSETS}
    assert influenced("checkerboard", 0, 0) == {(0, 1), (1, 0), (1, 2), (2, 1)}
    assert influenced("checkerboard", 3, 6) == set()  # no anchor


def test_a_position_tells_the_twelve_that_see_it_later() -> None:
    assert len(serial.OFFSETS) == 12
    assert influenced("serial", 3, 5) == {(-r, -c) for r, c in serial.OFFSETS}
    assert influenced("serial", H - 1, W - 2) == {(0, 1)}


def test_anchors_are_the_even_positions() -> None:
    network = tiny_codec(kind="checkerboard").network
    y = torch.zeros(1, LATENT, H, W)
    y[:, :, 0::2, 0::2] = y[:, :, 1::2, 1::2] = 1
    groups = network.group(y)
    assert bool((groups[0] == 1).all()) and bool((groups[1] == 0).all())


@pytest.mark.parametrize(
    "changes", [{"depth": 0}, {"width": 2048}, {"expansion": 0}, {"window": 5}]
)
@pytest.mark.parametrize("kind", ["checkerboard", "serial", "hyperprior"])
def test_impossible_sizes_are_refused(kind: str, changes: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=f"configuration of {kind}"):
        make_config(kind, {**COMMON, **changes})
