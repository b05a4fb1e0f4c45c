"""Training goes on from released weights. That restoring inverts the export: tests/entropy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcodec.errors import InputError
from lcodec.training.export import write_model
from lcodec.training.restore import load_start, restore_model
from tests.tinymodel import tiny_codec


def test_a_run_starts_from_a_released_model(tmp_path: Path) -> None:
    source = tiny_codec(seed=5)
    write_model(source, tmp_path, "tiny", "shared")
    target = tiny_codec(seed=6)
    assert load_start(target, tmp_path / "tiny") == []
    weight = source.transforms.analysis.enter.weight
    assert torch.allclose(target.transforms.analysis.enter.weight, weight, atol=1e-3)


def test_fresh_takes_the_transforms_and_the_hyper_synthesis(tmp_path: Path) -> None:
    write_model(tiny_codec(seed=5), tmp_path, "tiny", "shared")
    fresh = load_start(tiny_codec(seed=6), tmp_path / "tiny", fresh=True)
    assert "network.features.weight" in fresh and "network.layers.0.inner.qkv.weight" in fresh
    assert not any(n.startswith(("transforms.", "prior.", "network.synthesis.")) for n in fresh)


def test_an_incomplete_released_model_is_refused(tmp_path: Path) -> None:
    write_model(tiny_codec(), tmp_path, "tiny", "shared")
    (tmp_path / "tiny" / "entropy.safetensors").unlink()
    with pytest.raises(InputError, match="not a complete released model"):
        restore_model(tmp_path / "tiny")
