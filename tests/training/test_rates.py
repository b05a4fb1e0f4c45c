"""What learns from which bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lcodec.errors import UsageError
from lcodec.integer.likelihood import logistic_bits
from lcodec.training.flat import FlatParameters
from lcodec.training.optim import MuonAdam
from lcodec.training.options import TrainOptions
from lcodec.training.rates import latents, picture_bits
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


def test_pairs_are_the_mean_of_both_signs(codec: TwinCodec, given: Any) -> None:
    y, z, noise = given
    other = total(codec, (y, z, (-noise[0], -noise[1])))
    mean = 0.5 * (total(codec, given) + other)
    torch.testing.assert_close(total(codec, given, noise_pairs=True), mean)
    assert abs(float(mean.detach() - other.detach())) > 1


@pytest.mark.parametrize("pairs", [False, True])
def test_each_part_learns_from_what_it_can_change(
    pairs: bool, codec: TwinCodec, given: Any
) -> None:
    y, z, noise = given
    found = total(codec, given, split_rate=True, noise_pairs=pairs)
    got = torch.autograd.grad(found, [y, z, *weights(codec)], allow_unused=True)
    # Distributions: from the bits of the rounded latents, which are the value.
    z_hat = z + (z.round() - z).detach()
    coded = codec.rate(y.round().detach(), z_hat, y.round().detach(), z.round().detach(), QUALITY)
    rounded = (coded[0] + coded[1]).sum()
    torch.testing.assert_close(found, rounded)
    through_z, *expected = torch.autograd.grad(rounded, [z, *weights(codec)], allow_unused=True)
    for one, other in zip(got[2:], expected, strict=True):
        assert (one is None) == (other is None)
        if one is not None and other is not None:
            torch.testing.assert_close(one, other)
    # Latents: from the noisy ones under distributions that stay; z also from what it tells of y.
    with torch.no_grad():
        of_y = codec.predict(y.round(), z.round(), QUALITY)
        of_z = codec.prior.predict(QUALITY)
    signs = (1, -1) if pairs else (1,)
    for latent, part, distribution, gradient, more in (
        (y, noise[0], of_y, got[0], None),
        (z, noise[1], of_z, got[1], through_z),
    ):
        bits = [logistic_bits(latent + s * part, *distribution).sum() for s in signs]
        heard = torch.stack(bits).sum()
        (slope,) = torch.autograd.grad(heard / len(signs), [latent])
        torch.testing.assert_close(gradient, slope if more is None else slope + more)


def test_the_bound_is_for_the_noisy_latents_only(codec: TwinCodec, given: Any) -> None:
    y, _, noise = given
    with torch.no_grad():
        mean, sigma = codec.predict(y.round(), given[1].round(), QUALITY)
    bound = float(sigma.median())
    free, bounded = (total(codec, given, split_rate=True, scale_bound=b) for b in (0.0, bound))
    torch.testing.assert_close(free, bounded)
    parts = [y, *codec.network.parameters()]
    one, other = (torch.autograd.grad(t, parts, allow_unused=True) for t in (free, bounded))
    for a, b in zip(one[1:], other[1:], strict=True):
        assert a is b is None or torch.equal(a, b)
    heard = logistic_bits(y + noise[0], mean, sigma.clamp(min=bound)).sum()
    torch.testing.assert_close(other[0], torch.autograd.grad(heard, [y])[0])
    assert not torch.equal(one[0], other[0])
    with pytest.raises(UsageError, match="needs split-rate"):
        options(scale_bound=0.1)


def test_with_a_split_rate_y_hears_nothing_through_z(codec: TwinCodec) -> None:
    y = torch.randn(1, 32, 4, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(latents(codec, y, options()).square().sum(), [y])
    assert slope.any()
    assert latents(codec, y, options(split_rate=True)).square().sum().requires_grad
    (none,) = torch.autograd.grad(
        latents(codec, y, options(split_rate=True)).square().sum(), [y], allow_unused=True
    )
    assert none is None


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
