"""What learns from which bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lcodec.integer.likelihood import logistic_bits
from lcodec.training.flat import FlatParameters
from lcodec.training.optim import MuonAdam
from lcodec.training.options import TrainOptions
from lcodec.training.rates import picture_bits, rounded
from lcodec.twin.codec import TwinCodec
from tests.tinymodel import tiny_codec

QUALITY = torch.tensor([20.0, 80.0])


def options(**changes: Any) -> TrainOptions:
    made = TrainOptions(Path(), Path(), **changes)
    made.check()
    return made


@pytest.fixture(scope="module")
def codec() -> TwinCodec:
    return tiny_codec(rounding=False)


@pytest.fixture
def given(codec: TwinCodec) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """y and z, that ask for a gradient, and noise."""
    torch.manual_seed(3)
    y, z = 3.0 * torch.randn(2, 32, 8, 8), torch.randn(2, 8, 2, 2)
    noise = (torch.rand_like(y) - 0.5, torch.rand_like(z) - 0.5)
    return y.requires_grad_(), z.requires_grad_(), noise


def total(codec: TwinCodec, given: Any, **changes: Any) -> Tensor:
    y, z, noise = given
    rates = picture_bits(codec, y, z, noise, QUALITY, options(**changes))
    return (rates.bits_y + rates.bits_z).sum()


def weights(codec: TwinCodec) -> list[Tensor]:
    return [*codec.network.parameters(), *codec.prior.parameters()]


def gradients(bits: Tensor, parts: list[Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(bits, parts, retain_graph=True, allow_unused=True)


def test_usually_noise_stands_in_for_rounding(codec: TwinCodec, given: Any) -> None:
    y, z, noise = given
    expected = codec.rate(y.round(), z.round(), y + noise[0], z + noise[1], QUALITY)
    found = total(codec, given)
    torch.testing.assert_close(found, (expected[0] + expected[1]).sum())


def test_for_a_decoder_the_latents_are_those_coded(codec: TwinCodec, given: Any) -> None:
    y, z, noise = given
    expected = codec.rate(y.round(), z.round(), y.round(), z + noise[1], QUALITY)
    found = total(codec, given, stage="decoder")
    torch.testing.assert_close(found, (expected[0] + expected[1]).sum())


def test_the_rate_as_coded_is_that_of_the_rounded_latents(codec: TwinCodec, given: Any) -> None:
    """And the distributions learn from these alone."""
    y, z, _ = given
    found = total(codec, given, coded_rate=True)
    bits_y, bits_z = codec.rate(y.round(), z.round(), y.round(), z.round(), QUALITY)
    expected = (bits_y + bits_z).sum()
    torch.testing.assert_close(found, expected)
    got, wanted = (gradients(bits, weights(codec)) for bits in (found, expected))
    for one, other in zip(got, wanted, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other)


def test_latents_hear_what_the_next_integer_costs_the_nearer_it_is(
    codec: TwinCodec, given: Any
) -> None:
    y, z, _ = given
    (got,) = torch.autograd.grad(total(codec, given, coded_rate=True), [y])
    weight = 3.0 * (2.0 * (y - y.round()).abs()) ** 2
    with torch.no_grad():
        mean, sigma = codec.predict(y.round(), z.round(), QUALITY)
        side = torch.sign(y - y.round())
        more = logistic_bits(y.round() + side, mean, sigma) - logistic_bits(y.round(), mean, sigma)
        worth = 255.0**2 * codec.config.factors.error.at(QUALITY)[:, None, None, None] / 3
        steps = codec.transforms.gains.inverse(QUALITY)[:, :, None, None].square()
        squares = codec.transforms.synthesis.linear.weight.flatten(1).square().sum(0)
        bend = 1.5 * 0.75 * worth * steps * squares[:, None, None]
    # Besides, latents are the context of others.
    context = y.detach().round().requires_grad_()
    others = logistic_bits(context.detach(), *codec.predict(context, z.round(), QUALITY)).sum()
    (through,) = torch.autograd.grad(others, [context])
    torch.testing.assert_close(got, weight * (side * (more + bend) + through))


def test_a_latent_between_its_integers_is_hardly_heard() -> None:
    off = torch.linspace(-0.5, 0.5, 1001)
    latents = (torch.arange(1001) % 7 - 3.0 + off).requires_grad_()
    symbols = rounded(latents, options(coded_rate=True))
    assert torch.equal(symbols, latents.round())
    (heard,) = torch.autograd.grad(symbols.sum(), [latents])
    assert float(heard[500]) == pytest.approx(0.0, abs=1e-9)
    assert float(heard.mean()) == pytest.approx(1.0, abs=0.01)
    torch.testing.assert_close(heard, heard.flip(0), rtol=0.0, atol=1e-3)
    (straight,) = torch.autograd.grad(rounded(latents, options()).sum(), [latents])
    assert torch.equal(straight, torch.ones(1001))


def test_matrices_may_rest_every_other_step() -> None:
    torch.manual_seed(0)
    matrix = torch.nn.Parameter(torch.randn(6, 10))
    vector = torch.nn.Parameter(torch.randn(10))
    flat = FlatParameters([("a.weight", matrix), ("a.bias", vector)])
    optimiser = MuonAdam(flat, momentum=0.75)
    optimiser.rate.fill_(0.1)
    flat.gradient.copy_(torch.randn_like(flat.gradient))
    # Of equal singular values, so that rounding to bfloat16 hardly changes what Muon makes of it.
    flat.gradient[:60] = torch.linalg.qr(torch.randn(10, 6))[0].T.flatten()
    gradient, accept = flat.views(flat.gradient)["a.weight"], torch.tensor(1.0)
    before = flat.values.clone()
    optimiser.step(accept, 0)
    assert torch.equal(flat.values[:60], before[:60]) and not torch.equal(vector, before[60:])
    first = flat.views(optimiser.first)["a.weight"]
    torch.testing.assert_close(first, 0.25 * gradient)
    optimiser.step(accept, 2)
    torch.testing.assert_close(first, (1 - 0.75**2) * gradient)
    twice = (flat.values[:60] - before[:60]).norm()
    middle = flat.values.clone()
    optimiser.step(accept)
    torch.testing.assert_close(
        twice, 2 * (flat.values[:60] - middle[:60]).norm(), rtol=2e-2, atol=0
    )
