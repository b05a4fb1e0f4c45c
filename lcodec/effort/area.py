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
from lcodec.limits import PIECE
from lcodec.nets.steps import LINEAR_SHARE
from lcodec.nets.transforms import HYPER_STRIDE, PATCH
from lcodec.nets.worth import Distortion, worth_at
from lcodec.picture import Samples
from lcodec.pipeline.areas import NEAR, TileArea, tile_areas
from lcodec.pipeline.pixels import PixelTransform
from lcodec.pipeline.symbols import PictureSymbols


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


def areas(header: Header, side: int = PIECE) -> Iterator[Area]:
    """All areas of a picture; ``side`` is a multiple of 4."""
    for tile in tile_areas(header):
        for rows, columns in tile.pieces(side):
            yield Area(tile, rows, columns)


@dataclass(frozen=True)
class Seen:
    """What the distortion of an area is worth, in bits.

    Attributes:
        total: the worth.
        cells: (h, w), that of the 16x16 pixels of each latent position, up to a constant.
        errors: (1, C, h, w), their squared errors.
        norms: of `LocalDistance`, which ``cells`` depend on; empty if that does not count.
        slope: gradient (1, M, h, w) of the sum of ``cells``; None if not asked for.
    """

    total: float
    cells: Tensor
    errors: Tensor
    norms: tuple[Tensor, ...]
    slope: Tensor | None


@dataclass(frozen=True)
class Prediction:
    """How the symbols of an area are predicted; all (1, M, h, w), or a zero.

    Attributes:
        mean, sigma: of each symbol.
        influence: gradient of the bits of the symbols that are predicted from it.
    """

    mean: Tensor
    sigma: Tensor
    influence: Tensor

    def bits(self, symbols: Tensor) -> Tensor:
        """Own bits of each of such symbols."""
        return logistic_bits(symbols, self.mean, self.sigma)


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
        self.sides = target.shape[2:]
        worth = worth_at(self.proxy.config.factors, self.quality, (header.height, header.width))
        self.distortion = Distortion(worth, target[:, :1] if self.gray else target)
        # Bits that a squared error of 1 in one sample is worth.
        self.weight = float(worth.error) / header.channels

    def seen(
        self, symbols: Tensor, norms: tuple[Tensor, ...] | None = None, slope: bool = True
    ) -> Seen:
        """What the distortion of symbols in the shape of ``start`` is worth.

        To compare two versions cell by cell, give the ``norms`` of one to the other.
        """
        latents = symbols.detach().requires_grad_(slope)
        with torch.set_grad_enabled(slope):
            found = self.distortion.of(self._shown(latents), norms)
        gradient = torch.autograd.grad(found.cells.sum(), [latents])[0] if slope else None
        cells = self._folded(found.cells[0].detach())
        return Seen(float(found.total), cells, self._folded(found.errors), found.norms, gradient)

    def prediction(self, symbols: Tensor, influence: bool = False) -> Prediction:
        """How each symbol is predicted from those before it, and with ``influence`` what it does.

        Without, the influence is zero, which takes a third of the time.
        """
        if not influence:
            with torch.no_grad():
                return Prediction(*self._predict(symbols, self.z_hat), symbols.new_zeros(()))
        latents = symbols.detach().requires_grad_()
        mean, sigma = self._predict(latents, self.z_hat)
        bits = logistic_bits(symbols.detach(), mean, sigma).sum()
        (slope,) = torch.autograd.grad(bits, [latents])
        return Prediction(mean.detach(), sigma.detach(), slope)

    def bits(self, symbols: Tensor, z_hat: Tensor) -> Tensor:
        """Bits of symbols at each position (h, w), described by hyper-latents ``z_hat``."""
        return logistic_bits(symbols, *self._predict(symbols, z_hat)).sum((0, 1))

    def hyper_bits(self, z_hat: Tensor) -> Tensor:
        """Bits of every hyper-latent, in the shape of ``z_hat`` (1, Z, h/4, w/4)."""
        return self.proxy.hyper_bits(z_hat, self.quality)

    def curvature(self) -> Tensor:
        """Half the second derivative of the squared error's worth, by channel: (1, M, 1, 1).

        Most of that of the linear branch of the synthesis. What else counts bends too unevenly to
        be foretold.
        """
        return LINEAR_SHARE * self.weight * self.proxy.energy(self.quality, self.gray)

    def _shown(self, symbols: Tensor) -> Tensor:
        """The decoded pixels of the area and its margin."""
        latents = self.around.clone()
        latents[:, :, self.inside[0], self.inside[1]] = symbols
        shown = self.proxy.synthesise(latents, self.quality)
        if self.gray:
            shown = shown.mean(1, keepdim=True)
        return shown[:, :, : self.sides[0], : self.sides[1]]

    def _folded(self, cells: Tensor) -> Tensor:
        """Cells (..., h, w) of the area; those of the margin are added to the nearest of them."""
        for axis, part in zip((-2, -1), self.inside, strict=True):
            sizes = [part.start, part.stop - part.start, cells.shape[axis] - part.stop]
            before, own, after = torch.split(cells, sizes, axis)
            own = own.clone()
            own.select(axis, 0).add_(before.sum(axis))
            own.select(axis, -1).add_(after.sum(axis))
            cells = own
        return cells

    def _predict(self, symbols: Tensor, z_hat: Tensor) -> tuple[Tensor, Tensor]:
        h, w = symbols.shape[2:]
        padded = F.pad(symbols, (0, -w % HYPER_STRIDE, 0, -h % HYPER_STRIDE))
        mean, sigma = self.proxy.predict(padded, z_hat, self.quality)
        return mean[:, :, :h, :w], sigma[:, :, :h, :w]


def _with_margin(part: slice, size: int) -> slice:
    return slice(max(0, part.start - NEAR), min(size, part.stop + NEAR))
