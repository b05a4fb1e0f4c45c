"""Muon for matrices, Adam for the rest, in one optimiser.

Muon (Jordan et al., 2024): momentum, then orthogonalisation of the update by a Newton-Schulz
iteration; the update is scaled by ``0.2 * sqrt(larger side)`` so that its size matches Adam's.
Matrices of equal shape are stacked and iterated together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from lcodec.nets.precision import has_fast_bfloat16
from lcodec.training.streams import Streams

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(update: Tensor, steps: int = 4) -> Tensor:
    """Approximate nearest semi-orthogonal matrices of a stack (n, rows, columns)."""
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


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Whether a parameter is updated by Muon: dense matrices and 1x1 convolutions."""
    if any(part in name for part in ("values", "table", "spatial", "scores")):
        return False
    shape = parameter.shape
    if len(shape) == 4:
        return shape[2:] == (1, 1) and min(shape[:2]) > 1
    return len(shape) == 2


class MuonAdam(torch.optim.Optimizer):
    """See the module. ``slow`` names parameters that take ``slow_factor`` of the rate."""

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        lr: float = 2.5e-3,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        slow: tuple[str, ...] = ("analysis.linear", "synthesis.linear"),
        slow_factor: float = 0.1,
        streams: Streams | None = None,
    ) -> None:
        self._streams = streams or Streams(1)
        groups: dict[tuple[bool, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in named:
            if parameter.requires_grad:
                factor = slow_factor if any(s in name for s in slow) else 1.0
                groups[is_matrix(name, parameter), factor].append(parameter)
        super().__init__(
            [{"params": p, "muon": muon, "factor": f} for (muon, f), p in groups.items()],
            {"lr": lr, "momentum": momentum, "betas": betas, "steps": 0},
        )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of all parameters that have gradients."""
        for group in self.param_groups:
            group["steps"] += 1
            live = [p for p in group["params"] if p.grad is not None]
            (self._muon if group["muon"] else self._adam)(group, live)

    def _muon(self, group: dict[str, object], parameters: list[nn.Parameter]) -> None:
        momentum = float(group["momentum"])  # type: ignore[arg-type]
        rate = float(group["lr"]) * float(group["factor"])  # type: ignore[arg-type]
        shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
        for p in parameters:
            shapes[p.flatten(1).shape].append(p)
            if "momentum" not in self.state[p]:
                self.state[p]["momentum"] = torch.zeros_like(p)

        @torch.no_grad()
        def update(equal: list[nn.Parameter]) -> None:
            updates = []
            for p in equal:
                assert p.grad is not None
                buffer = self.state[p]["momentum"]
                buffer.lerp_(p.grad, 1.0 - momentum)
                updates.append(p.grad.lerp(buffer, momentum).flatten(1))
            stack = orthogonalise(torch.stack(updates))
            size = 0.2 * max(stack.shape[1:]) ** 0.5
            for p, matrix in zip(equal, stack, strict=True):
                p.add_(matrix.view_as(p), alpha=-rate * size)

        count = self._streams.count
        parts = [equal[start::count] for equal in shapes.values() for start in range(count)]
        self._streams.map(update, [part for part in parts if part])

    def _adam(self, group: dict[str, object], parameters: list[nn.Parameter]) -> None:
        first, second = group["betas"]  # type: ignore[misc]
        steps = int(group["steps"])  # type: ignore[call-overload]
        rate = float(group["lr"]) * float(group["factor"])  # type: ignore[arg-type]
        for p in parameters:
            assert p.grad is not None
            state = self.state[p]
            if "mean" not in state:
                state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
            state["mean"].lerp_(p.grad, 1.0 - first)  # type: ignore[has-type]
            state["square"].mul_(second).addcmul_(p.grad, p.grad, value=1.0 - second)  # type: ignore[has-type]
            scale = (state["square"] / (1.0 - second**steps)).sqrt_().add_(1e-9)  # type: ignore[has-type]
            p.addcdiv_(state["mean"], scale, value=-rate / (1.0 - first**steps))  # type: ignore[has-type]
