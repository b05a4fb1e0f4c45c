"""The whole codec as one trainable model: transforms, hyper-latent prior, entropy twin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lcodec.entropy.network import EntropyNetwork, State
from lcodec.entropy.registry import make_network
from lcodec.integer import profile as P
from lcodec.integer.condition import Condition
from lcodec.integer.likelihood import index_to_sigma, logistic_bits
from lcodec.integer.twin import TwinKit
from lcodec.modules.quality import QualityTable
from lcodec.nets.looks import after_looks
from lcodec.nets.transforms import HYPER_STRIDE, PATCH, Transforms
from lcodec.weights.config import ModelConfig


class HyperPrior(nn.Module):
    """Factorised prior of z: one logistic per channel and quality."""

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.mean = QualityTable(anchors, channels, 0.0)
        self.log_sigma = QualityTable(anchors, channels, 0.5)

    def predict(self, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of z in steps (B, channels, 1, 1)."""
        mean = self.mean(quality)[:, :, None, None]
        index = (self.log_sigma(quality) - P.LOG_SIGMA_MIN) / P.LOG_SIGMA_STEP
        return mean, index_to_sigma(index)[:, :, None, None]

    def bits(self, z: Tensor, quality: Tensor) -> Tensor:
        """Bits of every element of z (B, channels, h, w)."""
        return logistic_bits(z, *self.predict(quality))


@dataclass
class Estimate:
    """Bits of y and z summed per picture (B,), and decoded pixels (B, 3, H, W)."""

    bits_y: Tensor
    bits_z: Tensor
    pixels: Tensor | None


def round_through(x: Tensor) -> Tensor:
    """Round, with the gradient of ``x`` (straight-through)."""
    return x + (torch.round(x) - x).detach()


class TwinCodec(nn.Module):
    """Transforms plus one entropy model, differentiable."""

    def __init__(self, config: ModelConfig | None = None, rounding: bool = True) -> None:
        super().__init__()
        self.config = config or ModelConfig()
        self.kit = TwinKit(rounding, self.config.entropy.anchors)
        self.transforms = Transforms(self.config.transforms)
        self.prior = HyperPrior(self.config.entropy.hyper_latent, self.config.entropy.anchors)
        self.network: EntropyNetwork[State] = make_network(self.config.entropy, self.kit)
        self.rescale(self.config.scale)

    def rescale(self, scale: tuple[float, ...]) -> None:
        """Set the quality of each level of a file to ``scale``; see `ModelConfig`."""
        self.config = replace(self.config, scale=scale)
        for module in self.modules():
            if isinstance(module, QualityTable):
                module.scale = torch.tensor(scale, dtype=torch.float32) if scale else None

    def latents(self, pixels: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """y (B, M, H/16, W/16) and z (B, Z, H/64, W/64) before rounding, in steps."""
        y = self.transforms.analyse(pixels, quality)
        return y, self.transforms.hyper_analysis(y)

    def after_looks(self, y: Tensor, pixels: Tensor, quality: Tensor) -> Tensor:
        """y as it is coded when rounded; see `lcodec.nets.looks.after_looks`."""
        return after_looks(self.transforms, self.config.factors, y, pixels, quality)

    def forward(self, pixels: Tensor, quality: Tensor) -> Estimate:
        """Code ``pixels`` (B, 3, H, W) in [0, 1], sides multiples of 64, at ``quality`` (B,)."""
        y, z = self.latents(pixels, quality)
        return self.code(self.after_looks(y, pixels, quality), z, quality)

    def draw_noise(
        self, count: int, side: int, device: torch.device | None = None
    ) -> tuple[Tensor, ...]:
        """Uniform noise in -1/2..1/2 for y and for z of ``count`` pictures of ``side`` pixels."""
        config = self.config.transforms
        return tuple(
            torch.rand(count, channels, side // stride, side // stride, device=device) - 0.5
            for channels, stride in (
                (config.latent, PATCH),
                (config.hyper_latent, PATCH * HYPER_STRIDE),
            )
        )

    def predict(self, y_hat: Tensor, z_hat: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of every latent in steps, two (B, M, h, w).

        ``y_hat`` (B, M, h, w), of which each latent sees those before it; ``z_hat`` (B, Z, h/4,
        w/4); ``quality`` (B,).
        """
        deviation = self.transforms.gains(quality) * self.transforms.gains.deviation
        normalised = self.kit.latent_input(y_hat, deviation)
        condition = Condition(quality, deviation=deviation)
        mean, index = self.network.parallel(z_hat, normalised, condition)
        return mean, index_to_sigma(index)

    def code(self, y: Tensor, z: Tensor, quality: Tensor, reconstruct: bool = True) -> Estimate:
        """Bits of y and z when rounded, and the pictures decoded from y."""
        y_hat, z_hat = torch.round(y), torch.round(z)
        bits_y, bits_z = self.rate(y_hat, z_hat, y_hat, z_hat, quality)
        picture = self.transforms.synthesise(y_hat, quality) if reconstruct else None
        return Estimate(bits_y, bits_z, picture)

    def rate(
        self, y_hat: Tensor, z_hat: Tensor, y_rate: Tensor, z_rate: Tensor, quality: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Bits per picture (B,) of y and z.

        The entropy model sees ``y_hat`` (B, M, h, w) and ``z_hat`` (B, Z, h/4, w/4); the bits are
        those of ``y_rate`` and ``z_rate`` under its distributions.
        """
        bits_y = logistic_bits(y_rate.float(), *self.predict(y_hat, z_hat, quality))
        bits_z = self.prior.bits(z_rate.float(), quality)
        return bits_y.flatten(1).sum(1), bits_z.flatten(1).sum(1)
