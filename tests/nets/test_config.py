"""Sizes that cannot work are refused."""

from __future__ import annotations

from typing import Any

import pytest

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.errors import WeightsError
from lcodec.weights.config import ModelConfig

DEFAULT = ModelConfig().to_dict()


def test_configuration_round_trips() -> None:
    assert ModelConfig.from_dict(DEFAULT) == ModelConfig()


def test_slices_of_other_widths_round_trip() -> None:
    sizes = {**DEFAULT["entropy"], "slice_channels": [16, 80, 96, 192]}
    config = ModelConfig.from_dict({**DEFAULT, "entropy": sizes})
    assert config.entropy == GroupedMixerConfig(slice_channels=(16, 80, 96, 192))
    assert config.to_dict()["entropy"] == sizes
    assert "slice_channels" not in DEFAULT["entropy"]  # ids of the first models depend on that


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("entropy", {"rows": 3}),
        ("entropy", {"slices": 5}),
        ("entropy", {"slice_channels": [96, 96, 96]}),
        ("entropy", {"slice_channels": [16, 80, 96, 191]}),
        ("entropy", {"slice_channels": [-16, 112, 96, 192]}),
        ("entropy", {"slice_channels": [16, 80, 96, 192.0]}),
        ("entropy", {"slice_channels": [True, 95, 96, 192]}),
        ("entropy", {"slice_channels": "16"}),
        ("entropy", {"heads": 5}),
        ("entropy", {"window": 24}),
        ("entropy", {"window": 7}),
        ("entropy", {"width": 2048, "heads": 64}),
        ("entropy", {"width": 1100, "heads": 1}),
        ("entropy", {"latent": 128}),
        ("transforms", {"hyper_latent": 64}),
        ("transforms", {"unknown": 1}),
    ],
)
def test_impossible_sizes_are_refused(part: str, changes: dict[str, Any]) -> None:
    data = {**DEFAULT, part: {**DEFAULT[part], **changes}}
    with pytest.raises(WeightsError, match="configuration"):
        ModelConfig.from_dict(data)


def test_missing_parts_are_refused() -> None:
    with pytest.raises(WeightsError, match="kind"):
        ModelConfig.from_dict({"transforms": DEFAULT["transforms"]})
