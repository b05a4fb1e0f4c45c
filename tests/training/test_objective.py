"""Which picture the transforms learn from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from lcodec.metrics.ssimulacra2 import distances
from lcodec.nets.precision import reduced_precision
from lcodec.nets.tune import find_tune
from lcodec.training import objective as objectives
from lcodec.training.data import CropDataset
from lcodec.training.objective import PictureObjective, sample_loss, squared_error
from lcodec.training.options import TrainOptions
from lcodec.training.rates import Rates, gated
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
        return Rates(nothing, nothing, torch.full_like(y, 0.7))

    monkeypatch.setattr(objectives, "picture_bits", no_rate)
    return objective_of(codec, tmp_path)


def objective_of(codec: TwinCodec, folder: Path, **changes: Any) -> PictureObjective:
    options = TrainOptions(folder, folder / "run", **changes)
    return PictureObjective(codec, CropDataset(folder, 2), torch.device("cpu"), options)


def test_the_value_is_that_of_the_rounded_latents(objective: PictureObjective) -> None:
    pixels, quality, *noise = objective.draw(3, 64)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        shown = objective.model(pixels, quality).pixels
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
        shown = transforms.synthesise(round_through(transforms.analyse(pixels, quality)), quality)
    error = squared_error(shown, pixels)
    nothing = torch.zeros(len(pixels))
    loss = sample_loss(nothing, find_tune("psnr"), quality, error, nothing, nothing)
    expected = torch.autograd.grad(loss, weights)
    for one, other in zip(found, expected, strict=True):
        assert float(other.abs().max()) > 0
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02 * float(other.abs().max()))


def test_the_visual_tune_learns_from_what_is_seen(tmp_path: Path) -> None:
    """Its value is made of bits, squared error and SSIMULACRA2; most of it of the latter."""
    Image.fromarray(picture(140, 170, 4)).save(tmp_path / "picture.png")
    codec = tiny_codec(rounding=False)
    codec.config = replace(codec.config, tune="visual")
    objective = objective_of(codec, tmp_path)
    pixels, quality, *noise = objective.draw(3, 64)
    losses = objective.losses(pixels, quality, *noise)
    with torch.no_grad(), reduced_precision(torch.device("cpu")):
        shown = codec(pixels, quality).pixels
    assert shown is not None
    torch.testing.assert_close(losses.distance, distances(pixels, shown), rtol=1e-3, atol=1e-4)
    assert float(losses.distance.min()) > 0.1
    tune = find_tune("visual")
    bpp = losses.bpp_y + losses.bpp_z
    expected = sample_loss(bpp, tune, quality, losses.error, losses.distance, losses.unrest)
    torch.testing.assert_close(losses.loss.detach(), expected)
    assert tune.perceived is not None
    seen = tune.perceived.at(quality) * losses.distance
    assert float(seen.mean()) > float((tune.error.at(quality) * 255**2 * losses.error).mean())


def gradients(objective: PictureObjective, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
    named = dict(objective.model.transforms.named_parameters())
    loss = objective.losses(*batch).loss
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    zeros = (torch.zeros_like(p) for p in named.values())
    return {
        name: zero if gradient is None else gradient
        for name, gradient, zero in zip(named, found, zeros, strict=True)
    }


def test_behind_the_gate_the_analysis_alone_learns(
    objective: PictureObjective, tmp_path: Path
) -> None:
    codec = objective.model
    with_gate = objective_of(codec, tmp_path, gate=1.0)
    batch = with_gate.draw(3, 64)
    found = gradients(with_gate, batch)
    learns = {name for name, gradient in found.items() if gradient.any()}
    assert learns == {name for name in found if name.startswith("analysis.")}
    # Its gradient is that of the half-rounded latents.
    pixels, quality, *_ = batch
    transforms = codec.transforms
    with reduced_precision(torch.device("cpu")):
        y = transforms.analyse(pixels, quality)
        shown = transforms.synthesise(gated(y, torch.full_like(y, 0.7)), quality)
    error, nothing = squared_error(shown, pixels), torch.zeros(3)
    loss = sample_loss(nothing, find_tune("psnr"), quality, error, nothing, nothing)
    weight = transforms.analysis.leave.weight
    (expected,) = torch.autograd.grad(loss, [weight])
    got = found["analysis.leave.weight"]
    torch.testing.assert_close(got, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
    with_gate.gates = False
    closed = gradients(with_gate, batch)
    for name, gradient in gradients(objective, batch).items():
        torch.testing.assert_close(closed[name], gradient)


def test_the_gate_is_for_a_share_of_the_batch(objective: PictureObjective, tmp_path: Path) -> None:
    batch = objective.draw(4, 64)
    half = gradients(objective_of(objective.model, tmp_path, gate=0.5), batch)
    rest = gradients(objective, tuple(part[2:] for part in batch))
    for name in ("synthesis.leave.weight", "gains.log_correction.values"):
        expected = 0.5 * rest[name]
        scale = float(expected.abs().max())
        assert scale > 0
        torch.testing.assert_close(half[name], expected, rtol=0.02, atol=0.02 * scale)


def test_the_frozen_synthesis_follows_the_other(
    objective: PictureObjective, tmp_path: Path
) -> None:
    with_gate = objective_of(objective.model, tmp_path, gate=0.5)
    with torch.no_grad():
        objective.model.transforms.synthesis.leave.weight.add_(1.0)
    own = dict(with_gate.frozen.named_parameters())
    for name, parameter in objective.model.transforms.synthesis.named_parameters():
        assert torch.equal(own[name], parameter) and not own[name].requires_grad
