"""The feed-forward block on a residual stream, written over a kit."""

from __future__ import annotations

from torch import Tensor

from lcodec.integer.kit import RELU, Kit
from lcodec.modules.typed import Typed


class FeedForward(Typed[[Tensor], Tensor]):
    """Norm, widening with a rectifier, and back, added to the stream (..., width)."""

    def __init__(self, width: int, expansion: int, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.norm = kit.norm(width)
        self.up = kit.linear(width, expansion * width, RELU)
        self.down = kit.closing(expansion * width, width)

    def forward(self, stream: Tensor) -> Tensor:
        return self.kit.add(stream, self.down(self.up(self.norm(stream))))
