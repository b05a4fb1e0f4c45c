"""What the distortion of a single picture is worth in bits, and where in it: for search and looks.

As in training, but squared error counts more. A network that must do well on all pictures cannot
exploit what a measure overlooks as a search on one picture can (docs/effort.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from lcodec.metrics.smooth import unrest_by_block
from lcodec.metrics.ssimulacra2 import MIN_SIDE, LocalDistance, local_distance
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import Tune

SEARCHED_ERROR = 2.5
"""Factor on the worth of squared error, where it is not all that counts."""


@dataclass(frozen=True)
class Perceived:
    """Bits per pixel (B,) that what is seen of pictures is worth.

    Attributes:
        distance: of an SSIMULACRA2 distance of 1.
        fine: distance that a fine dissimilarity of 1 counts as.
        calm: of an unrest of smooth areas of 1 (`lcodec.metrics.smooth`).
    """

    distance: Tensor
    fine: float
    calm: Tensor


@dataclass(frozen=True)
class Worth:
    """Bits per pixel (B,) that the distortion of pictures is worth.

    Attributes:
        error: of a mean squared error of 1, samples from 0 to 1.
        perceived: of what is seen; None if that does not count.
    """

    error: Tensor
    perceived: Perceived | None = None


def counts_what_is_seen(tune: Tune, sides: tuple[int, int]) -> bool:
    """Whether more than squared error counts for a picture of ``sides`` (H, W), large enough."""
    return tune.perceived is not None and min(sides) >= MIN_SIDE


def worth_at(tune: Tune, quality: Tensor, sides: tuple[int, int]) -> Worth:
    """The worth for pictures of ``sides`` (H, W) at the networks' qualities (B,)."""
    if tune.perceived is None or not counts_what_is_seen(tune, sides):
        return Worth(255.0**2 * tune.reference.at(quality))
    calm = quality.new_zeros(()) if tune.calm is None else tune.calm.at(quality)
    perceived = Perceived(tune.perceived.at(quality), tune.fine, calm)
    return Worth(255.0**2 * SEARCHED_ERROR * tune.error.at(quality), perceived)


def distortion(
    worth: Worth, target: Tensor, shown: Tensor, norms: tuple[Tensor, ...] | None = None
) -> LocalDistance:
    """What distortion is worth, in bits, by 16x16 pixels; see `LocalDistance` for ``norms``.

    ``target`` and ``shown`` (B, 3, H, W), or (B, 1, H, W) for gray pictures, in [0, 1].
    """
    height, width = target.shape[2:]
    cells = _each(worth.error) * squared_errors(target, shown)
    h, w = cells.shape[1:]
    seen = worth.perceived
    if seen is None:
        return LocalDistance(cells.detach().sum((1, 2)), cells, ())
    target, shown = (pixels.expand(-1, 3, -1, -1) for pixels in (target, shown))
    blocks = height * width * _each(seen.calm) * unrest_by_block(target, shown)
    cells = cells + F.pad(blocks, (0, w - blocks.shape[2], 0, h - blocks.shape[1]))
    found = local_distance(target, shown, PATCH, norms, seen.fine)
    total = cells.detach().sum((1, 2)) + height * width * seen.distance * found.total
    cells = cells + height * width * _each(seen.distance) * found.cells
    return LocalDistance(total, cells, found.norms)


def squared_errors(target: Tensor, shown: Tensor) -> Tensor:
    """Squared error, mean over channels, summed over 16x16 pixels: (B, h, w)."""
    square = (shown - target).square().mean(1)
    square = F.pad(square, (0, -square.shape[2] % PATCH, 0, -square.shape[1] % PATCH))
    h, w = (side // PATCH for side in square.shape[1:])
    return square.view(-1, h, PATCH, w, PATCH).sum((2, 4))


def _each(values: Tensor) -> Tensor:
    """Values of pictures (B,), or one for all, to multiply with (B, h, w)."""
    return values.reshape(-1, 1, 1)
