"""Rounding with straight-through gradients, steps of weights, and the proof that sums are exact."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lcodec.errors import WeightsError
from lcodec.integer import profile as P
from lcodec.integer.kit import RESIDUAL, Format
from lcodec.integer.trainable import Integers


class _Round(torch.autograd.Function):
    """Round and clamp; the gradient passes where the value lies inside the range."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, low: float, high: float) -> Tensor:
        rounded = torch.round(value)
        ctx.save_for_backward((rounded >= low) & (rounded <= high))
        return rounded.clamp_(low, high)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None


class _Rescale(torch.autograd.Function):
    """``clamp(round(total * factor + bias))`` over the last axis, in the type of ``total``."""

    @staticmethod
    def forward(
        ctx: Any, total: Tensor, factor: Tensor, bias: Tensor, low: float, high: float
    ) -> Tensor:
        rounded = torch.addcmul(bias, total.float(), factor).round_()
        ctx.save_for_backward((rounded >= low) & (rounded <= high), factor)
        return rounded.clamp_(low, high).to(total.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, Tensor, None, None]:
        inside, factor = ctx.saved_tensors
        grad = grads[0] * inside
        to_total = grad * factor.to(grad.dtype)
        return to_total, None, grad.flatten(0, -2).sum(0).float(), None, None


class Rounding:
    """Switches shared by all layers of one network.

    Attributes:
        enabled: whether values are rounded and clamped at all.
        bounded: whether residual streams are clamped, too. They are in a restored model, which
            has the scale of its integers; during training the scale is free.
    """

    def __init__(self, enabled: bool, bounded: bool = False) -> None:
        self.enabled = enabled
        self.bounded = bounded

    def __call__(self, value: Tensor, low: int, high: int) -> Tensor:
        """Round to whole numbers in ``[low, high]``."""
        if not self.enabled:
            return value
        result: Tensor = _Round.apply(value, low, high)  # type: ignore[no-untyped-call]
        return result

    def stream(self, value: Tensor) -> Tensor:
        """Clamp a residual stream in real units if `bounded`; the gradient passes unchanged."""
        if not (self.enabled and self.bounded):
            return value
        low, high = (end / RESIDUAL.scale for end in (RESIDUAL.low, RESIDUAL.high))
        # The difference is zero and carries the gradient; the clamped ends stay exact.
        return value.detach().clamp(low, high) + (value - value.detach())


def rescale_through(total: Tensor, factor: Tensor, bias: Tensor, low: int, high: int) -> Tensor:
    """``total * factor + bias`` over the last axis, rounded and clamped, in the type of ``total``.

    The gradient passes where the value lies inside the range.
    """
    result: Tensor = _Rescale.apply(total, factor, bias, low, high)  # type: ignore[no-untyped-call]
    return result


def _each(steps: Tensor, weight: Tensor) -> Tensor:
    """Steps per output channel (first axis) in a shape that broadcasts to the weights."""
    return steps.reshape(-1, *([1] * (weight.dim() - 1)))


def weight_steps(weight: Tensor, bound: int = P.ACT_LIMIT) -> Tensor:
    """Step per output channel (first axis) that brings the largest weight to the 7-bit limit.

    It is coarser where inputs of up to ``bound`` could add up to an inexact sum.
    """
    rows = weight.detach().flatten(1).abs()
    steps = rows.amax(dim=1).clamp(min=P.WEIGHT_LIMIT * P.MIN_WEIGHT_STEP) / P.WEIGHT_LIMIT
    if rows.shape[1] * P.WEIGHT_LIMIT * bound < P.FLOAT32_EXACT:
        return steps
    # A tenth is left to the bias; each rounding may add a half.
    most = 0.9 * P.FLOAT32_EXACT / bound - 0.5 * rows.shape[1]
    return torch.maximum(steps, rows.sum(dim=1) / most)


def quantised_weight(weight: Tensor, steps: Tensor) -> Tensor:
    """Integer-valued weights with straight-through gradient (scaled by 1 / steps)."""
    scaled = weight / _each(steps, weight)
    return scaled + (torch.round(scaled) - scaled).detach()


def integer_weight(weight: Tensor, bound: int = P.ACT_LIMIT) -> tuple[Tensor, Tensor]:
    """Weights as int8, and their steps as float64 (first axis)."""
    steps = weight_steps(weight, bound)
    scaled = weight.detach() / _each(steps, weight)
    return torch.round(scaled).to(torch.int8), steps.double()


def real_weight(weight: Tensor, steps: Tensor) -> Tensor:
    """Inverse of `integer_weight`, float64."""
    return weight.double() * _each(steps, weight)


def proved(weight: Tensor, bias: Tensor, multiplier: Tensor, bound: int = P.ACT_LIMIT) -> Integers:
    """The stored tensors of a layer, once its sums are proved to be exact.

    ``bias`` (n_out,) or (levels, n_out) holds whole numbers; inputs reach ``bound``.

    Raises:
        WeightsError: some ``sum |w| * bound + |b|`` reaches 2^24, or a weight leaves its range.
    """
    if int(weight.abs().max()) > P.WEIGHT_LIMIT:
        raise WeightsError(f"a weight exceeds {P.WEIGHT_LIMIT}")
    sums = weight.to(torch.int64).abs().flatten(1).sum(1) * bound
    largest = bias.to(torch.int64).abs()
    largest = largest if largest.dim() == 1 else largest.amax(0)
    worst = int((sums + largest).max())
    if worst >= P.FLOAT32_EXACT:
        raise WeightsError(f"a sum can reach {worst}, the exact limit is 2^24")
    return {
        "weight": weight,
        "bias": bias.to(torch.int32),
        "multiplier": multiplier.to(torch.float32),
    }


def octave_weights(rounding: Rounding, scores: Tensor, axis: int) -> Tensor:
    """Unnormalised base-2 softmax of activations; the largest weight is 255."""
    scores = scores.float()
    below = scores.detach().amax(dim=axis, keepdim=True) - scores
    weights = P.SCORE_WEIGHT_MAX * torch.exp2(below * (-1.0 / P.ACT_SCALE))
    if not rounding.enabled:
        return weights
    return weights + (torch.round(weights) - weights).detach()


def whole(values: Tensor, form: Format) -> Tensor:
    """Convert real numbers to the integers of a format, as float64."""
    return torch.round(values.detach().double() * form.scale).clamp(form.low, form.high)
