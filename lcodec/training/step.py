"""One training step without synchronising with the device; on CUDA, recorded and replayed.

The learning rate, the weight of the running average and the figures for the log are tensors on
the device, and a step whose loss or gradient is not finite is masked out there. So the host can
run ahead of the device, and the whole step can be a CUDA graph. A CPU runs the very same code.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from lcodec.training.flat import FlatParameters
from lcodec.training.objective import Losses
from lcodec.training.optim import MuonAdam
from lcodec.training.streams import Batch, Streams

FIGURES = ("loss", "norm", "bpp_y", "bpp_z", "psnr", "distance", "unrest")
"""Figures summed over the accepted steps."""


class Step:
    """Gradient, update and averages for one batch.

    Attributes:
        average: running average of the parameters (n,).
        forget: share () of the average that a step replaces; set before each step.
        matrices: how far Muon's matrices move, see `MuonAdam.step`; set before each step.
        taken, skipped: numbers of steps () since the last `read`.
    """

    def __init__(
        self,
        losses: Callable[..., Losses],
        flat: FlatParameters,
        optimiser: MuonAdam,
        streams: Streams,
        clip: float,
    ) -> None:
        self.losses, self.flat, self.optimiser = losses, flat, optimiser
        self.streams, self.clip = streams, clip
        self.matrices = 1
        self.average = flat.values.clone()
        self.forget = torch.zeros_like(optimiser.rate)
        self.taken = torch.zeros_like(optimiser.rate)
        self.skipped = torch.zeros_like(optimiser.rate)
        self._sums = torch.zeros(len(FIGURES), device=flat.values.device)
        self._targets = list(flat.views(flat.gradient).values())

    def __call__(self, batch: Batch) -> None:
        """Learn from a batch of `lcodec.training.objective`."""
        parameters = list(self.flat.parameters.values())
        out = self.streams.gradients(self.losses, batch, parameters, self._targets)
        with torch.no_grad():
            gradient = self.flat.gradient
            norm = gradient.norm()
            accept = (torch.isfinite(out.loss) & torch.isfinite(norm)).float()
            # Zero times infinity is NaN, hence the second operation.
            gradient.mul_(accept * (self.clip / (norm + 1e-6)).clamp(max=1.0))
            gradient.nan_to_num_(0.0, 0.0, 0.0)
            self.optimiser.step(accept, self.matrices)
            self.average.lerp_(self.flat.values, accept * self.forget)
            self.taken += accept
            self.skipped += 1.0 - accept
            self._sums += (accept * _figures(out, norm)).nan_to_num_(0.0, 0.0, 0.0)

    def read(self) -> tuple[dict[str, float], int]:
        """Mean figures of the steps since the last call, and how many were skipped.

        Waits for the device.
        """
        taken = float(self.taken)
        found = self._sums.double().cpu() / max(1.0, taken)
        figures = dict(zip(FIGURES, found.tolist(), strict=True)) if taken else {}
        skipped = int(self.skipped)
        for tensor in (self.taken, self.skipped, self._sums):
            tensor.zero_()
        return figures, skipped


def _figures(out: Losses, norm: Tensor) -> Tensor:
    psnr = -10.0 * out.error.clamp(min=1e-10).log10()
    means = (value.mean() for value in (out.bpp_y, out.bpp_z, psnr, out.distance, out.unrest))
    return torch.stack([out.loss, norm, *means])


class GraphedStep:
    """Records ``step`` as a CUDA graph for each kind of batch, and replays it.

    The first `WARMUP` steps of each kind run directly, while libraries choose algorithms and
    compile. All graphs are dropped when the ``phase`` changes, since no phase recurs.
    """

    WARMUP = 3

    def __init__(self, step: Callable[[Batch], None]) -> None:
        self.step = step
        self._phase: Hashable = None
        self._seen: dict[Hashable, int] = {}
        self._graphs: dict[Hashable, tuple[torch.cuda.CUDAGraph, list[Tensor]]] = {}
        self._side = torch.cuda.Stream()  # type: ignore[no-untyped-call]

    def __call__(self, phase: Hashable, kind: Hashable, batch: Batch) -> None:
        """Run a step; all that is not a tensor depends on ``phase`` and ``kind`` alone."""
        if phase != self._phase:
            self._graphs.clear()
            self._seen.clear()
            self._phase = phase
        if kind not in self._graphs:
            self._seen[kind] = self._seen.get(kind, 0) + 1
            if self._seen[kind] <= self.WARMUP:
                self._warm(batch)
                return
            inputs = [part.clone() for part in batch]
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self.step(tuple(inputs))
            self._graphs[kind] = graph, inputs
        graph, inputs = self._graphs[kind]
        torch._foreach_copy_(inputs, list(batch))
        graph.replay()

    def _warm(self, batch: Batch) -> None:
        # On a side stream, as CUDA graphs require for the warm-up.
        self._side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._side):
            self.step(batch)
        torch.cuda.current_stream().wait_stream(self._side)


class Pace:
    """Keeps the host at most ``ahead`` steps ahead of a CUDA device, so that measured times hold.

    It waits for an earlier step, never for the current one. On a CPU it does nothing.
    """

    def __init__(self, device: torch.device, ahead: int = 8) -> None:
        self._ahead = ahead if device.type == "cuda" else 0
        self._events: deque[torch.cuda.Event] = deque()

    def step(self) -> None:
        """Call after each step."""
        if not self._ahead:
            return
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        self._events.append(event)
        if len(self._events) > self._ahead:
            self._events.popleft().synchronize()
