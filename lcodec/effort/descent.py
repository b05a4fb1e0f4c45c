"""Descent over integer latents: rounds of many unit steps at once.

In each round every symbol's change by +1 and by -1 is judged: its own bits exactly by the
predicted distribution, its influence on the other symbols' bits by their gradient, the error of
the picture by gradient and curvature. A share of the changes that promise a gain is made, large
gains first but partly at random, because changes of neighbours interfere. A round that turns out
worse is undone and the share reduced.

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
FIRST_SHARE_SEEN = 0.005  # where SSIMULACRA2 counts, which curves far more within a step
GROW, SHRINK = 1.1, 0.6
LEAST_SHARE = 0.0005  # below it nothing is left to gain


def descend(
    problem: Problem, rounds: int, generator: torch.Generator, on_round: Callable[[], None]
) -> Tensor:
    """The best symbols found, in the shape of ``problem.start``.

    All randomness comes from ``generator``, so equal seeds give equal results on one machine.
    ``on_round`` is called after each round.
    """
    best = problem.start
    share = FIRST_SHARE_SEEN if problem.worth.perceived else FIRST_SHARE
    costs = problem.costs(best, math.inf)
    if costs is None:  # NaN: a picture the networks cannot handle
        return best
    curvature = problem.curvature(generator)
    gain, step = _judge(best, costs, curvature)
    for _ in range(rounds):
        trial = best + step * _choose(gain, share, generator)
        found = problem.costs(trial, costs.total)
        if found is None:
            share *= SHRINK
        else:
            best, costs, share = trial, found, min(1.0, share * GROW)
            gain, step = _judge(best, costs, curvature)
        on_round()
        if share < LEAST_SHARE:
            break
    return best


def _judge(symbols: Tensor, costs: Costs, curvature: Tensor) -> tuple[Tensor, Tensor]:
    """Gain in bits of each symbol's better change, at most 0 if neither helps; and the change."""
    own = logistic_bits(symbols, costs.mean, costs.sigma)
    up = logistic_bits(symbols + 1.0, costs.mean, costs.sigma) + costs.slope
    down = logistic_bits(symbols - 1.0, costs.mean, costs.sigma) - costs.slope
    step = torch.where(up < down, 1.0, -1.0)
    gain = own - torch.minimum(up, down) - curvature
    gain = gain.masked_fill((symbols + step).abs() > SYMBOL_LIMIT, 0.0)
    return gain, step


def _choose(gain: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Mask of 0 and 1 over the changes to make: a share of those with a gain."""
    flat = gain.flatten()
    count = max(1, int(share * int((flat > 0).sum())))
    chance = torch.rand(flat.shape, generator=generator).to(flat)
    chosen = torch.topk(flat * chance, count).indices
    mask = torch.zeros_like(flat)
    mask[chosen] = (flat[chosen] > 0).to(flat)
    return mask.view_as(gain)
