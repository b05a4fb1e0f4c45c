"""Descent over the hyper-latents of one area: fewer bits for latents that stay as they are.

The hyper-analysis is a network for all pictures, too. Rounds are like those of
`lcodec.effort.descent`: all hyper-latents are judged in advance, by their own bits and by the
gradient of the latents' bits; each position tries a share of the changes that promise a gain; and
the bits of the position's 4x4 latent positions decide. The picture is not needed for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.effort.area import Problem
from lcodec.effort.descent import choose
from lcodec.integer.profile import HYPER_LIMIT
from lcodec.nets.steps import judge
from lcodec.nets.transforms import HYPER_STRIDE

FIRST_SHARE = 0.2


@dataclass(frozen=True)
class _Costs:
    """Bits (h/4, w/4) of hyper-latents and of the latents that each position describes.

    ``slope`` (1, Z, h/4, w/4) is the gradient of the latents' bits.
    """

    cells: Tensor
    slope: Tensor

    @property
    def total(self) -> float:
        return float(self.cells.sum())


def descend_hyper(
    problem: Problem, symbols: Tensor, rounds: int, on_round: Callable[[], None]
) -> Tensor:
    """The best hyper-latents found for ``symbols`` (1, M, h, w), in the shape of ``z_hat``.

    ``on_round`` is called after each round.
    """
    best = problem.z_hat
    if not rounds:
        return best
    costs = _costs(problem, symbols, best)
    share = torch.full_like(costs.cells, FIRST_SHARE)
    refused = torch.zeros_like(best, dtype=torch.bool)
    for _ in range(rounds):
        gain, step = judge(best, problem.hyper_bits, costs.slope, 0.0, HYPER_LIMIT)
        tried = choose(gain.masked_fill(refused, 0.0), share)
        if not tried.any():
            break
        trial = best + step * tried
        helped = _cells(problem, trial, problem.bits(symbols, trial)) < costs.cells
        made = tried & helped
        after = _costs(problem, symbols, best + step * made)
        if after.total < costs.total:
            best, costs = best + step * made, after
            refused |= tried & ~helped & (tried.sum(1, keepdim=True) == 1)
        else:  # features spread over several positions, so that changes can spoil each other
            refused |= tried
            share = 0.5 * share
        on_round()
    return best


def _costs(problem: Problem, symbols: Tensor, z_hat: Tensor) -> _Costs:
    given = z_hat.detach().requires_grad_()
    bits = problem.bits(symbols, given)
    (slope,) = torch.autograd.grad(bits.sum(), [given])
    return _Costs(_cells(problem, z_hat, bits.detach()), slope)


def _cells(problem: Problem, z_hat: Tensor, bits: Tensor) -> Tensor:
    h, w = bits.shape
    padded = F.pad(bits, (0, -w % HYPER_STRIDE, 0, -h % HYPER_STRIDE))[None]
    summed = F.avg_pool2d(padded, HYPER_STRIDE, divisor_override=1)[0]
    return summed + problem.hyper_bits(z_hat).sum((0, 1))
