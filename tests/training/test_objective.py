"""Which picture the transforms learn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from lcodec.nets.quality import quality_lambdas
from lcodec.training.data import CropDataset
from lcodec.training.model import round_through
from lcodec.training.objective import PictureObjective, sample_loss, squared_error
from tests.tinymodel import picture, tiny_codec


@pytest.fixture
def objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureObjective:
    """Of a codec whose rate is nothing, so that distortion alone is left."""
    Image.fromarray(picture(140, 170, 4)).save(tmp_path / "picture.png")
    codec = tiny_codec(rounding=False)
    with torch.no_grad():
        for branch in (codec.transforms.analysis, codec.transforms.synthesis):
            branch.leave.weight.normal_(std=0.05)

    def no_rate(y_hat: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        nothing = y_hat.new_zeros(len(y_hat))
        return nothing, nothing

    monkeypatch.setattr(codec, "rate", no_rate)
    return PictureObjective(codec, CropDataset(tmp_path, 2), torch.device("cpu"))


def test_the_value_is_that_of_the_rounded_latents(objective: PictureObjective) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        shown = objective.model(pixels, quality).pixels
    error = squared_error(shown, pixels)
    torch.testing.assert_close(losses.error, error, rtol=1e-3, atol=0)
    expected = sample_loss(torch.zeros(3), 1, error, quality_lambdas(quality))
    torch.testing.assert_close(losses.loss.detach(), expected, rtol=1e-3, atol=0)


def test_all_of_the_transforms_learn_straight_through_the_rounding(
    objective: PictureObjective,
) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    transforms = objective.model.transforms
    weights = [
        transforms.analysis.leave.weight,
        transforms.analysis.linear.weight,
        transforms.gains.log_gain.values,
        transforms.synthesis.leave.weight,
        transforms.synthesis.linear.weight,
    ]
    found = torch.autograd.grad(objective.losses(pixels, quality, *noise).loss, weights)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shown = transforms.synthesise(round_through(transforms.analyse(pixels, quality)), quality)
    error = squared_error(shown, pixels)
    loss = sample_loss(torch.zeros(len(pixels)), 1, error, quality_lambdas(quality))
    expected = torch.autograd.grad(loss, weights)
    for one, other in zip(found, expected, strict=True):
        assert float(other.abs().max()) > 0
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))
