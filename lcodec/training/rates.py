"""The rate terms of the training loss, and which parts of the model learn from them."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from lcodec.integer.likelihood import logistic_bits
from lcodec.training.options import TrainOptions
from lcodec.twin.codec import TwinCodec, round_through


class Rates(NamedTuple):
    """Bits per picture (B,)."""

    bits_y: Tensor
    bits_z: Tensor


def latents(model: TwinCodec, y: Tensor, options: TrainOptions) -> Tensor:
    """z of y (B, M, h, w); with ``split_rate`` no gradient reaches the analysis through it."""
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
    """Bits of the unrounded latents y (B, M, h, w) and z (B, Z, h/4, w/4).

    They are the bits of y and z with noise in place of rounding; with ``noise_pairs``, the mean
    over noise of both signs, which takes most of the noise out of the gradient.

    With ``split_rate`` each part learns from what it can change. The distributions learn from the
    rounded latents, as they will be coded; y and z from the noisy ones, under fixed distributions
    whose deviations are at least ``scale_bound``, to keep a slope where all is zero. The bits are
    then those of the rounded latents.

    In stage ``decoder``, y does not learn, and its bits are those of the rounded latents.
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
        elif value is y and options.stage == "decoder":
            bits = logistic_bits(rounded.float(), mean, sigma)
        else:
            bits = _noisy(value, part, mean, sigma, options.noise_pairs)
        found.append(bits.flatten(1).sum(1))
    return Rates(found[0], found[1])


def _noisy(value: Tensor, noise: Tensor, mean: Tensor, sigma: Tensor, pairs: bool) -> Tensor:
    bits = logistic_bits((value + noise).float(), mean, sigma)
    if not pairs:
        return bits
    return 0.5 * (bits + logistic_bits((value - noise).float(), mean, sigma))
