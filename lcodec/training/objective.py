"""What a step of training draws, and the loss it lowers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lcodec.nets.quality import QUALITY_MAX, quality_lambdas
from lcodec.nets.transforms import PATCH
from lcodec.training.data import CropDataset
from lcodec.training.latents import LatentCrops
from lcodec.training.model import TrainingCodec, round_through


@dataclass
class Losses:
    """Loss of a batch; per picture (B,): bits per pixel of y and z, mean squared error."""

    loss: Tensor
    bpp_y: Tensor
    bpp_z: Tensor
    error: Tensor


def sample_loss(bits: Tensor, pixels_per_sample: int, error: Tensor | None, lam: Tensor) -> Tensor:
    """Mean over samples of ``(bpp + lambda * 255^2 * MSE) / sqrt(lambda)``."""
    cost = bits / pixels_per_sample
    if error is not None:
        cost = cost + lam * 255.0**2 * error
    return (cost / lam.sqrt()).mean()


def squared_error(shown: Tensor, pixels: Tensor) -> Tensor:
    """Mean squared error of each picture (B,)."""
    return (shown - pixels).square().flatten(1).mean(1)


class Objective(Protocol):
    """Batches and their loss."""

    def draw(self, count: int, side: int) -> tuple[Tensor, ...]:
        """A batch of ``count`` crops of ``side`` pixels."""
        ...

    def losses(self, *batch: Tensor) -> Losses:
        """The loss of a batch; may be compiled."""
        ...

    def validate(self) -> float | None:
        """Mean bits per pixel on crops that are not trained on; None where there are none."""
        ...


class PictureObjective:
    """Rate and distortion of random crops of pictures.

    The rate sees additive noise in place of rounding; contexts and synthesis see the rounded
    latents with straight-through gradients. That is noisy, but what seems better is not: see
    `docs/training.md`, "What the analysis learns from".
    """

    def __init__(self, model: TrainingCodec, data: CropDataset, device: torch.device) -> None:
        self.model, self.data, self.device = model, data, device

    def draw(self, count: int, side: int) -> tuple[Tensor, ...]:
        pixels = self.data.batch(count, side).to(self.device, non_blocking=True).float() / 255.0
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        # Spread over the range, one picture per stratum, so that no batch is all of one quality.
        strata = (torch.arange(count) + torch.rand(count)) / count
        quality = (strata[torch.randperm(count)] * QUALITY_MAX).to(self.device)
        noise = self.model.draw_noise(count, side)
        return pixels, quality, *(part.to(self.device, non_blocking=True) for part in noise)

    def losses(self, *batch: Tensor) -> Losses:
        pixels, quality, *noise = batch
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            y, z = self.model.latents(pixels, quality)
            y_hat, z_hat = round_through(y), round_through(z)
            noisy = (y + noise[0], z + noise[1])
            bits_y, bits_z = self.model.rate(y_hat, z_hat, *noisy, quality)
            error = squared_error(self.model.transforms.synthesise(y_hat, quality), pixels)
        area = pixels.shape[2] * pixels.shape[3]
        loss = sample_loss(bits_y + bits_z, area, error, quality_lambdas(quality))
        return Losses(loss, bits_y.detach() / area, bits_z.detach() / area, error.detach())

    def validate(self) -> float | None:
        return None


class LatentObjective:
    """Rate of latents computed beforehand, under frozen transforms."""

    def __init__(self, model: TrainingCodec, crops: LatentCrops, device: torch.device) -> None:
        self.model, self.crops, self.device = model, crops, device

    def draw(self, count: int, side: int) -> tuple[Tensor, ...]:
        parts = self.crops.draw(count, side)
        return tuple(part.to(self.device, non_blocking=True) for part in parts)

    def losses(self, *batch: Tensor) -> Losses:
        y, z, quality = batch
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            bits_y, bits_z = self.model.rate(y, z, y, z, quality)
        area = y.shape[2] * y.shape[3] * PATCH**2
        loss = sample_loss(bits_y + bits_z, area, None, quality_lambdas(quality))
        nothing = torch.zeros_like(bits_y)
        return Losses(loss, bits_y.detach() / area, bits_z.detach() / area, nothing)

    @torch.no_grad()
    def validate(self) -> float | None:
        self.model.eval()
        total = 0.0
        rows = torch.arange(self.crops.training, len(self.crops.quality))
        for part in torch.split(rows, 4):
            losses = self.losses(*(t.to(self.device) for t in self.crops.pick(part)))
            total += float((losses.bpp_y + losses.bpp_z).sum())
        return total / len(rows)
