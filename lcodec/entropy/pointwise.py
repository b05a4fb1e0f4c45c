"""Base of the models without attention: hyper features, then a network for each position.

The parameters network sees one position at a time: pre-norm feed-forward blocks on a residual
stream, where published models have a few 1x1 convolutions. Concatenating two inputs before a 1x1
convolution amounts to adding their projections, which is what the stream does.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lcodec.entropy.feedforward import FeedForward
from lcodec.entropy.network import EntropyConfig, EntropyNetwork, Prediction, StateT
from lcodec.integer.condition import Condition
from lcodec.integer.kit import RESIDUAL, Kit, check_norm
from lcodec.modules.typed import Typed, TypedList


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


class PointwiseNetwork(EntropyNetwork[StateT]):
    """Hyper-synthesis, quality, feed-forwards and one head for all latents."""

    config: PointwiseConfig

    def __init__(self, config: PointwiseConfig, kit: Kit) -> None:
        super().__init__(config, kit)
        width = config.width
        self.features = kit.linear(config.hyper_width, width, RESIDUAL)
        self.quality_table = kit.quality_table(width)
        self.layers = TypedList(
            FeedForward(width, config.expansion, kit) for _ in range(config.depth)
        )
        self.norm = kit.norm(width)
        self.head = kit.head(width, self.channels(0))

    def channels(self, index: int) -> slice:
        return slice(0, self.config.latent)

    def side(self, z_hat: Tensor, condition: Condition) -> Tensor:
        """Residuals (B, h, w, width) before any latent: hyper features and quality."""
        features = self.features(self.synthesis(z_hat))
        return self.kit.add(features, self.quality_table(condition.quality)[:, None, None])

    def parameters_of(self, stream: Tensor, condition: Condition) -> Prediction:
        """Mean and scale index (B, ..., M) from residuals (B, ..., width)."""
        for layer in self.layers:
            stream = layer(stream)
        return self.head(self.norm(stream), condition)


class MaskedContext(Typed[[Tensor, Tensor], Tensor]):
    """Masked convolution over decoded latents.

    A position contributes a token: the embedding of its latents added to its hyper features, and
    normalised to 8-bit activations. Relative to the features, the size of the latents survives the
    norm. Published models convolve the latents alone.
    """

    def __init__(self, latent: int, width: int, taps: int, kit: Kit) -> None:
        super().__init__()
        self.kit = kit
        self.embed = kit.embedding(latent, width)
        self.norm = kit.norm(width)
        self.combine = kit.closing(taps * width, width)

    def tokens(self, side: Tensor, inputs: Tensor) -> Tensor:
        """Activations (..., width) of positions with features ``side`` and latents ``inputs``."""
        return self.norm(self.kit.add(side, self.embed(inputs)))

    def forward(self, stream: Tensor, neighbours: Tensor) -> Tensor:
        """Add the context to residuals (..., width); ``neighbours`` (..., taps * width)."""
        return self.kit.add(stream, self.combine(neighbours))
