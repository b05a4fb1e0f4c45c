"""Which picture each part of the transforms learns from."""

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


def test_analysis_learns_from_latents_before_rounding_the_rest_from_rounded_ones(
    objective: PictureObjective,
) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    transforms = objective.model.transforms
    analysis = [transforms.analysis.leave.weight, transforms.analysis.linear.weight]
    synthesis = [transforms.synthesis.leave.weight, transforms.synthesis.linear.weight]
    found = torch.autograd.grad(
        objective.losses(pixels, quality, *noise).loss, analysis + synthesis
    )

    def loss(rounded: bool) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = transforms.analyse(pixels, quality)
            shown = transforms.synthesise(y.round() if rounded else y, quality)
        error = squared_error(shown, pixels)
        return sample_loss(torch.zeros(3), 1, error, quality_lambdas(quality))

    expected = torch.autograd.grad(loss(rounded=False), analysis)
    expected += torch.autograd.grad(loss(rounded=True), synthesis)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))


def test_gains_learn_what_rounding_does(objective: PictureObjective) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    transforms = objective.model.transforms
    gains = transforms.gains.log_gain.values
    (found,) = torch.autograd.grad(objective.losses(pixels, quality, *noise).loss, gains)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shown = transforms.synthesise(round_through(transforms.analyse(pixels, quality)), quality)
    loss = sample_loss(torch.zeros(3), 1, squared_error(shown, pixels), quality_lambdas(quality))
    (expected,) = torch.autograd.grad(loss, gains)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
