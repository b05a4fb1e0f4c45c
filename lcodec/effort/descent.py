"""Descent over integer latents: rounds of many unit steps at once, each judged where it acts.

In each round every symbol's change by +1 and by -1 is judged in advance: its own bits exactly by
the predicted distribution, in later rounds its influence on the other symbols' bits by their
gradient, the distortion of the picture by its gradient and the curvature of the squared error. Each
latent position tries a share of the changes that promise a gain, the largest first. Then its own
bits and its 16x16 pixels decide: where they cost less than before, the changes stay and the
position's share grows; elsewhere they are taken back and the share shrinks. So where a measure
bends strongly, as SSIMULACRA2 does, few changes are tried at a time, and elsewhere many. The
picture that is decoded to decide has the gradient of the next round, too; it has changes that were
taken back, so every other round begins with one that has not.

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

from lcodec.effort.area import Problem
from lcodec.integer.profile import SYMBOL_LIMIT
from lcodec.nets.steps import judge
from lcodec.nets.worth import keeps_colours

FIRST_SHARE = 0.25
FIRST_SHARE_SEEN = 0.02  # where SSIMULACRA2 counts, which curves far more within a step
GROW, SHRINK = 1.5, 0.4
AFRESH = 2  # rounds after which everything is computed for what has been kept


def descend(problem: Problem, rounds: int, on_round: Callable[[], None]) -> Tensor:
    """The best symbols found, in the shape of ``problem.start``.

    ``on_round`` is called after each round.
    """
    best = problem.start
    curvature = problem.curvature()
    perceived = problem.distortion.worth.perceived is not None
    share = best.new_full(best.shape[2:], FIRST_SHARE_SEEN if perceived else FIRST_SHARE)
    refused = torch.zeros_like(best, dtype=torch.bool)
    for number in range(rounds):
        if number % AFRESH == 0:
            seen = problem.seen(best)
            if not math.isfinite(seen.total):  # a picture the networks cannot handle
                break
            cells, slope = seen.cells, seen.slope
            if number == 0:
                start = seen.errors
            # What changes do to the bits of other symbols is little, and matters late.
            prediction = problem.prediction(best, influence=number > 0)
        assert slope is not None
        slope = slope + prediction.influence
        gain, step = judge(best, prediction.bits, slope, curvature, SYMBOL_LIMIT)
        tried = choose(gain.masked_fill(refused, 0.0), share)
        if not tried.any():
            break
        trial = best + step * tried
        goes_on = number + 1 < rounds and (number + 1) % AFRESH != 0
        after = problem.seen(trial, seen.norms, slope=goes_on)
        more = (prediction.bits(trial) - prediction.bits(best)).sum((0, 1))
        count = tried.sum(1)[0]
        worse = after.cells + more >= cells
        if perceived:
            worse |= ~keeps_colours(after.errors, start)[0]
        worse &= count > 0
        best = torch.where(worse, best, trial)
        cells, slope = torch.where(worse, cells, after.cells), after.slope
        refused |= tried & worse & (count == 1)
        factor = torch.where(worse, SHRINK, torch.where(count > 0, GROW, 1.0))
        share = (share * factor).clamp(max=1.0)
        on_round()
    return best


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
