"""Compute parts of a batch in parallel, one thread each.

Threads that share every operation of a small network are used badly: they synchronise after each
one, and operations too small to share leave all but one idle. Threads that each take a part of the
batch synchronise once per step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from lcodec.training.objective import Losses

T = TypeVar("T")
R = TypeVar("R")
Batch = tuple[Tensor, ...]


class Streams:
    """``count`` threads that divide torch's own between them; if 1, only the caller's thread."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._inner = max(1, torch.get_num_threads() // count)
        self._pool: ThreadPoolExecutor | None = None

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Results of all items, in order."""
        if self.count == 1:
            return [function(item) for item in items]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.count, "stream", initializer=self._begin)
        return list(self._pool.map(function, items))

    def _begin(self) -> None:
        # Both settings are per thread. Denormal moments would slow every step down.
        torch.set_num_threads(self._inner)
        torch.set_flush_denormal(True)

    def gradients(
        self,
        losses: Callable[..., Losses],
        batch: Batch,
        parameters: Sequence[Tensor],
        into: Sequence[Tensor],
    ) -> Losses:
        """Write the gradient of a batch's loss to ``into``; returns its losses, detached.

        ``losses`` is called with parts of the batch; the loss is a mean over its pictures. Parts
        are always summed in the same order, so that equal seeds give equal weights.
        """
        size = len(batch[0])
        sizes = [len(part) for part in torch.arange(size).tensor_split(min(size, self.count))]
        parts = zip(*(torch.split(tensor, sizes) for tensor in batch), strict=True)

        def work(part: Batch) -> tuple[Losses, tuple[Tensor | None, ...]]:
            found = losses(*part)
            share = found.loss * (len(part[0]) / size)
            gradient = torch.autograd.grad(share, parameters, allow_unused=True)
            return replace(found, loss=share.detach()), gradient

        done = self.map(work, parts)
        with torch.no_grad():
            whole = [gradient for gradient in done[0][1] if gradient is not None]
            if len(done) == 1 and len(whole) == len(into):
                torch._foreach_copy_(list(into), whole)
                return done[0][0]
            for target, *gradients in zip(into, *(g for _, g in done), strict=True):
                _sum([gradient for gradient in gradients if gradient is not None], target)
        return Losses(
            torch.stack([found.loss for found, _ in done]).sum(),
            *(
                torch.cat([getattr(found, name) for found, _ in done])
                for name in ("bpp_y", "bpp_z", "error", "distance", "unrest")
            ),
        )


def _sum(parts: list[Tensor], target: Tensor) -> None:
    if not parts:
        target.zero_()
    elif len(parts) == 1:
        target.copy_(parts[0])
    else:
        torch.add(parts[0], parts[1], out=target)
        for part in parts[2:]:
            target += part
