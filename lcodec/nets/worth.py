"""What the distortion of a single picture is worth in bits, and where in it: for search and looks.

As in training, but squared error counts more. A network that must do well on all pictures cannot
exploit what a measure overlooks as a search on one picture can (docs/effort.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lcodec.metrics.localdistance import LocalMeasure
from lcodec.metrics.maps import MIN_SIDE
from lcodec.metrics.smooth import smooth_blocks, unrest_by_block
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import Tune

MOST_OF_A_COLOUR = 1.5
"""Factor by which the squared error of one colour of 16x16 pixels may rise, whatever else gains.

What a measure likes and hardly anything else does stays out, such as dark blue stripes in red: the
cube roots of SSIMULACRA2 are steep where a colour is nearly black.
"""
LITTLE_OF_A_COLOUR = 4.0 * PATCH**2 / 255.0**2
"""And by this, which is hardly visible: mean squares of 4 levels of 255."""

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


@dataclass(frozen=True)
class LocalWorth:
    """What the distortion of pictures is worth, in bits, and where.

    Attributes:
        total: the worth (B,), without a gradient.
        cells: (B, h, w), by 16x16 pixels, as those of a `LocalDistance`.
        errors: (B, C, h, w), squared error of each channel, summed over 16x16 pixels, without a
            gradient.
        norms: of `LocalDistance`; empty if what is seen does not count.
    """

    total: Tensor
    cells: Tensor
    errors: Tensor
    norms: tuple[Tensor, ...]


class Distortion:
    """What the distortion of pictures is worth, in bits, by 16x16 pixels.

    Attributes:
        worth: of each kind of distortion.
        smooth: mask (B, H // 16, W // 16) of the whole blocks of the pictures that are smooth.
    """

    def __init__(self, worth: Worth, target: Tensor, finest: bool = True) -> None:
        """Prepare for ``target`` (B, 3, H, W) in [0, 1], or (B, 1, H, W) for gray pictures.

        For ``finest`` see `LocalMeasure`.
        """
        self.worth = worth
        self._target = target
        self._colour = target.expand(-1, 3, -1, -1)
        seen = worth.perceived
        with torch.autocast(target.device.type, enabled=False), torch.no_grad():
            self.smooth = smooth_blocks(255.0 * target.float())
            self._distance = (
                None
                if seen is None
                else LocalMeasure(self._colour, PATCH, seen.fine, finest=finest)
            )

    def of(self, shown: Tensor, norms: tuple[Tensor, ...] | None = None) -> LocalWorth:
        """The worth of the distortion of ``shown``, in the shape of the target.

        Differentiable with respect to it; see `LocalMeasure` for ``norms``.
        """
        errors = self._errors(shown)
        cells = _each(self.worth.error) * errors.mean(1)
        errors = errors.detach()
        seen = self.worth.perceived
        if seen is None or self._distance is None:
            return LocalWorth(cells.detach().sum((1, 2)), cells, errors, ())
        height, width = shown.shape[2:]
        h, w = cells.shape[1:]
        colour = shown.expand(-1, 3, -1, -1)
        unrest = unrest_by_block(self._colour, colour, self.smooth)
        unrest = F.pad(unrest, (0, w - unrest.shape[2], 0, h - unrest.shape[1]))
        cells = cells + height * width * _each(seen.calm) * unrest
        found = self._distance(colour, norms)
        total = cells.detach().sum((1, 2)) + height * width * seen.distance * found.total
        cells = cells + height * width * _each(seen.distance) * found.cells
        return LocalWorth(total, cells, errors, found.norms)

    def _errors(self, shown: Tensor) -> Tensor:
        square = (shown - self._target).square()
        square = F.pad(square, (0, -square.shape[3] % PATCH, 0, -square.shape[2] % PATCH))
        h, w = (side // PATCH for side in square.shape[2:])
        return square.view(*square.shape[:2], h, PATCH, w, PATCH).sum((3, 5))


def keeps_colours(errors: Tensor, before: Tensor) -> Tensor:
    """Where no colour's squared error (B, C, h, w) has risen by more than it may (B, h, w)."""
    limit = MOST_OF_A_COLOUR * before + LITTLE_OF_A_COLOUR
    return (errors <= limit).all(1)


def _each(values: Tensor) -> Tensor:
    """Values of pictures (B,), or one for all, to multiply with (B, h, w)."""
    return values.reshape(-1, 1, 1)
