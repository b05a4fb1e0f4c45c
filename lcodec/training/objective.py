"""Training objectives: the batches they draw and their losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from lcodec.format import QUALITY_MAX
from lcodec.metrics.smooth import unrest
from lcodec.metrics.ssimulacra2 import distances_and_fine
from lcodec.nets.precision import reduced_precision
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import Tune
from lcodec.training.data import Crops
from lcodec.training.latents import LatentCrops
from lcodec.training.options import TrainOptions
from lcodec.training.rates import picture_bits, rounded
from lcodec.twin.codec import TwinCodec


@dataclass
class Losses:
    """Loss of a batch (), and per picture (B,) the bits per pixel of y and z and the distortions.

    ``error`` is the mean squared error of pixels in [0, 1], ``distance`` the SSIMULACRA2 distance
    with the fine dissimilarity as weighted by the tune, ``unrest`` is explained in
    `lcodec.metrics.smooth`; 0 where not computed.
    """

    loss: Tensor
    bpp_y: Tensor
    bpp_z: Tensor
    error: Tensor
    distance: Tensor
    unrest: Tensor


class Distortions(NamedTuple):
    """Distortions (B,) that a tune may count, as in `Losses`."""

    error: Tensor
    distance: Tensor
    unrest: Tensor


def distortions(tune: Tune, pixels: Tensor, shown: Tensor) -> Distortions:
    """The distortions of pictures (B, 3, H, W) in [0, 1] against the originals ``pixels``."""
    error = squared_error(shown, pixels)
    nothing = torch.zeros_like(error)
    distance = nothing
    if tune.perceived is not None:
        plain, fine = distances_and_fine(pixels, shown)
        distance = plain + tune.fine * fine
    return Distortions(error, distance, nothing if tune.calm is None else unrest(pixels, shown))


def costs(
    bpp: Tensor, tune: Tune, quality: Tensor, error: Tensor, distance: Tensor, unrest: Tensor
) -> Tensor:
    """Bits per pixel of pictures and of what their distortions are worth to a tune, all (B,)."""
    cost = bpp + tune.error.at(quality) * 255.0**2 * error
    if tune.perceived is not None:
        cost = cost + tune.perceived.at(quality) * distance
    if tune.calm is not None:
        cost = cost + tune.calm.at(quality) * unrest
    return cost


def sample_loss(bpp: Tensor, tune: Tune, quality: Tensor, *lost: Tensor) -> Tensor:
    """Mean loss of a batch for a tune, see `lcodec.nets.tune`; arguments as for `costs`."""
    return (costs(bpp, tune, quality, *lost) / tune.reference.at(quality).sqrt()).mean()


def squared_error(shown: Tensor, pixels: Tensor) -> Tensor:
    """Mean squared error (B,) between pictures (B, 3, H, W)."""
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
        """Mean bits per pixel on held-out crops; None if there are none."""
        ...


class PictureObjective:
    """Rate and distortion of random crops of pictures.

    The latents are those of the encoder, after its looks at what they decode to, unless the options
    do without. The rate sees
    additive noise in place of rounding; contexts and synthesis see the rounded latents with
    straight-through gradients. These are noisy, but less noisy alternatives gave worse results:
    see `docs/log/generation-1.md`, "What the analysis learns from". In stage ``decoder``, where
    the analysis stays as it is, nothing needs noise but z.
    """

    def __init__(
        self, model: TwinCodec, data: Crops, device: torch.device, options: TrainOptions
    ) -> None:
        self.model, self.data, self.device, self.options = model, data, device, options
        self.tune = model.config.factors

    def draw(self, count: int, side: int) -> tuple[Tensor, ...]:
        pixels = self.data.batch(count, side).to(self.device, non_blocking=True).float() / 255.0
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        # Stratified, one picture per stratum, so that no batch is all of one quality.
        within, order = torch.rand(2, count, device=self.device)
        strata = (torch.arange(count, device=self.device) + within) / count
        quality = strata[order.argsort()] * QUALITY_MAX
        return pixels, quality, *self.model.draw_noise(count, side, self.device)

    def losses(self, *batch: Tensor) -> Losses:
        pixels, quality, *noise = batch
        with reduced_precision(self.device):
            transforms = self.model.transforms
            with torch.set_grad_enabled(self.options.stage != "decoder"):
                y = transforms.analyse(pixels, quality)
            z = transforms.hyper_analysis(y)
            if self.options.looks:
                y = self.model.after_looks(y, pixels, quality)
            bits_y, bits_z = picture_bits(
                self.model, y, z, (noise[0], noise[1]), quality, self.options
            )
            shown = transforms.synthesise(rounded(y, self.options), quality)
        lost = distortions(self.tune, pixels, shown)
        bpp_y, bpp_z = (bits / (pixels.shape[2] * pixels.shape[3]) for bits in (bits_y, bits_z))
        loss = sample_loss(bpp_y + bpp_z, self.tune, quality, *lost)
        figures = (part.detach() for part in (bpp_y, bpp_z, *lost))
        return Losses(loss, *figures)

    def validate(self) -> float | None:
        return None


class LatentObjective:
    """Rate of precomputed latents under frozen transforms."""

    def __init__(self, model: TwinCodec, crops: LatentCrops, device: torch.device) -> None:
        self.model, self.crops, self.device = model, crops, device
        self.tune = model.config.factors

    def draw(self, count: int, side: int) -> tuple[Tensor, ...]:
        parts = self.crops.draw(count, side)
        return tuple(part.to(self.device, non_blocking=True) for part in parts)

    def losses(self, *batch: Tensor) -> Losses:
        y, z, quality = batch
        with reduced_precision(self.device):
            bits_y, bits_z = self.model.rate(y, z, y, z, quality)
        area = y.shape[2] * y.shape[3] * PATCH**2
        bpp_y, bpp_z = bits_y / area, bits_z / area
        nothing = torch.zeros_like(bits_y)
        loss = sample_loss(bpp_y + bpp_z, self.tune, quality, nothing, nothing, nothing)
        return Losses(loss, bpp_y.detach(), bpp_z.detach(), nothing, nothing, nothing)

    @torch.no_grad()
    def validate(self) -> float | None:
        self.model.eval()
        total = 0.0
        rows = torch.arange(self.crops.training, len(self.crops.quality))
        for part in torch.split(rows, 4):
            losses = self.losses(*(t.to(self.device) for t in self.crops.pick(part)))
            total += float((losses.bpp_y + losses.bpp_z).sum())
        return total / len(rows)
