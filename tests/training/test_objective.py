"""Which picture the transforms learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lcodec.metrics.ssimulacra2 import distances_and_fine
from lcodec.nets.precision import reduced_precision
from lcodec.nets.tune import find_tune
from lcodec.training import objective as objectives
from lcodec.training.data import CropDataset
from lcodec.training.objective import PictureObjective, sample_loss, squared_error
from lcodec.training.options import TrainOptions
from lcodec.training.rates import Rates
from lcodec.twin.codec import TwinCodec, round_through
from tests.tinymodel import picture, tiny_codec


@pytest.fixture
def objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureObjective:
    """Of a codec whose rate is nothing, so that distortion alone is left."""
    Image.fromarray(picture(140, 170, 4)).save(tmp_path / "picture.png")
    codec = tiny_codec(rounding=False)
    with torch.no_grad():
        for branch in (codec.transforms.analysis, codec.transforms.synthesis):
            branch.leave.weight.normal_(std=0.05)

    def no_rate(_: TwinCodec, y: Tensor, *__: object) -> Rates:
        nothing = y.new_zeros(len(y))
        return Rates(nothing, nothing)

    monkeypatch.setattr(objectives, "picture_bits", no_rate)
    return objective_of(codec, tmp_path)


def objective_of(codec: TwinCodec, folder: Path, **changes: Any) -> PictureObjective:
    options = TrainOptions(folder, folder / "run", **changes)
    return PictureObjective(codec, CropDataset(folder, 2), torch.device("cpu"), options)


def test_the_value_is_that_of_the_rounded_latents(objective: PictureObjective) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        model = objective.model
        shown = model(pixels, quality).pixels
        plain = model.code(*model.latents(pixels, quality), quality).pixels
    assert plain is not None
    assert not torch.allclose(shown, plain)  # the look moves something
    assert shown is not None
    error = squared_error(shown, pixels)
    torch.testing.assert_close(losses.error, error, rtol=1e-3, atol=0)
    nothing = torch.zeros(3)
    expected = sample_loss(nothing, find_tune("psnr"), quality, error, nothing, nothing)
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
    with reduced_precision(torch.device("cpu")):
        y = transforms.analyse(pixels, quality)
        y = objective.model.after_looks(y, pixels, quality)
        shown = transforms.synthesise(round_through(y), quality)
    error = squared_error(shown, pixels)
    nothing = torch.zeros(len(pixels))
    loss = sample_loss(nothing, find_tune("psnr"), quality, error, nothing, nothing)
    expected = torch.autograd.grad(loss, weights)
    for one, other in zip(found, expected, strict=True):
        assert float(other.abs().max()) > 0
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))


def test_without_looks_the_latents_are_those_of_the_analysis(
    objective: PictureObjective,
) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    objective.options = replace(objective.options, looks=False)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        model = objective.model
        plain = model.code(*model.latents(pixels, quality), quality).pixels
        shown = model(pixels, quality).pixels
    assert plain is not None and shown is not None
    assert not torch.allclose(shown, plain)
    torch.testing.assert_close(losses.error, squared_error(plain, pixels), rtol=1e-3, atol=0)


def test_the_visual_tune_learns_from_what_is_seen(tmp_path: Path) -> None:
    """Its value is made of bits, squared error and SSIMULACRA2 with fine details, most of all."""
    Image.fromarray(picture(140, 170, 4)).save(tmp_path / "picture.png")
    codec = tiny_codec(rounding=False)
    codec.config = replace(codec.config, tune="visual")
    objective = objective_of(codec, tmp_path)
    pixels, quality, *noise = objective.draw(3, 64)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        shown = codec(pixels, quality).pixels
    tune = find_tune("visual")
    assert tune.fine > 0
    plain, fine = distances_and_fine(pixels, shown)
    seen = plain + tune.fine * fine
    torch.testing.assert_close(losses.distance, seen, rtol=1e-3, atol=1e-4)
    assert float(losses.distance.min()) > 0.1
    bpp = losses.bpp_y + losses.bpp_z
    expected = sample_loss(bpp, tune, quality, losses.error, losses.distance, losses.unrest)
    torch.testing.assert_close(losses.loss.detach(), expected)
    assert tune.perceived is not None
    seen = tune.perceived.at(quality) * losses.distance
    assert float(seen.mean()) > float((tune.error.at(quality) * 255**2 * losses.error).mean())
