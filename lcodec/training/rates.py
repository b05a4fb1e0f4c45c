"""The bits that training lowers, and what learns from them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lcodec.integer.likelihood import logistic_bits
from lcodec.training.options import TrainOptions
from lcodec.twin.codec import TwinCodec, round_through


class Rates(NamedTuple):
    """Bits per picture (B,), and predicted deviations of y (B, M, h, w), without a gradient."""

    bits_y: Tensor
    bits_z: Tensor
    sigma: Tensor


def latents(model: TwinCodec, y: Tensor, options: TrainOptions) -> Tensor:
    """z of y (B, M, h, w); with a split rate the analysis hears nothing through it."""
    z: Tensor = model.transforms.hyper_analysis(y.detach() if options.split_rate else y)
    return z


def picture_bits(
    model: TwinCodec,
    y: Tensor,
    z: Tensor,
    noise: tuple[Tensor, Tensor],
    quality: Tensor,
    options: TrainOptions,
) -> Rates:
    """Bits of latents to be rounded.

    The distributions are asked for the bits of y and z with noise in place of rounding: of both
    signs with ``noise_pairs``, which takes most of the noise out of the gradient.

    With ``split_rate`` each part learns from what it can change. Distributions learn from the
    rounded latents, whose bits they will be paid for; y and z from the noisy ones, with the
    distributions as they are, or with deviations of at least ``scale_bound`` that keep a slope
    where all is zero. The bits are then those of the rounded latents.
    """
    y_hat, z_hat = round_through(y), round_through(z)
    context = y_hat.detach() if options.split_rate else y_hat
    of_y = model.predict(context, z_hat, quality)
    of_z = model.prior.predict(quality)
    found = []
    for value, rounded, part, (mean, sigma) in (
        (y, y_hat, noise[0], of_y),
        (z, z_hat, noise[1], of_z),
    ):
        if options.split_rate:
            bound = max(options.scale_bound, 0.0)
            fixed = (mean.detach(), sigma.detach().clamp(min=bound))
            heard = _noisy(value, part, *fixed, options.noise_pairs)
            own = logistic_bits(rounded.detach().float(), mean, sigma)
            bits = own + (heard - heard.detach())
        else:
            bits = _noisy(value, part, mean, sigma, options.noise_pairs)
        found.append(bits.flatten(1).sum(1))
    return Rates(found[0], found[1], of_y[1].detach())


def _noisy(value: Tensor, noise: Tensor, mean: Tensor, sigma: Tensor, pairs: bool) -> Tensor:
    bits = logistic_bits((value + noise).float(), mean, sigma)
    if not pairs:
        return bits
    return 0.5 * (bits + logistic_bits((value - noise).float(), mean, sigma))


def gated(y: Tensor, sigma: Tensor) -> Tensor:
    """y rounded as far as it is predicted to be near its mean, with the gradient of y.

    Where the deviation ``sigma`` is 0.4 or less y is rounded, where it is 1 or more it is not. So
    the analysis hears less of rounding errors, and still of what is lost by rounding to zero.
    """
    weight = ((1.0 - sigma) / 0.6).clamp(0.0, 1.0)
    return y + (weight * (torch.round(y) - y)).detach()
