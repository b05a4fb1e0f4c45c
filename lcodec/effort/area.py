"""One piece of a picture whose symbols are optimised together, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.container import Header
from lcodec.effort.proxy import Proxy
from lcodec.effort.worth import worth_at
from lcodec.integer.likelihood import logistic_bits
from lcodec.metrics.smooth import unrest
from lcodec.metrics.ssimulacra2 import distances
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.picture import Samples
from lcodec.pipeline.areas import TileArea, tile_areas
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.tiles import PictureSymbols

SIDE = 64  # latent positions: a tile of the usual size is one area
MARGIN = 4  # latent positions around an area whose pixels it changes noticeably


@dataclass(frozen=True)
class Area:
    """A piece of a tile: its place on the latent grid of the picture, and on that of z."""

    tile: TileArea
    rows: slice
    columns: slice

    @property
    def z_rows(self) -> slice:
        """Rows of the tile's z."""
        return _hyper(self.rows, self.tile.rows.start)

    @property
    def z_columns(self) -> slice:
        """Columns of the tile's z."""
        return _hyper(self.columns, self.tile.columns.start)


def _hyper(part: slice, origin: int) -> slice:
    return slice((part.start - origin) // HYPER_STRIDE, -(-(part.stop - origin) // HYPER_STRIDE))


def areas(header: Header, side: int = SIDE) -> Iterator[Area]:
    """All areas of a picture; ``side`` is a multiple of 4."""
    for tile in tile_areas(header):
        for top in range(tile.rows.start, tile.rows.stop, side):
            for left in range(tile.columns.start, tile.columns.stop, side):
                rows = slice(top, min(top + side, tile.rows.stop))
                columns = slice(left, min(left + side, tile.columns.stop))
                yield Area(tile, rows, columns)


@dataclass(frozen=True)
class Costs:
    """Cost of the symbols of an area, and how it changes with each of them, all in bits.

    Attributes:
        total: bits plus the worth of the distortion.
        slope: gradient of all but a symbol's own bits, (1, M, h, w): of the distortion, and of
            the bits of those symbols that are predicted from it.
        mean, sigma: prediction of every symbol, for its own bits; shape as ``slope``.
    """

    total: float
    slope: Tensor
    mean: Tensor
    sigma: Tensor


class Problem:
    """The symbols of one area (1, M, h, w) to optimise, with the picture around them fixed.

    Distortion counts in the area and in a margin around it, within the picture.
    """

    def __init__(
        self,
        proxy: Proxy,
        transform: PixelTransform,
        header: Header,
        pixels: Samples,
        symbols: PictureSymbols,
        area: Area,
    ) -> None:
        self.proxy = proxy
        self.quality = proxy.quality(header.quality)
        device = self.quality.device
        self.start = torch.from_numpy(symbols.y[:, area.rows, area.columns].astype(np.float32)).to(
            device
        )[None]
        z = symbols.z[area.tile.number][:, area.z_rows, area.z_columns]
        self.z_hat = torch.from_numpy(z.astype(np.float32)).to(device)[None]
        rows, columns = (
            _with_margin(part, size)
            for part, size in zip((area.rows, area.columns), symbols.y.shape[1:], strict=True)
        )
        around = symbols.y[:, rows, columns].astype(np.float32)
        self.around = torch.from_numpy(around).to(device)[None]
        self.inside = (
            slice(area.rows.start - rows.start, area.rows.stop - rows.start),
            slice(area.columns.start - columns.start, area.columns.stop - columns.start),
        )
        self._set_target(transform, header, pixels, rows, columns)

    def _set_target(
        self,
        transform: PixelTransform,
        header: Header,
        pixels: Samples,
        rows: slice,
        columns: slice,
    ) -> None:
        """Set the pixels to approximate, cropped at the edges of the picture."""
        top, left = rows.start * PATCH, columns.start * PATCH
        bottom = min(rows.stop * PATCH, header.height)
        right = min(columns.stop * PATCH, header.width)
        target = transform.load(pixels, slice(top, bottom), slice(left, right))
        self.gray = header.channels == 1
        self.target = target[:, :1] if self.gray else target
        self.worth = worth_at(self.proxy.config, header.quality, (header.height, header.width))
        # Bits that a squared error of 1 in one sample is worth.
        self.weight = self.worth.error / header.channels

    def costs(self, symbols: Tensor, below: float) -> Costs | None:
        """Costs of symbols in the shape of ``start``; None if not in total less than ``below``."""
        own = symbols.detach()
        with torch.no_grad():
            distortion = float(self._distortion(own))
        latents = symbols.detach().requires_grad_()
        mean, sigma = self._predict(latents)
        bits = logistic_bits(own, mean, sigma).sum()
        total = float(bits.detach()) + distortion
        if not total < below:
            return None
        # One graph after the other: synthesis and entropy model never need memory together.
        (slope,) = torch.autograd.grad(bits, [latents])
        (seen,) = torch.autograd.grad(self._distortion(latents), [latents])
        return Costs(total, slope + seen, mean.detach(), sigma.detach())

    def curvature(self, generator: torch.Generator) -> Tensor:
        """Half the second derivative of the distortion, mean over each channel: (1, M, 1, 1).

        That of the squared error comes from products of the synthesis' transposed Jacobian with
        random signs, whose squares have the wanted sums of squares as their mean (Hutchinson's
        estimator); that of the perceived distance from how its gradient changes over half a step.
        """
        latents = self.start.detach().requires_grad_()
        shown = self._shown(latents)
        signs = torch.randint(0, 2, shown.shape, generator=generator).to(shown) * 2.0 - 1.0
        (product,) = torch.autograd.grad(shown, [latents], signs)
        found = self.weight * product.square().mean((2, 3), keepdim=True)
        if not self.worth.perceived:
            return found
        signs = torch.randint(0, 2, latents.shape, generator=generator).to(latents) * 2.0 - 1.0
        ends = []
        for place in (latents, latents.detach() + 0.5 * signs):
            place.requires_grad_()
            ends.append(torch.autograd.grad(self._perceived(self._shown(place)), [place])[0])
        bend = (ends[1] - ends[0]) * signs
        return found + bend.mean((2, 3), keepdim=True).clamp(min=0.0)

    def _shown(self, symbols: Tensor) -> Tensor:
        """The decoded pixels of the area and its margin."""
        latents = self.around.clone()
        latents[:, :, self.inside[0], self.inside[1]] = symbols
        shown = self.proxy.synthesise(latents, self.quality)
        if self.gray:
            shown = shown.mean(1, keepdim=True)
        return shown[:, :, : self.target.shape[2], : self.target.shape[3]]

    def _distortion(self, symbols: Tensor) -> Tensor:
        """What the distortion is worth, in bits."""
        shown = self._shown(symbols)
        error = self.weight * (shown - self.target).square().sum()
        return error + self._perceived(shown) if self.worth.perceived else error

    def _perceived(self, shown: Tensor) -> Tensor:
        target, shown = (pixels.expand(-1, 3, -1, -1) for pixels in (self.target, shown))
        pixels = target.shape[2] * target.shape[3]
        cost = self.worth.perceived * distances(target, shown)
        return pixels * (cost + self.worth.calm * unrest(target, shown)).sum()

    def _predict(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        h, w = symbols.shape[2:]
        padded = F.pad(symbols, (0, -w % HYPER_STRIDE, 0, -h % HYPER_STRIDE))
        mean, sigma = self.proxy.predict(padded, self.z_hat, self.quality)
        return mean[:, :, :h, :w], sigma[:, :, :h, :w]


def _with_margin(part: slice, size: int) -> slice:
    return slice(max(0, part.start - MARGIN), min(size, part.stop + MARGIN))
