"""Descent over integer latents: rounds of many unit steps at once, each judged where it acts.

In each round every symbol's change by +1 and by -1 is judged in advance: its own bits exactly by
the predicted distribution, its influence on the other symbols' bits by their gradient, the
distortion of the picture by its gradient and the curvature of the squared error. Each latent
position tries a share of the changes that promise a gain, the largest first. Then the cost of the
position's bits and of its 16x16 pixels decides: where it has fallen, the changes stay and the
position's share grows; elsewhere they are taken back and the share shrinks. So where a measure
bends strongly, as SSIMULACRA2 does, few changes are tried at a time, and elsewhere many.

The aim is that of stochastic Gumbel annealing (Yang, Bamler, Mandt, arXiv 2006.04240) and of
online RDO with a straight-through estimator (eContextformer, arXiv 2306.14287); staying on
integers, where own bits are known exactly and every round's result is valid, gained more in a
tenth of the rounds in our trials (docs/effort.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lcodec.effort.area import Costs, Problem
from lcodec.integer.likelihood import logistic_bits
from lcodec.integer.profile import SYMBOL_LIMIT

FIRST_SHARE = 0.25
FIRST_SHARE_SEEN = 0.02  # where SSIMULACRA2 counts, which curves far more within a step
GROW, SHRINK = 1.5, 0.4


def descend(
    problem: Problem, rounds: int, generator: torch.Generator, on_round: Callable[[], None]
) -> Tensor:
    """The best symbols found, in the shape of ``problem.start``.

    All randomness comes from ``generator``, so equal seeds give equal results on one machine.
    ``on_round`` is called after each round.
    """
    best = problem.start
    costs = problem.costs(best)
    if not math.isfinite(costs.total):  # a picture the networks cannot handle
        return best
    curvature = problem.curvature(generator)
    first = FIRST_SHARE_SEEN if problem.worth.perceived else FIRST_SHARE
    share = torch.full_like(costs.cells, first)
    refused = torch.zeros_like(best, dtype=torch.bool)
    for _ in range(rounds):
        gain, step = _judge(best, costs, curvature)
        tried = choose(gain.masked_fill(refused, 0.0), share)
        if not tried.any():
            break
        helped = problem.cells(best + step * tried, costs) < costs.cells
        made = tried & helped
        after = problem.costs(best + step * made)
        if after.total < costs.total:
            best, costs = best + step * made, after
            refused |= tried & ~helped & (tried.sum(1, keepdim=True) == 1)
        else:  # the changes of neighbours have spoilt each other
            refused |= tried
        share = torch.where(helped, (share * GROW).clamp(max=1.0), share * SHRINK)
        on_round()
    return best


def _judge(symbols: Tensor, costs: Costs, curvature: Tensor) -> tuple[Tensor, Tensor]:
    """`judge` for the latents of an area."""

    def bits(values: Tensor) -> Tensor:
        return logistic_bits(values, costs.mean, costs.sigma)

    return judge(symbols, bits, costs.slope, curvature, SYMBOL_LIMIT)


def judge(
    symbols: Tensor,
    bits: Callable[[Tensor], Tensor],
    slope: Tensor,
    curvature: Tensor | float,
    limit: int,
) -> tuple[Tensor, Tensor]:
    """Gain in bits of each symbol's better change, at most 0 if neither helps; and the change.

    ``bits`` gives the own bits of symbols, ``slope`` and ``curvature`` are of all else that a
    symbol changes. Symbols stay within +-``limit``.
    """
    up = bits(symbols + 1.0) + slope
    down = bits(symbols - 1.0) - slope
    step = torch.where(up < down, 1.0, -1.0)
    gain = bits(symbols) - torch.minimum(up, down) - curvature
    return gain.masked_fill((symbols + step).abs() > limit, 0.0), step


def choose(gain: Tensor, share: Tensor) -> Tensor:
    """Which changes to try (1, M, h, w): at each position ``share`` (h, w) of those with a gain.

    At least one, if any has a gain.
    """
    order = torch.argsort(gain, dim=1, descending=True, stable=True)
    count = (gain > 0).sum(1, keepdim=True)
    wanted = torch.minimum((share * count).clamp(min=1.0).floor(), count)
    ranks = torch.arange(gain.shape[1], device=gain.device).view(1, -1, 1, 1)
    chosen = torch.zeros_like(gain, dtype=torch.bool)
    return chosen.scatter_(1, order, ranks < wanted)
