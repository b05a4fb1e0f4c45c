"""Which picture each part of the transforms learns from."""

from __future__ import annotations

from collections.abc import Callable
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


def distortion(
    objective: PictureObjective,
    pixels: Tensor,
    quality: Tensor,
    rounding: Callable[[Tensor], Tensor],
) -> Tensor:
    """The loss where the synthesis sees what ``rounding`` makes of the latents."""
    transforms = objective.model.transforms
    with torch.autocast("cpu", dtype=torch.bfloat16):
        shown = transforms.synthesise(rounding(transforms.analyse(pixels, quality)), quality)
    error = squared_error(shown, pixels)
    return sample_loss(torch.zeros(len(pixels)), 1, error, quality_lambdas(quality))


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

    expected = torch.autograd.grad(distortion(objective, pixels, quality, torch.clone), analysis)
    expected += torch.autograd.grad(distortion(objective, pixels, quality, torch.round), synthesis)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))


def test_gains_learn_what_rounding_does(objective: PictureObjective) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    gains = objective.model.transforms.gains.log_gain.values
    (found,) = torch.autograd.grad(objective.losses(pixels, quality, *noise).loss, gains)
    loss = distortion(objective, pixels, quality, round_through)
    (expected,) = torch.autograd.grad(loss, gains)
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
