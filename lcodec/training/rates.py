"""The rate terms of the training loss, and what is learnt through the rounding of latents."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lcodec.integer.likelihood import logistic_bits
from lcodec.nets.steps import curvature
from lcodec.training.options import TrainOptions
from lcodec.twin.codec import TwinCodec, round_through

_EDGE = 2.0
"""Power with which a gradient counts more, the nearer a latent is to where it rounds otherwise.

With 4, too few latents are heard, and runs are noisier; with 1 or 0, files lose textures at low
levels (docs/log/visual.md).
"""
_BEND = 1.5
"""Curvature of all distortion relative to that of what the tune pays for squared error."""


class Rates(NamedTuple):
    """Bits per picture (B,)."""

    bits_y: Tensor
    bits_z: Tensor


def rounded(latents: Tensor, options: TrainOptions) -> Tensor:
    """Rounded latents for contexts and synthesis, whose gradient goes straight through.

    With ``coded_rate``, that of each latent is weighted by how near it is to the edge of its
    interval of rounding: others stay what they are if the analysis changes a little.
    """
    if not options.coded_rate:
        return round_through(latents)
    symbols = torch.round(latents.detach())
    return _sloped(symbols, _nearness(latents.detach() - symbols), latents)


def picture_bits(
    model: TwinCodec,
    y: Tensor,
    z: Tensor,
    noise: tuple[Tensor, Tensor],
    quality: Tensor,
    options: TrainOptions,
) -> Rates:
    """Bits of the unrounded latents y (B, M, h, w) and z (B, Z, h/4, w/4).

    They are the bits of y and z with noise in place of rounding. In stage ``decoder``, y does not
    learn, and its bits are those of the rounded latents.

    With ``coded_rate`` they are the bits of the rounded latents, and distributions learn from
    these. To y and z, their gradient is what the next integer on their side would cost more.
    """
    y_hat, z_hat = rounded(y, options), rounded(z, options)
    of_y = model.predict(y_hat, z_hat, quality)
    of_z = model.prior.predict(quality)
    if options.coded_rate:
        bits_y = _coded_bits(y, *of_y, _bend(model, quality))
        bits_z = _coded_bits(z, *of_z, 0.0)
    else:
        heard = y_hat if options.stage == "decoder" else y + noise[0]
        bits_y = logistic_bits(heard.float(), *of_y)
        bits_z = logistic_bits((z + noise[1]).float(), *of_z)
    return Rates(bits_y.flatten(1).sum(1), bits_z.flatten(1).sum(1))


def _coded_bits(latents: Tensor, mean: Tensor, sigma: Tensor, bend: Tensor | float) -> Tensor:
    """Bits of rounded latents; ``bend`` is what a step costs beyond the slope of all distortion."""
    latents = latents.float()
    symbols = torch.round(latents.detach())
    bits: Tensor = logistic_bits(symbols, mean, sigma)
    with torch.no_grad():
        off = latents - symbols
        side = 1.0 - 2.0 * (off < 0).to(off.dtype)
        more = logistic_bits(symbols + side, mean, sigma) - bits + bend
        slope = _nearness(off) * side * more
    return _sloped(bits, slope, latents)


def _bend(model: TwinCodec, quality: Tensor) -> Tensor:
    """Half the second derivative of distortion by latents (B, M, 1, 1), in bits.

    The slope at the integer below says what a step up gains but for this, that at the integer
    above what a step down gains. More latents are below an edge than above it, so without it
    the steps up are heard too well.
    """
    worth = 255.0**2 * model.config.factors.error.at(quality)
    return _BEND * curvature(model.transforms, quality, worth)


def _nearness(off: Tensor) -> Tensor:
    """Weights of latents that are ``off`` their integers by -1/2..1/2; 1 on average over these."""
    return (_EDGE + 1.0) * (2.0 * off.abs()) ** _EDGE


def _sloped(value: Tensor, slope: Tensor, latents: Tensor) -> Tensor:
    """``value``, with ``slope`` as its derivative by latents besides its own; all of one shape."""
    return value + slope * (latents - latents.detach())
