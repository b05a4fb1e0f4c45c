"""Sizes that cannot work are refused."""

from __future__ import annotations

from typing import Any

import pytest

from lcodec.errors import WeightsError
from lcodec.weights.config import ModelConfig

DEFAULT = ModelConfig().to_dict()


def test_configuration_round_trips() -> None:
    assert ModelConfig.from_dict(DEFAULT) == ModelConfig()


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("entropy", {"rows": 3}),
        ("entropy", {"slices": 5}),
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
