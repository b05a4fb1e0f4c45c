"""Looks: what the decoded picture lacks goes back into the latents before they are coded.

The analysis is a network for all pictures, and its latents miss a picture by more than rounding
explains. So the encoder decodes them, sees what is wrong, and moves some by one step; nothing
changes for decoders. The first look is at pixels: latents that are off by more than half a step.
The second is at what is seen, if that is what the tune counts: at each position it moves the one
latent that promises most. Weights are trained with both (docs/log/feedback.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.metrics.smooth import smooth_blocks, unrest
from lcodec.metrics.ssimulacra2 import distances_and_fine
from lcodec.nets.steps import LINEAR_SHARE, Histograms, energy, judge
from lcodec.nets.transforms import PATCH, Transforms
from lcodec.nets.tune import SEARCHED_ERROR, Tune

SQUARE = 32  # latent positions: 512 pixels
BITS = 1.5
"""Worth of a bit of a histogram: what is predicted from a symbol costs more after most moves."""
LEAST_GAIN = 10.0
"""Bits that a move must promise. Small promises are not kept: SSIMULACRA2 bends within a step."""


def after_looks(
    transforms: Transforms, tune: Tune, y: Tensor, pixels: Tensor, quality: Tensor
) -> Tensor:
    """y (B, latent, h, w) in steps, moved by the looks of a tune at what it decodes to.

    What is coded is the result, rounded. ``pixels`` (B, 3, 16h, 16w) in [0, 1], ``quality`` (B,).
    The gradient is that of y: the moves are constants.
    """
    with torch.no_grad():
        symbols = torch.round(y)
        shown = transforms.show(symbols, quality)
        moves = moves_for_pixels(transforms, pixels, shown, quality)
        if tune.perceived is not None:
            symbols = symbols + moves
            shown = transforms.show(symbols, quality)
            moves = moves + moves_for_eyes(transforms, tune, pixels, shown, symbols, quality)
    return y + moves


def moves_for_pixels(
    transforms: Transforms, pixels: Tensor, shown: Tensor, quality: Tensor
) -> Tensor:
    """By how many steps, -1 to 1, latents should move for the decoded pixels to become better.

    (B, latent, h, w) from two (B, 3, 16h, 16w) in [0, 1]: those wanted and those ``shown``.
    What is missing is seen through the linear branch of the analysis, which is nearly the
    inverse of the synthesis: one step of back-projection, which Irani and Peleg (1991) used
    for super-resolution.
    """
    with torch.autocast(pixels.device.type, enabled=False):
        missing = transforms.analysis.linear(F.pixel_unshuffle(pixels - shown, PATCH))
    return (missing * transforms.gains(quality)[:, :, None, None]).round().clamp(-1.0, 1.0)


@torch.inference_mode(mode=False)  # a gradient, even if the caller has disabled them
def moves_for_eyes(
    transforms: Transforms,
    tune: Tune,
    pixels: Tensor,
    shown: Tensor,
    symbols: Tensor,
    quality: Tensor,
    gray: bool = False,
) -> Tensor:
    """By how many steps, -1 to 1, latents should move for the picture to look better.

    (B, latent, h, w), for each picture by itself, as `moves_for_pixels`; ``symbols`` are the
    rounded latents that show as ``shown``, the means of the colours if ``gray``. What the picture
    costs by a ``tune`` that counts what is seen has a gradient, which passes to the latents through
    the linear branch of the synthesis; own bits are those of the channel's histogram. One step of
    what `lcodec.effort` does with the networks themselves. Pictures are seen in squares of up to
    `SQUARE` positions, so that memory is bounded and tiles do not depend on each other.
    """
    moves = torch.zeros_like(symbols, dtype=torch.float32)
    rows, columns = (_parts(length) for length in symbols.shape[2:])
    for r in rows:
        for c in columns:
            part = (slice(None), slice(None), slice(*r), slice(*c))
            place = (slice(None), slice(None), *(slice(PATCH * a, PATCH * b) for a, b in (r, c)))
            seen = _Seen(pixels[place].clone(), shown[place].clone(), quality, gray)
            moves[part] = _best_moves(transforms, tune, seen, symbols[part].float())
    return moves


def _parts(length: int) -> list[tuple[int, int]]:
    """The range divided as evenly as possible into as few parts of up to `SQUARE` as possible."""
    count = -(-length // SQUARE)
    ends = [length * number // count for number in range(count + 1)]
    return list(pairwise(ends))


@dataclass(frozen=True)
class _Seen:
    """A picture, what it decodes to, its quality, and whether it is shown gray."""

    pixels: Tensor
    shown: Tensor
    quality: Tensor
    gray: bool


def _best_moves(transforms: Transforms, tune: Tune, seen: _Seen, symbols: Tensor) -> Tensor:
    """The move at each position that promises most, if it is enough."""
    quality, gray = seen.quality, seen.gray
    with torch.no_grad(), torch.autocast(symbols.device.type, enabled=False):
        slope = _slope_of_cost(tune, seen.pixels, seen.shown, quality)
        if gray:
            slope = slope.mean(1, keepdim=True).expand(-1, 3, -1, -1)
        through = transforms.synthesis.linear.weight.transpose(0, 1).float()
        inverse = transforms.gains.inverse(quality)[:, :, None, None]
        slope = F.conv2d(F.pixel_unshuffle(slope, PATCH), through) * inverse
        error = 255.0**2 * SEARCHED_ERROR * tune.error.at(quality) / (1 if gray else 3)
        bend = LINEAR_SHARE * error[:, None, None, None] * energy(transforms, quality, gray)
        histograms = Histograms(symbols)
        gain, step = judge(
            symbols, lambda own: BITS * histograms.bits(own), slope, bend, SYMBOL_LIMIT
        )
        most, place = gain.max(1, keepdim=True)
        rough = ~smooth_blocks(255.0 * seen.pixels)[:, None]
        moved = torch.gather(step, 1, place) * ((most > LEAST_GAIN) & rough)
        return torch.zeros_like(symbols).scatter_(1, place, moved)


def _slope_of_cost(tune: Tune, pixels: Tensor, shown: Tensor, quality: Tensor) -> Tensor:
    """Gradient by ``shown`` (B, 3, H, W) of what the distortion of each picture costs in bits."""
    assert tune.perceived is not None
    with torch.enable_grad():
        shown = shown.detach().float().requires_grad_()
        distance, fine = distances_and_fine(pixels, shown)
        error = 255.0**2 * SEARCHED_ERROR * (shown - pixels).square().mean((1, 2, 3))
        cost = tune.perceived.at(quality) * (distance + tune.fine * fine)
        cost = cost + tune.error.at(quality) * error
        if tune.calm is not None:
            cost = cost + tune.calm.at(quality) * unrest(pixels, shown)
        area = pixels.shape[2] * pixels.shape[3]
        (slope,) = torch.autograd.grad(area * cost.sum(), [shown])
    return slope
