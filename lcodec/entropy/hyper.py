"""Hyper-synthesis: hyper-latents to features for the context model, on the parse path."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lcodec.integer.kit import HYPER, RELU, RESIDUAL, Kit
from lcodec.integer.layout import shuffle_up
from lcodec.modules.typed import Typed


@dataclass(frozen=True)
class HyperSynthesisConfig:
    """Channels of z and of the features."""

    hyper_latent: int
    width: int


class HyperBlock(Typed[[Tensor], Tensor]):
    """Depthwise mixer and feed-forward on the residual stream (B, h, w, C)."""

    def __init__(self, width: int, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.norm_spatial = kit.norm(width)
        self.spatial = kit.depthwise(width)
        self.project = kit.closing(width, width)
        self.norm_forward = kit.norm(width)
        self.up = kit.linear(width, 2 * width, RELU)
        self.down = kit.closing(2 * width, width)

    def forward(self, stream: Tensor) -> Tensor:
        update = self.project(self.spatial(self.norm_spatial(stream)))
        stream = self.kit.add(stream, update)
        return self.kit.add(stream, self.down(self.up(self.norm_forward(stream))))


class HyperSynthesis(Typed[[Tensor], Tensor]):
    """h_s: z (B, hyper, h/4, w/4) integers -> activations (B, h, w, width)."""

    def __init__(self, config: HyperSynthesisConfig, kit: Kit) -> None:
        super().__init__()
        width = config.width
        self.kit = kit
        self.enter = kit.linear(config.hyper_latent, width, RESIDUAL, HYPER)
        self.block64 = HyperBlock(width, kit)
        self.norm64 = kit.norm(width)
        self.expand32 = kit.linear(width, 4 * width, RESIDUAL)
        self.block32 = HyperBlock(width, kit)
        self.norm32 = kit.norm(width)
        self.expand16 = kit.linear(width, 4 * width, RESIDUAL)
        self.block16 = HyperBlock(width, kit)
        self.norm16 = kit.norm(width)

    def forward(self, z_hat: Tensor) -> Tensor:
        stream = self.block64(self.enter(self.kit.hyper_input(z_hat.permute(0, 2, 3, 1))))
        stream = self.block32(shuffle_up(self.expand32(self.norm64(stream))))
        stream = self.block16(shuffle_up(self.expand16(self.norm32(stream))))
        return self.norm16(stream)
