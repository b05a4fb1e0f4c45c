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

    The rate sees additive noise in place of rounding, contexts the rounded latents with
    straight-through gradients. Synthesis and gains learn from the picture of the rounded latents.
    The analysis does not: a straight-through gradient tells it to undo each latent's own rounding
    error, which is noise (and for latents that round to zero a bias) many times larger than what
    there is to learn. It gets the gradient of the picture of the latents before rounding.
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
        transforms, weight = self.model.transforms, quality_lambdas(quality)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            values = transforms.analysis(pixels, quality, transforms.gains.deviation)
            gains = transforms.gains(quality)[:, :, None, None]
            y = values * gains
            z = transforms.hyper_analysis(y)
            y_hat, z_hat = round_through(y), round_through(z)
            noisy = (y + noise[0], z + noise[1])
            bits_y, bits_z = self.model.rate(y_hat, z_hat, *noisy, quality)
            # What rounding adds is a constant in steps, so that finer steps make it smaller.
            coded = values.detach() * gains + (y_hat - y).detach()
            error = squared_error(transforms.synthesise(coded, quality), pixels)
        area = pixels.shape[2] * pixels.shape[3]
        loss = sample_loss(bits_y + bits_z, area, error, weight)
        loss = loss + self._pull(values, gains, pixels, quality, weight)
        return Losses(loss, bits_y.detach() / area, bits_z.detach() / area, error.detach())

    def _pull(
        self, values: Tensor, gains: Tensor, pixels: Tensor, quality: Tensor, weight: Tensor
    ) -> Tensor:
        """Zero, with the gradient for ``values`` that the loss would have without rounding.

        ``values`` (B, M, h, w): latents in pixel units; ``gains`` (B, M, 1, 1);
        ``weight`` (B,): the Lagrange multipliers.
        """
        y = (values * gains).detach().requires_grad_()
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            shown = self.model.transforms.synthesise(y, quality)
            error = squared_error(shown, pixels)
        loss = sample_loss(torch.zeros_like(error), 1, error, weight)
        (gradient,) = torch.autograd.grad(loss, y)
        pull = (values * (gradient * gains).detach()).sum()
        return pull - pull.detach()

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
