"""Training goes on from released weights: restoring inverts the export."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcodec.errors import InputError
from lcodec.training.checkpoint import load_tensors
from lcodec.training.export import write_model
from lcodec.training.integers import export_entropy
from lcodec.training.restore import load_start, restore_model
from tests.tinymodel import tiny_codec


def test_exporting_a_restored_model_gives_the_released_integers(tmp_path: Path) -> None:
    write_model(tiny_codec(seed=5), tmp_path, "tiny", "shared")
    released = load_tensors(tmp_path / "tiny" / "entropy.safetensors")
    again = export_entropy(restore_model(tmp_path / "tiny"))
    assert again.keys() == released.keys()
    for name, tensor in released.items():
        difference = (again[name].double() - tensor.double()).abs()
        if tensor.dtype == torch.int8:
            assert difference.max() == 0, name
        elif tensor.is_floating_point():
            assert difference.max() <= 1e-6 * tensor.abs().max(), name
        else:
            # Biases and tables per quality come back from rounded rows: one unit at most.
            assert difference.max() <= 1, name


def test_a_run_starts_from_a_released_model(tmp_path: Path) -> None:
    source = tiny_codec(seed=5)
    write_model(source, tmp_path, "tiny", "shared")
    target = tiny_codec(seed=6)
    assert load_start(target, tmp_path / "tiny") == []
    weight = source.transforms.analysis.enter.weight
    assert torch.allclose(target.transforms.analysis.enter.weight, weight, atol=1e-3)


def test_an_incomplete_released_model_is_refused(tmp_path: Path) -> None:
    write_model(tiny_codec(), tmp_path, "tiny", "shared")
    (tmp_path / "tiny" / "entropy.safetensors").unlink()
    with pytest.raises(InputError, match="not a complete released model"):
        restore_model(tmp_path / "tiny")
