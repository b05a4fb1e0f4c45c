"""Steps at block borders become ramps where the picture is smooth, and only there."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from lcodec.errors import WeightsError
from lcodec.nets.deblocking import Deblocking
from lcodec.nets.transforms import TransformConfig, Transforms
from lcodec.weights.config import ModelConfig
from tests.tinymodel import CONFIG

LEVEL = 1.0 / 255.0


def filtered(pixels: Tensor, quality: float = 0.0) -> Tensor:
    with torch.no_grad():
        return Deblocking(9)(pixels.clone(), torch.full((len(pixels),), quality))


def blocks(*levels: float) -> Tensor:
    """A row of flat blocks of 16 x 16 pixels, (1, 3, 32, 16 n)."""
    row = torch.tensor(levels).repeat_interleave(16) * LEVEL
    return 0.5 + row.expand(1, 3, 32, -1)


@pytest.mark.parametrize("turned", [False, True])
def test_a_small_step_becomes_a_ramp(turned: bool) -> None:
    pixels = blocks(0.0, 1.0, 0.0)
    pixels, axis = (pixels.transpose(2, 3), 2) if turned else (pixels, 3)
    out = filtered(pixels)
    steps = out.diff(dim=axis) / LEVEL
    assert torch.allclose(steps.abs().amax(), torch.tensor(1.0 / 16.0), atol=1e-4)
    assert torch.allclose(out.mean(), pixels.mean(), atol=1e-6)
    outside = out.narrow(axis, 0, 8), pixels.narrow(axis, 0, 8)
    assert torch.equal(*outside)


def test_slopes_edges_and_textures_stay() -> None:
    slope = 0.2 + 0.5 * LEVEL * torch.arange(48.0).expand(1, 3, 32, -1)
    assert torch.allclose(filtered(slope), slope, atol=1e-6)
    edge = blocks(0.0, 6.0, 0.0)
    assert torch.equal(filtered(edge), edge)
    torch.manual_seed(0)
    texture = blocks(0.0, 1.0, 0.0) + 20.0 * LEVEL * torch.randn(1, 3, 32, 48)
    assert torch.equal(filtered(texture), texture)
    # One coloured side counts for all channels, so that no fringes arise.
    colour = blocks(0.0, 1.0, 0.0).clone()
    colour[:, 2, :, 16:] += 6.0 * LEVEL
    assert torch.equal(filtered(colour)[..., :24], colour[..., :24])


def test_less_at_higher_qualities() -> None:
    pixels = blocks(0.0, 1.2, 0.0)
    left = [float(filtered(pixels, quality).diff(dim=3).amax()) for quality in (0, 50, 70, 100)]
    assert left == sorted(left) and left[0] < 0.1 * LEVEL and left[-1] > 1.1 * LEVEL


def test_networks_learn_through_it() -> None:
    torch.manual_seed(0)
    pixels = (0.5 + 0.3 * LEVEL * torch.randn(2, 3, 48, 64)).requires_grad_()
    module = Deblocking(9)
    shown = module(pixels, torch.tensor([10.0, 60.0]))
    with torch.no_grad():
        again = module(pixels.clone(), torch.tensor([10.0, 60.0]))
    assert torch.equal(shown.detach(), again) and not torch.equal(shown.detach(), pixels.detach())
    shown.square().sum().backward()
    assert pixels.grad is not None and bool(pixels.grad.isfinite().all())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_one_block_has_no_border() -> None:
    pixels = torch.rand(1, 3, 16, 16)
    assert torch.equal(filtered(pixels), pixels)


def test_sizes_without_it_are_those_of_before() -> None:
    plain = TransformConfig()
    assert "deblocking" not in plain.to_dict() and not Transforms(plain).synthesis.deblocking
    with_it = replace(CONFIG, transforms=replace(CONFIG.transforms, deblocking=True))
    assert ModelConfig.from_dict(with_it.to_dict()) == with_it
    wrong = with_it.to_dict()
    wrong["transforms"]["deblocking"] = 1
    with pytest.raises(WeightsError, match="deblocking"):
        ModelConfig.from_dict(wrong)
