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
from lcodec.integer.likelihood import logistic_bits
from lcodec.nets.quality import quality_lambda
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.picture import Samples
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.tiles import PictureSymbols, TileArea, tile_areas

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
    """What the symbols of an area cost, and what a change of each would, all in bits.

    Attributes:
        total: bits plus weighted squared error.
        slope: gradient of all but a symbol's own bits, (1, M, h, w): of the error, and of the
            bits of those symbols that are predicted from it.
        mean, sigma: prediction of every symbol, for its own bits; shape as ``slope``.
    """

    total: float
    slope: Tensor
    mean: Tensor
    sigma: Tensor


class Problem:
    """Symbols of one area (1, M, h, w), the picture around them held fixed.

    Errors count in the area and in a margin around it, as far as the picture goes.
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
        self.level = proxy.level(header.quality)
        device = self.level.device
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
        """Pixels to come near to, cut off at the edges of the picture."""
        top, left = rows.start * PATCH, columns.start * PATCH
        bottom = min(rows.stop * PATCH, header.height)
        right = min(columns.stop * PATCH, header.width)
        target = transform.load(pixels, slice(top, bottom), slice(left, right))
        self.gray = header.channels == 1
        self.target = target[:, :1] if self.gray else target
        # Bits that a squared error of 1 in one sample is worth.
        self.weight = 255.0**2 * quality_lambda(header.quality) / header.channels

    def costs(self, symbols: Tensor, below: float) -> Costs | None:
        """Costs of symbols in the shape of ``start``; None if their total is not less than this."""
        own = symbols.detach()
        with torch.no_grad():
            error = float(self._error(own))
        latents = symbols.detach().requires_grad_()
        mean, sigma = self._predict(latents)
        bits = logistic_bits(own, mean, sigma).sum()
        total = float(bits.detach()) + error
        if not total < below:
            return None
        # One graph after the other: synthesis and entropy model never need memory together.
        (slope,) = torch.autograd.grad(bits, [latents])
        (by_error,) = torch.autograd.grad(self._error(latents), [latents])
        return Costs(total, slope + by_error, mean.detach(), sigma.detach())

    def curvature(self, generator: torch.Generator) -> Tensor:
        """Half the second derivative of the error by each latent, mean of a channel: (1, M, 1, 1).

        From products of the synthesis' transposed derivative with random signs, whose squares
        have the wanted sums of squares as their mean (Hutchinson's estimator).
        """
        latents = self.start.detach().requires_grad_()
        shown = self._shown(latents)
        signs = torch.randint(0, 2, shown.shape, generator=generator).to(shown) * 2.0 - 1.0
        (product,) = torch.autograd.grad(shown, [latents], signs)
        return self.weight * product.square().mean((2, 3), keepdim=True)

    def _shown(self, symbols: Tensor) -> Tensor:
        """The decoded pixels of the area and its margin."""
        latents = self.around.clone()
        latents[:, :, self.inside[0], self.inside[1]] = symbols
        shown = self.proxy.synthesise(latents, self.level)
        if self.gray:
            shown = shown.mean(1, keepdim=True)
        return shown[:, :, : self.target.shape[2], : self.target.shape[3]]

    def _error(self, symbols: Tensor) -> Tensor:
        return self.weight * (self._shown(symbols) - self.target).square().sum()

    def _predict(self, symbols: Tensor) -> tuple[Tensor, Tensor]:
        h, w = symbols.shape[2:]
        padded = F.pad(symbols, (0, -w % HYPER_STRIDE, 0, -h % HYPER_STRIDE))
        mean, sigma = self.proxy.predict(padded, self.z_hat, self.level)
        return mean[:, :, :h, :w], sigma[:, :, :h, :w]


def _with_margin(part: slice, size: int) -> slice:
    return slice(max(0, part.start - MARGIN), min(size, part.stop + MARGIN))
