"""Where in a picture its SSIMULACRA2 distance comes from: for search and looks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.metrics.maps import TINY, Original, difference_maps, perceived, pyramid, scales


@dataclass(frozen=True)
class LocalDistance:
    """Where in pictures the distance comes from.

    Attributes:
        total: the distance (B,), without a gradient.
        cells: (B, h, w), for each cell of a picture. They do not add up to ``total``, but they
            change as it does: their sum has the gradient of the distance if ``norms`` are the
            picture's own.
        norms: mean fourth power of each map (B, channels, 3), for each scale.
    """

    total: Tensor
    cells: Tensor
    norms: tuple[Tensor, ...]


class LocalMeasure:
    """Measures distances from one picture, or several, by cells.

    What depends on the picture alone is computed once: almost half of a distance.
    """

    def __init__(
        self, reference: Tensor, cell: int, fine: float = 0.0, finest: bool = True
    ) -> None:
        """Prepare distances from ``reference`` (B, 3, H, W), sRGB in [0, 1].

        ``cell`` pixels, a power of two, are the side of a cell; ``fine`` is the weight of the
        fine dissimilarity, which is added to the distance. Without the ``finest`` scale, which
        takes three quarters of the time, only coarser ones count, if there are any.
        """
        self._cell = cell
        self._shape = tuple(-(-side // cell) for side in reference.shape[2:])
        self._scales = scales(reference, fine)
        first = 0 if finest or len(self._scales) == 1 else 1
        with torch.autocast(reference.device.type, enabled=False):
            self._originals = [
                Original.of(perceived(light, scale.channels))
                if scale.channels and scale.number >= first
                else None
                for scale, light in zip(self._scales, pyramid(reference), strict=False)
            ]

    def __call__(self, decoded: Tensor, norms: tuple[Tensor, ...] | None = None) -> LocalDistance:
        """The distance of ``decoded`` (B, 3, H, W), sRGB in [0, 1], values outside clipped.

        Differentiable with respect to it. 4-norms do not add up, so a cell has its share of their
        linear approximation: around the picture's own, or around the ``norms`` of another version
        of it, to compare the two cell by cell.
        """
        found: list[Tensor] = []
        with torch.autocast(decoded.device.type, enabled=False):
            shape = (len(decoded), *self._shape)
            cells = torch.zeros(shape, dtype=torch.float32, device=decoded.device)
            total = cells[:, 0, 0].clone()
            every = zip(self._scales, self._originals, pyramid(decoded), strict=False)
            for scale, original, light in every:
                if original is None:
                    continue
                maps = difference_maps(original, perceived(light, scale.channels))
                fourth = maps.square().square()
                by_mean, by_norm = torch.split(scale.weights, 3, 1)
                found.append(fourth.detach().mean((3, 4)) + TINY)
                around = found[-1] if norms is None else norms[len(found) - 1]
                slope = 0.25 * by_norm * around**-0.75
                local = maps * by_mean[..., None, None] + fourth * slope[..., None, None]
                cells = cells + self._by_cell(local.sum((1, 2)), scale.number)
                mean = maps.detach().mean((3, 4))
                total = total + (mean * by_mean + found[-1] ** 0.25 * by_norm).sum((1, 2))
        return LocalDistance(total, cells, tuple(found))

    def _by_cell(self, values: Tensor, number: int) -> Tensor:
        """Parts of the mean by cell (B, h, w) of values (B, H, W) at a scale."""
        values = values / (values.shape[1] * values.shape[2])
        inside, outside = max(1, self._cell >> number), max(1, 2**number // self._cell)
        h, w = (-(-side // outside) for side in self._shape)
        values = F.pad(values, (0, w * inside - values.shape[2], 0, h * inside - values.shape[1]))
        sums = values.view(-1, h, inside, w, inside).sum((2, 4))
        spread = sums.repeat_interleave(outside, 1).repeat_interleave(outside, 2) / outside**2
        found: Tensor = spread[:, : self._shape[0], : self._shape[1]]
        return found
