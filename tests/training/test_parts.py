"""Data, optimiser and likelihood of the trainer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lcodec.coding import symbol_bits
from lcodec.integer import profile as P
from lcodec.integer.likelihood import index_to_sigma, logistic_bits
from lcodec.training.data import SHRINK_MAX, CropDataset, patch_components
from lcodec.training.flat import FlatParameters, is_matrix
from lcodec.training.optim import MuonAdam, orthogonalise
from tests.tinymodel import picture


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> CropDataset:
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        Image.fromarray(picture(140, 170, seed)).save(folder / f"{seed}.png")
    Image.fromarray(picture(20, 30)).save(folder / "small.png")
    return CropDataset(folder, seed=3)


def test_crops_have_the_size_asked_for_even_from_small_pictures(dataset: CropDataset) -> None:
    batch = dataset.batch(12, 64)
    assert batch.shape == (12, 3, 64, 64) and batch.dtype == torch.uint8
    assert len({int(crop.sum()) for crop in batch}) == 12


def test_half_of_the_crops_are_shrunk(tmp_path: Path) -> None:
    ramp = np.tile(np.arange(200, dtype=np.uint8)[None, :, None], (200, 1, 3))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    crops = CropDataset(tmp_path, seed=1).batch(60, 64).float().numpy()
    slopes = np.abs(np.diff(crops[:, 0], axis=2)).mean((1, 2))
    slopes += np.abs(np.diff(crops[:, 0], axis=1)).mean((1, 2))  # transposed ones
    assert slopes.min() > 0.97 and slopes.max() < SHRINK_MAX * 1.03
    whole = int((slopes < 1.001).sum())
    assert 15 < whole < 45
    assert len(set(slopes.round(2))) > 15


def test_components_are_orthonormal_and_sorted(dataset: CropDataset) -> None:
    components, deviation = patch_components(dataset, 20, 16, samples=30)
    assert torch.allclose(components @ components.t(), torch.eye(20), atol=1e-4)
    assert bool((deviation[:-1] >= deviation[1:]).all())


def test_orthogonalise_evens_out_singular_values() -> None:
    torch.manual_seed(0)
    stack = torch.randn(2, 24, 60) * torch.logspace(-1, 1, 24)[None, :, None]
    for source in (stack, stack.transpose(1, 2)):
        values = torch.linalg.svdvals(orthogonalise(source))
        assert float(values.max()) < 1.4 and float(values.min()) > 0.4


def test_parameters_go_to_the_right_rule() -> None:
    assert is_matrix("analysis.blocks8.0.up.weight", torch.zeros(8, 4, 1, 1))
    assert is_matrix("network.heads.0.linear.weight", torch.zeros(8, 4))
    assert not is_matrix("analysis.blocks8.0.spatial.weight", torch.zeros(8, 1, 3, 3))
    assert not is_matrix("gains.log_gain.values", torch.zeros(9, 4))
    assert not is_matrix("network.group_table.weight", torch.zeros(9, 4))


def test_optimiser_minimises_both_kinds() -> None:
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(6, 10))
    vector = torch.nn.Parameter(torch.randn(10))
    goal, target = torch.randn(6, 10), torch.randn(10)
    flat = FlatParameters([("a.bias", vector), ("a.weight", matrix)])
    optimiser = MuonAdam(flat)

    def loss() -> torch.Tensor:
        return (matrix - goal).square().mean() + (vector - target).square().mean()

    start = float(loss().detach())
    for step in range(400):
        optimiser.rate.fill_(0.05 * (1 - step / 400))
        gradients = torch.autograd.grad(loss(), list(flat.parameters.values()))
        flat.gradient.copy_(torch.cat([g.flatten() for g in gradients]))
        optimiser.step(torch.tensor(1.0))
    assert float(loss().detach()) < 0.05 * start


def test_likelihood_matches_the_frozen_tables() -> None:
    """Training and coding must mean the same distribution."""
    random = np.random.default_rng(0)
    index = random.integers(0, 64, 4000).astype(np.int32)
    mean = random.integers(-80, 80, 4000).astype(np.int32)
    sigma = index_to_sigma(torch.from_numpy(index).float())
    noise = torch.from_numpy(random.logistic(0, 3**0.5 / np.pi, 4000)).float() * sigma
    symbols = torch.round(torch.from_numpy(mean) / P.MEAN_SCALE + noise).to(torch.int32)
    ideal = logistic_bits(symbols.float(), torch.from_numpy(mean) / P.MEAN_SCALE, sigma)
    coded = symbol_bits(symbols.numpy(), mean, index)
    assert coded.sum() == pytest.approx(float(ideal.sum()), rel=0.01)


def test_bits_stay_finite_far_out() -> None:
    value = torch.tensor([0.0, 1e4, -1e5], requires_grad=True)
    bits = logistic_bits(value, torch.zeros(3), torch.full((3,), P.SIGMA_MIN))
    bits.sum().backward()
    assert bool(torch.isfinite(bits).all())
    assert value.grad is not None and bool(torch.isfinite(value.grad).all())


def test_scale_index_keeps_a_gradient_towards_the_range() -> None:
    index = torch.tensor([-5.0, 30.0, 80.0], requires_grad=True)
    index_to_sigma(index).log().sum().backward()
    assert index.grad is not None
    assert bool((index.grad > 0).all())
    assert float(index_to_sigma(torch.tensor(80.0))) == pytest.approx(P.SIGMA_MAX, rel=1e-4)
