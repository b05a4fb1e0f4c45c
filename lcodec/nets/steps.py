"""Unit steps of integer latents, and what they would change."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lcodec.nets.transforms import PATCH, Transforms

LINEAR_SHARE = 0.75
"""Share of `energy` that counts as curvature of the squared error, found best for both tunes.

The network of the synthesis leaves 0.3 to 1.3 times as much of it.
"""

_MOST = 8  # magnitudes from here on are counted together
_UNSEEN = 0.25  # what a histogram has of zeros before any is counted; half of it of ones, and so on


def energy(transforms: Transforms, quality: Tensor, gray: bool = False) -> Tensor:
    """Squares of all samples (B, M, 1, 1) that a step of each channel is in the linear branch.

    Of gray pictures, which are shown as the means of the colours, there are a third as many
    samples.
    """
    weight = transforms.synthesis.linear.weight.flatten(1)
    if gray:
        weight = weight.view(3, PATCH**2, -1).mean(0)
    found = weight.square().sum(0) * transforms.gains.inverse(quality).square()
    return found[:, :, None, None]


def curvature(transforms: Transforms, quality: Tensor, worth: Tensor, gray: bool = False) -> Tensor:
    """Half the second derivative by symbols (B, M, 1, 1) of what the squared error is worth.

    ``worth`` (B,) is that of a mean over the colours of 1 at one pixel; ``gray`` as in `energy`.
    """
    error = worth[:, None, None, None] / (1 if gray else 3)
    return LINEAR_SHARE * error * energy(transforms, quality, gray)


def judge(
    symbols: Tensor,
    bits: Callable[[Tensor], Tensor],
    slope: Tensor,
    curvature: Tensor | float,
    limit: int,
) -> tuple[Tensor, Tensor]:
    """Gain in bits of each symbol's better change by 1, negative if neither helps; and the change.

    ``bits`` gives the own bits of symbols, ``slope`` and ``curvature`` are of all else that a
    symbol changes. Symbols stay within +-``limit``.
    """
    up = bits(symbols + 1.0) + slope
    down = bits(symbols - 1.0) - slope
    step = 2.0 * (up < down).to(symbols.dtype) - 1.0
    gain = bits(symbols) - torch.minimum(up, down) - curvature
    return gain.masked_fill((symbols + step).abs() > limit, 0.0), step


class Histograms:
    """Bits of symbols by how often their magnitudes are in their channels."""

    def __init__(self, symbols: Tensor) -> None:
        """Count ``symbols`` (B, M, h, w), integers."""
        magnitudes = symbols.abs().clamp(max=_MOST)
        counts = [(magnitudes == size).sum((2, 3)) for size in range(_MOST + 1)]
        sizes = torch.arange(_MOST + 1, device=symbols.device, dtype=symbols.dtype)
        seen = torch.stack(counts, 2) + _UNSEEN * torch.exp2(-sizes)
        bits = -torch.log2(seen / seen.sum(2, keepdim=True))
        bits[..., 1:] += 1.0  # the sign
        self._table = torch.cat([bits, bits[..., -1:] + 1.0], 2)

    def bits(self, symbols: Tensor) -> Tensor:
        """Bits of each of such symbols (B, M, h, w)."""
        places = symbols.abs().clamp(max=_MOST + 1).long().flatten(2)
        return torch.gather(self._table, 2, places).view_as(symbols)
