"""What the models without attention share: hyper features in, a network for each position out.

The parameters network sees one position at a time: pre-norm feed-forward blocks on a residual
stream, where published models have a few 1x1 convolutions. Joining two inputs by concatenation
before a 1x1 convolution is adding their projections, which is what the stream does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.network import EntropyConfig, EntropyNetwork, check_norm
from lcodec.integer.condition import Condition


@dataclass(frozen=True)
class PointwiseConfig(EntropyConfig):
    """Sizes of the parameters network.

    Attributes:
        width: channels of the residual stream.
        depth: feed-forward blocks.
        expansion: widening inside them.
    """

    width: int = 256
    depth: int = 3
    expansion: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.depth, self.expansion) < 1:
            raise ValueError("width, depth and expansion must be at least 1")
        check_norm(self.width)


class PointwiseNetwork(EntropyNetwork):
    """Hyper-synthesis, quality, feed-forwards and one head for all latents."""

    def __init__(self, config: PointwiseConfig, kit: Any) -> None:
        super().__init__(config, kit)
        width = config.width
        self.features = kit.linear(config.hyper_width, width, "residual")
        self.quality_table = kit.quality_table(config.anchors, width)
        self.layers = nn.ModuleList(
            FeedForward(width, config.expansion, kit) for _ in range(config.depth)
        )
        self.norm = kit.norm(width)
        self.head = kit.head(width, 0, config.latent)

    def channels(self, index: int) -> slice:
        return slice(0, self.config.latent)

    def side(self, z_hat: Tensor, condition: Condition) -> Tensor:
        """What is known of every position before any latent: residuals (B, h, w, width)."""
        features = self.features(self.synthesis(z_hat))
        return self.kit.add(features, self.quality_table(condition.quality)[:, None, None])

    def parameters_of(self, stream: Tensor, condition: Condition) -> tuple[Tensor, Tensor]:
        """Mean and scale index (B, ..., M) from residuals (B, ..., width)."""
        for layer in self.layers:
            stream = layer(stream)
        return self.head(self.norm(stream), condition)


class MaskedContext(nn.Module):
    """Masked convolution over decoded latents.

    A token, what a position tells its neighbours, is its latents' embedding added to its hyper
    features, brought to 8-bit activations by a norm: the features are the measure by which the
    latents still show their size after the norm. Published models convolve the latents alone.
    """

    def __init__(self, latent: int, width: int, taps: int, kit: Any) -> None:
        super().__init__()
        self.kit = kit
        self.embed = kit.embedding(latent, width)
        self.norm = kit.norm(width)
        self.combine = kit.linear(taps * width, width, "residual", closed=True)

    def tokens(self, side: Tensor, inputs: Tensor) -> Tensor:
        """Activations (..., width) of positions with features ``side`` and latents ``inputs``."""
        return self.norm(self.kit.add(side, self.embed(inputs)))

    def forward(self, stream: Tensor, neighbours: Tensor) -> Tensor:
        """Add the context to residuals (..., width); ``neighbours`` (..., taps * width)."""
        return self.kit.add(stream, self.combine(neighbours))
