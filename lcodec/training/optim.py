"""Muon for matrices, Adam for the rest, in one optimiser over flat parameters.

Muon (Jordan et al., 2024): momentum, then orthogonalisation of the update by a Newton-Schulz
iteration; the update is scaled by ``0.2 * sqrt(larger side)`` so that its size matches Adam's
(Liu et al., arXiv 2502.16982). Matrices of equal shape are orthogonalised together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lcodec.nets.precision import has_fast_bfloat16
from lcodec.training.flat import FlatParameters, Stack
from lcodec.training.streams import Streams

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Tensor, steps: int = 4) -> Tensor:
    """Approximate the nearest semi-orthogonal matrix of each in a stack (n, rows, columns)."""
    a, b, c = _COEFFICIENTS
    x = update.bfloat16() if has_fast_bfloat16(update.device) else update.float()
    transposed = x.shape[1] > x.shape[2]
    if transposed:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    if transposed:
        x = x.transpose(1, 2)
    result: Tensor = x.to(update.dtype)
    return result


class MuonAdam:
    """Muon and Adam over flat parameters; all state is in tensors on the device.

    Attributes:
        rate: learning rate (), set before each step.
        first: mean gradients (n,): Muon's momentum, Adam's first moment.
        second: Adam's second moment, for its own parameters only, which come last.
        applied: accepted steps ().
    """

    def __init__(
        self,
        flat: FlatParameters,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        streams: Streams | None = None,
    ) -> None:
        self.flat = flat
        self.momentum, self.betas = momentum, betas
        self._streams = streams or Streams(1)
        self.rate = torch.zeros((), device=flat.values.device)
        self.applied = torch.zeros_like(self.rate)
        self.first = torch.zeros_like(flat.values)
        self.second = torch.zeros_like(flat.values[flat.matrices :])

    @torch.no_grad()
    def step(self, accept: Tensor, matrices: int = 1) -> None:
        """One update from `FlatParameters.gradient`.

        ``accept`` () is 1, or 0 for a step that changes nothing; then the gradient must be zero.
        Muon's matrices move ``matrices`` times as far as in a usual step; with 0 they do not move
        and only accumulate momentum.
        """
        self.applied += accept
        count = self._streams.count
        parts = []
        for stack in self.flat.stacks:
            if stack.muon:
                size = -(-stack.shape[0] // count)
                vectors = (self.flat.values, self.flat.gradient, self.first)
                pieces = (torch.split(stack.of(vector), size) for vector in vectors)
                parts += [(stack, matrices, *piece) for piece in zip(*pieces, strict=True)]
            else:
                self._adam(stack, accept)
        self._streams.map(lambda part: self._muon(accept, *part), parts)

    @torch.no_grad()
    def _muon(
        self,
        accept: Tensor,
        stack: Stack,
        times: int,
        values: Tensor,
        gradient: Tensor,
        first: Tensor,
    ) -> None:
        first.lerp_(gradient, accept * (1.0 - self.momentum))
        if not times:
            return
        update = orthogonalise(gradient.lerp(first, self.momentum))
        size = times * 0.2 * max(stack.shape[1:]) ** 0.5
        values.addcmul_(update, self.rate * accept * (-stack.factor * size))

    def _adam(self, stack: Stack, accept: Tensor) -> None:
        keep_first, keep_second = self.betas
        values, gradient, first = (
            stack.of(v) for v in (self.flat.values, self.flat.gradient, self.first)
        )
        matrices = self.flat.matrices
        second = self.second[stack.where.start - matrices : stack.where.stop - matrices]
        first.lerp_(gradient, accept * (1.0 - keep_first))
        second.lerp_(gradient.square(), accept * (1.0 - keep_second))
        steps = self.applied.clamp(min=1.0)
        scale = (second / (1.0 - keep_second**steps)).sqrt_().add_(1e-9)
        rate = self.rate * accept * (-stack.factor) / (1.0 - keep_first**steps)
        values.addcdiv_(first * rate, scale)

    def state(self) -> dict[str, Tensor]:
        """All state but the learning rate, by name, as views."""
        first = self.flat.views(self.first)
        second = self.flat.views(self.second, matrices=False)
        return {
            "applied": self.applied,
            **{f"{name}/first": view for name, view in first.items()},
            **{f"{name}/second": view for name, view in second.items()},
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Restore the `state` of an optimiser over the same parameters.

        Raises:
            KeyError: a tensor is missing.
        """
        for name, value in self.state().items():
            value.copy_(state[name])
