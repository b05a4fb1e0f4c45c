"""The feed-forward block on a residual stream, written over a kit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class FeedForward(nn.Module):
    """Norm, widening with a rectifier, and back, added to the stream (..., width)."""

    def __init__(self, width: int, expansion: int, kit: Any) -> None:
        super().__init__()
        self.kit = kit
        self.norm = kit.norm(width)
        self.up = kit.linear(width, expansion * width, "relu")
        self.down = kit.linear(expansion * width, width, "residual", closed=True)

    def forward(self, stream: Tensor) -> Tensor:
        return self.kit.add(stream, self.down(self.up(self.norm(stream))))
