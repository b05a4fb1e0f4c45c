"""The tool that averages the weights of runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from lcodec.errors import InputError, UsageError
from lcodec.training.checkpoint import save_run
from lcodec.training.export import load_run
from lcodec.training.recipe import kept_options
from tests.tinymodel import tiny_codec
from tools.estimate import load_model
from tools.mean_of_runs import main, mean_of

NAME = "prior.log_sigma.values"


def saved(folder: Path, shift: float) -> Path:
    """A run whose prior is wider by ``shift``."""
    model = tiny_codec(seed=1)
    average = {name: value.clone() for name, value in model.state_dict().items()}
    average[NAME] += shift
    save_run(folder, {"average": average}, {"steps": 1, "config": model.config.to_dict()})
    return folder


@pytest.mark.parametrize(("shares", "shift"), [(("", ""), 2.0), ((":3", ":1"), 1.0)])
def test_runs(tmp_path: Path, shares: tuple[str, str], shift: float) -> None:
    one, other = saved(tmp_path / "a", 0.0), saved(tmp_path / "b", 4.0)
    main([f"{one}{shares[0]}", f"{other}{shares[1]}", "--run", str(tmp_path / "mean")])
    first, mean = load_run(one).state_dict(), load_run(tmp_path / "mean").state_dict()
    assert mean.keys() == first.keys()
    for name, value in first.items():
        wanted = value + shift if name == NAME else value
        assert torch.allclose(mean[name], wanted, atol=1e-6), name
        assert mean[name].dtype == value.dtype


def test_a_released_model(tiny_model: Path, tmp_path: Path) -> None:
    released = tiny_model / "groupedmixer-visual"
    main([str(released), f"{released}:2", "--run", str(tmp_path / "mean")])
    model, mean = load_model(released), load_run(tmp_path / "mean")
    assert not mean.config.scale
    for name, value in model.state_dict().items():
        assert torch.allclose(mean.state_dict()[name], value, atol=1e-6), name


def test_a_mean_cannot_be_resumed(tmp_path: Path) -> None:
    main([str(saved(tmp_path / "a", 0.0)), "--run", str(tmp_path / "mean")])
    with pytest.raises(InputError, match="has averaged weights alone and cannot be resumed; use"):
        kept_options(tmp_path / "mean")


def test_other_sizes_are_refused(tiny_model: Path) -> None:
    models = [load_model(tiny_model / name) for name in ("groupedmixer", "groupedmixer-visual")]
    with pytest.raises(UsageError, match="different configurations"):
        mean_of(models, [1.0, 1.0])
